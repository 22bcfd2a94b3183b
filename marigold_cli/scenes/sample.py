"""Random scenes: what stands where, of what, under which light, seen from where.

A scene is drawn by one NumPy generator, so that it depends on its own seed alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from marigold_cli.scenes import props
from marigold_cli.scenes.props import Material, Scene, Vector, draw_material


def sample_scene(seed: int) -> Scene:
    """Draw the scene of one seed."""
    rng = np.random.default_rng(seed)
    kinds: list[Callable[[Generator], Scene]] = [_room, _street, _table, _field]
    scene = kinds[rng.choice(4, p=[0.45, 0.25, 0.15, 0.15])](rng)
    scene.roll = float(rng.normal(0, 0.03))
    return scene


def _room_light(rng: Generator) -> Vector:
    """Ambient light of a room or a lit table."""
    level = rng.uniform(0.15, 0.6)
    warm = rng.uniform(0.75, 1)
    return level, level * warm, level * warm**2


def _room(rng: Generator) -> Scene:
    width, depth, height = rng.uniform(2.2, 6), rng.uniform(2.5, 8), rng.uniform(2.2, 3.4)
    walls = draw_material(rng, 1.5, 0.3)
    materials = [walls if rng.random() < 0.7 else draw_material(rng, 1.5, 0.2) for _ in range(4)]
    scene = Scene(
        hull=(-width / 2, width / 2, -0.6, depth, 0.0, height),
        hull_materials=[*materials, draw_material(rng, 3), draw_material(rng, 0.5, 0.5)],
        light=(rng.uniform(-1, 1) * width / 2.5, rng.uniform(0, depth), height * 0.93),
        light_colour=(1.0, float(rng.uniform(0.75, 1)), float(rng.uniform(0.6, 1))),
        ambient=_room_light(rng),
        haze=0.0,
        cloud_cover=0.0,
    )
    for _ in range(rng.integers(2, 8)):
        _furnish(scene, rng, width, depth)
    for _ in range(rng.integers(0, 5)):
        props.add_hanging(scene, rng, width, depth, height)
    scene.camera = (
        float(rng.uniform(-0.35, 0.35) * width),
        float(rng.uniform(-0.4, 0.3)),
        float(rng.uniform(0.4, min(2.0, height - 0.3))),
    )
    scene.heading = float(rng.normal(0, 0.35))
    scene.pitch = float(rng.normal(-0.12, 0.15))
    scene.field_of_view = float(rng.uniform(0.8, 1.5))
    return scene


def _furnish(scene: Scene, rng: Generator, width: float, depth: float) -> None:
    """Stand one piece of furniture on the floor, often along a wall."""
    x, y = rng.uniform(-0.5, 0.5) * width, rng.uniform(1.0, depth)
    if rng.random() < 0.4:
        x = float(rng.choice([-1, 1])) * (width / 2 - 0.3)
    turn = float(rng.choice([0, 0, rng.uniform(0, np.pi)]))
    make = rng.choice([0, 1, 2, 3, 4], p=[0.3, 0.2, 0.15, 0.2, 0.15])
    [props.add_cabinet, props.add_table, props.add_chair, props.add_heap, props.add_person][make](
        scene, rng, (float(x), float(y)), turn
    )


def _outside(rng: Generator, ground: Material) -> Scene:
    """An empty place under the sky."""
    away = np.inf
    high, around = rng.uniform(0.15, 1.3), rng.uniform(0, 2 * np.pi)
    sun = 2e3 * np.array(
        [np.cos(high) * np.cos(around), np.cos(high) * np.sin(around), np.sin(high)]
    )
    blue, level = rng.uniform(0, 0.35), rng.uniform(0.3, 0.8)
    return Scene(
        hull=(-away, away, -away, away, 0.0, away),
        hull_materials=[ground] * 6,
        light=(float(sun[0]), float(sun[1]), float(sun[2])),
        light_colour=(1.2, 1.15, float(rng.uniform(0.8, 1.1))),
        ambient=(level * (1 - blue), level * (1 - blue / 2), level),
        haze=float(rng.choice([0.0, rng.uniform(0.001, 0.02)])),
        cloud_cover=float(rng.uniform(0, 1)),
        camera=(float(rng.uniform(-1.5, 1.5)), 0.0, float(np.exp(rng.uniform(-0.7, 1.3)))),
        heading=float(rng.normal(0, 0.2)),
        pitch=float(rng.normal(-0.06, 0.12)),
        field_of_view=float(rng.uniform(0.7, 1.5)),
    )


def _street(rng: Generator) -> Scene:
    scene = _outside(rng, draw_material(rng, 1.0))
    half_width = rng.uniform(4, 12)
    for side in (-1, 1):
        y = rng.uniform(-5, 15)
        while y < 90 and rng.random() < 0.92:
            props.add_building(scene, rng, side * half_width, float(y))
            y += rng.uniform(6, 18)
    for _ in range(rng.integers(2, 9)):
        at = (float(rng.uniform(-1, 1) * half_width * 0.9), float(np.exp(rng.uniform(1.1, 3.8))))
        _place_outside(scene, rng, at, [0.35, 0.25, 0.2, 0.2])
    return scene


def _field(rng: Generator) -> Scene:
    scene = _outside(rng, draw_material(rng, 0.7))
    for _ in range(rng.integers(3, 14)):
        y = float(np.exp(rng.uniform(0.8, 4.2)))
        _place_outside(scene, rng, (float(rng.uniform(-0.8, 0.8) * y), y), [0.1, 0.25, 0.15, 0.5])
    if rng.random() < 0.4:
        props.add_building(scene, rng, float(rng.uniform(-30, 30)), float(rng.uniform(12, 70)))
    return scene


def _place_outside(
    scene: Scene, rng: Generator, at: tuple[float, float], odds: list[float]
) -> None:
    make = rng.choice(4, p=odds)
    [props.add_car, props.add_person, props.add_pole, props.add_tree][make](
        scene, rng, at, float(rng.choice([0, rng.uniform(0, 3)]))
    )


def _table(rng: Generator) -> Scene:
    """Small things on a table top or a floor, seen from near and above."""
    scene = _room(rng)
    top = float(rng.uniform(0.0, 0.8))
    scene.things = scene.things[: rng.integers(0, 6)]
    props.add_box(
        scene,
        (0.0, 0.9, top / 2),
        (rng.uniform(0.5, 1.2), 0.7, top / 2 + 0.01),
        0.0,
        draw_material(rng),
    )
    for _ in range(rng.integers(3, 12)):
        spot = (float(rng.uniform(-0.45, 0.45)), float(rng.uniform(0.35, 1.4)))
        props.add_small_thing(scene, rng, spot, top + 0.01)
    scene.camera = (float(rng.uniform(-0.2, 0.2)), -0.1, top + float(rng.uniform(0.15, 0.9)))
    scene.pitch = float(-np.arctan2(scene.camera[2] - top, rng.uniform(0.7, 1.6)))
    scene.heading = float(rng.normal(0, 0.1))
    return scene
