"""What stands in a scene, and of what it is made: furniture, people, cars, trees, small things.

Every function draws from the generator it is given and adds solids to the scene.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from marigold_cli.scenes.materials import Pattern
from marigold_cli.scenes.shapes import Solid

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """One surface; see `materials.Materials` for the meaning of each value."""

    first: Vector
    second: Vector
    pattern: Pattern
    scale: float
    stretch: float = 1.0
    grain: float = 0.3
    gloss: float = 0.0
    glow: float = 0.0


@dataclass(frozen=True)
class Thing:
    """One solid with its place, size [m], turn [rad] and material."""

    solid: Solid
    centre: Vector
    half: Vector
    turn: float
    material: Material


@dataclass
class Scene:
    """Everything that the renderer needs to know, in metres and radians; z = 0 is the ground."""

    hull: tuple[float, ...]  # left, right, back, front, floor, ceiling; infinite: no such face
    hull_materials: list[Material]
    light: Vector  # where the main light is; far away: the sun
    light_colour: Vector
    ambient: Vector
    haze: float  # [1/m]
    cloud_cover: float
    camera: Vector = (0.0, 0.0, 1.5)
    heading: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    field_of_view: float = 1.0
    things: list[Thing] = field(default_factory=list)


def _colour(rng: Generator, low: float = 0.05, high: float = 0.85) -> Vector:
    """An albedo: mostly muted, sometimes vivid."""
    grey = rng.uniform(low, high)
    tint = rng.normal(0, rng.choice([0.02, 0.05, 0.08, 0.2]), 3)
    red, green, blue = np.clip(grey + tint * grey * 2, 0.02, 0.95)
    return float(red), float(green), float(blue)


def draw_material(rng: Generator, scale: float = 3.0, low: float = 0.05) -> Material:
    """A random surface; `scale` is its usual number of pattern cells per metre."""
    first = _colour(rng, low)
    contrast = float(rng.uniform(0.4, 1.6))
    near = tuple(float(np.clip(c * contrast, 0.02, 0.95)) for c in first)
    return Material(
        first=first,
        second=_colour(rng) if rng.random() < 0.3 else (near[0], near[1], near[2]),
        pattern=Pattern(rng.choice(6, p=[0.35, 0.12, 0.1, 0.15, 0.18, 0.1])),
        scale=float(scale * np.exp(rng.normal(0, 0.7))),
        stretch=float(rng.choice([1, 1, 2, 0.4])),
        grain=float(rng.uniform(0.05, 0.6)),
        gloss=float(rng.choice([0, 0, rng.uniform(0.1, 0.8)])),
    )


def _glowing(rng: Generator) -> Material:
    warm = float(rng.uniform(0.7, 1))
    return Material((1, warm, warm), (1, 1, 1), Pattern.PLAIN, 1, glow=float(rng.uniform(0.5, 2)))


def add_box(scene: Scene, centre: Vector, half: Vector, turn: float, material: Material) -> None:
    """Put up one box."""
    scene.things.append(Thing(Solid.BOX, centre, half, turn, material))


def add_cabinet(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """A solid piece of furniture, perhaps with small things on it."""
    half = (rng.uniform(0.2, 0.9), rng.uniform(0.15, 0.5), rng.uniform(0.15, 1.0))
    add_box(scene, (*at, half[2]), half, turn, draw_material(rng))
    for _ in range(rng.integers(0, 3)):
        spot = (at[0] + rng.uniform(-0.5, 0.5) * half[0], at[1] + rng.uniform(-0.5, 0.5) * half[1])
        add_small_thing(scene, rng, spot, 2 * half[2])


def add_table(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """A top on four legs, perhaps with small things on it."""
    half = (rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.6))
    top, material = rng.uniform(0.4, 0.8), draw_material(rng)
    add_box(scene, (*at, top), (*half, 0.02), turn, material)
    cos, sin = np.cos(turn), np.sin(turn)
    for i, j in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        a, b = i * (half[0] - 0.05), j * (half[1] - 0.05)
        foot = (at[0] + cos * a - sin * b, at[1] + sin * a + cos * b, top / 2)
        add_box(scene, foot, (0.025, 0.025, top / 2), turn, material)
    for _ in range(rng.integers(0, 4)):
        spot = (at[0] + rng.uniform(-0.6, 0.6) * half[0], at[1] + rng.uniform(-0.6, 0.6) * half[1])
        add_small_thing(scene, rng, spot, top + 0.02)


def add_chair(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """A seat with a back."""
    size, seat, material = rng.uniform(0.2, 0.45), rng.uniform(0.3, 0.5), draw_material(rng)
    add_box(scene, (*at, seat / 2), (size, size, seat / 2), turn, material)
    back = (at[0] + np.sin(turn) * -size, at[1] + np.cos(turn) * size, seat + size * 0.7)
    add_box(scene, back, (size, 0.05, size * 0.9), turn, material)


def add_heap(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """Boxes on boxes."""
    height = 0.0
    for _ in range(rng.integers(1, 4)):
        half = (rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.25))
        add_box(scene, (*at, height + half[2]), half, turn + rng.normal(0, 0.2), draw_material(rng))
        height += 2 * half[2]
    add_small_thing(scene, rng, at, height)


def add_person(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """Someone standing."""
    height, clothes = rng.uniform(1.4, 1.9), draw_material(rng)
    wide = 0.13 * height
    legs = (wide * 0.8, wide * 0.5, height * 0.24)
    things = [
        (Solid.BOX, (*at, legs[2]), legs, draw_material(rng)),
        (Solid.ELLIPSOID, (*at, height * 0.62), (wide, wide * 0.6, height * 0.22), clothes),
        (Solid.ELLIPSOID, (*at, height * 0.92), (0.09, 0.1, 0.13), draw_material(rng)),
    ]
    scene.things += [Thing(solid, c, half, turn, material) for solid, c, half, material in things]


def add_small_thing(scene: Scene, rng: Generator, at: tuple[float, float], floor: float) -> None:
    """A cup, a book, a ball or a lamp standing at a height."""
    solid = Solid(rng.choice(3))
    half = tuple(float(v) for v in rng.uniform(0.03, 0.15, 3))
    if solid is Solid.CYLINDER:
        half = (half[0], half[0], half[2])
    place = (at[0], at[1], floor + half[2])
    turn = float(rng.uniform(0, np.pi))
    scene.things.append(
        Thing(solid, place, (half[0], half[1], half[2]), turn, draw_material(rng, 8))
    )


def add_hanging(scene: Scene, rng: Generator, width: float, depth: float, height: float) -> None:
    """A picture, a window or a shelf on a wall."""
    half = (rng.uniform(0.15, 0.7), rng.uniform(0.01, 0.2), rng.uniform(0.15, 0.6))
    up = rng.uniform(1.0, max(1.1, height - half[2]))
    material = _glowing(rng) if rng.random() < 0.3 else draw_material(rng, 5)
    if rng.random() < 0.5:
        x = rng.uniform(-0.4, 0.4) * width
        add_box(scene, (float(x), depth - half[1], up), half, 0.0, material)
    else:
        x = float(rng.choice([-1, 1])) * (width / 2 - half[1])
        add_box(scene, (x, float(rng.uniform(1, depth)), up), half, np.pi / 2, material)


def add_building(scene: Scene, rng: Generator, x: float, y: float) -> None:
    """A house front along a street, left or right of x = 0."""
    half = (rng.uniform(2, 6), rng.uniform(3, 8), rng.uniform(1.5, 10))
    centre = (x + np.sign(x) * half[0], y + half[1], half[2])
    add_box(
        scene,
        (float(centre[0]), float(centre[1]), half[2]),
        half,
        0.0,
        draw_material(rng, 0.8, 0.15),
    )


def add_car(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """A car of two boxes."""
    paint = draw_material(rng)
    glass = Material((0.05, 0.05, 0.05), (0.1, 0.1, 0.1), Pattern.PLAIN, 1, gloss=0.8)
    add_box(scene, (*at, 0.6), (0.85, 2.1, 0.4), turn, paint)
    add_box(scene, (*at, 1.2), (0.75, 1.1, 0.28), turn, glass if rng.random() < 0.7 else paint)


def add_pole(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """A pole, perhaps with a sign."""
    radius, half = rng.uniform(0.03, 0.15), rng.uniform(0.5, 3.5)
    things = scene.things
    things.append(
        Thing(Solid.CYLINDER, (*at, half), (radius, radius, half), turn, draw_material(rng))
    )
    if rng.random() < 0.5:
        add_box(
            scene, (*at, 2 * half), (rng.uniform(0.1, 0.5), 0.03, 0.25), turn, draw_material(rng)
        )


def add_tree(scene: Scene, rng: Generator, at: tuple[float, float], turn: float) -> None:
    """A trunk and a crown of a few ellipsoids."""
    trunk, crown = rng.uniform(0.3, 2.5), rng.uniform(0.5, 2.5)
    bark, leaves = draw_material(rng), _leaves(rng)
    scene.things.append(
        Thing(Solid.CYLINDER, (*at, trunk / 2), (0.1 * crown, 0.1 * crown, trunk / 2), turn, bark)
    )
    for _ in range(rng.integers(1, 4)):
        shift = rng.normal(0, 0.4, 3) * crown
        half = tuple(float(v) for v in crown * rng.uniform(0.6, 1.1, 3))
        centre = (at[0] + shift[0], at[1] + shift[1], trunk + crown * 0.8 + abs(shift[2]))
        thing = Thing(Solid.ELLIPSOID, centre, (half[0], half[1], half[2]), turn, leaves)
        scene.things.append(thing)


def _leaves(rng: Generator) -> Material:
    green = float(rng.uniform(0.08, 0.35))
    dark = (green * float(rng.uniform(0.4, 1.1)), green, green * float(rng.uniform(0.1, 0.6)))
    light = (dark[0] * 0.3, dark[1] * 0.3, dark[2] * 0.3)
    return Material(dark, light, Pattern.MARBLE, float(rng.uniform(2, 6)), grain=0.9)
