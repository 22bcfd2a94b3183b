"""Near scenes: small things on tables, heaps of things on floors."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import palette, things
from marigold_cli.scenes.rooms import build_room, furnish
from marigold_cli.scenes.scene import Lens, Place, Scene, Shape


def sample_tabletop(rng: Random) -> Scene:
    """Small things on a table in a room, seen from 0.3 to 1.2 m and above."""
    half = (rng.uniform(1.2, 3), rng.uniform(1.2, 3.5))
    scene = build_room(rng, half, rng.uniform(2.3, 3.2))
    height = rng.choice((0.74, 0.74, 0.45, 0.9, 0.0))
    top = (rng.uniform(0.35, 1.1), rng.uniform(0.3, 0.6))
    place = Place(0, rng.uniform(-0.3, 0.3) * half[1] + 0.2, height)
    if height:
        cover = palette.wood(rng) if rng.random() < 0.65 else palette.fabric(rng)
        scene.add(Shape.BOX, place.at(0, 0, -0.02), (*top, 0.02), cover)
        for i in (-1, 1):
            for j in (-1, 1):
                leg = Place(place.x + i * (top[0] - 0.06), place.y + j * (top[1] - 0.06))
                scene.stand(Shape.BOX, leg, (0.025, 0.025, height / 2 - 0.02), cover)
    furnish(scene, rng, half, rng.randrange(1, 5), 0)
    things.scatter(scene, rng, place, (top[0] * 0.8, top[1] * 0.85), rng.randrange(3, 24))
    _lean_over(scene, rng, place)
    return scene


def _lean_over(scene: Scene, rng: Random, place: Place) -> None:
    """Look down at a spot on the table from a person's or a cup's height."""
    steep = rng.choice((rng.uniform(0.1, 0.5), rng.uniform(0.4, 1.0), rng.uniform(0.9, 1.5)))
    away, around = palette.spread(rng, 0.45, 1.5), rng.gauss(0, 0.35)
    flat = away * math.cos(steep)
    spot = place.at(rng.gauss(0, 0.12), rng.gauss(0, 0.1), 0.04)
    scene.camera = (
        spot.x - flat * math.sin(around),
        spot.y - flat * math.cos(around),
        spot.z + away * math.sin(steep),
    )
    scene.heading, scene.pitch = around, -steep + rng.gauss(0, 0.05)
    scene.field_of_view = math.radians(rng.uniform(38, 75))
    scene.lens = Lens(focus=away, aperture=rng.choice((0.0, 0.0, 0.004, 0.012)))


def sample_clutter(rng: Random) -> Scene:
    """A heap of things of all shapes on a floor, near a wall."""
    half = (rng.uniform(1.2, 2.5), rng.uniform(1.5, 3))
    scene = build_room(rng, half, rng.uniform(2.3, 3))
    shapes = [shape for shape in Shape if shape is not Shape.CROWN]
    for _ in range(rng.randrange(8, 45)):
        size = palette.spread(rng, 0.04, 0.4)
        sides = tuple(size * palette.spread(rng, 0.25, 1.5) for _ in range(3))
        there = Place(
            rng.gauss(0, 0.6),
            rng.gauss(0.3, 0.7),
            rng.choice((0, 0, 0, 0, 0, rng.uniform(0, 0.8))),
            rng.uniform(0, 3),
        )
        cover = rng.choice(
            (palette.paint, palette.fabric, palette.glazed, palette.wood, palette.metal)
        )
        material = palette.printed(rng, size) if rng.random() < 0.2 else cover(rng)
        tilt = rng.choice(((0.0, 0.0), (0.0, 0.0), (rng.gauss(0, 0.6), rng.gauss(0, 0.6))))
        half_size = (sides[0], sides[1], sides[2])
        scene.add(rng.choice(shapes), there.at(0, 0, half_size[2]), half_size, material, tilt)
    for _ in range(rng.choice((0, 0, 6, 14))):
        ends = [(rng.gauss(0, 0.8), rng.gauss(0.3, 0.8), rng.uniform(0, 1.6)) for _ in range(2)]
        scene.bar(ends[0], ends[1], palette.spread(rng, 0.004, 0.04), palette.metal(rng))
    away, high = rng.uniform(1, 2.2), rng.uniform(0.2, 1.8)
    scene.camera = (rng.gauss(0, 0.3), max(0.3 - away, 0.1 - half[1]), high)
    scene.heading, scene.pitch = rng.gauss(0, 0.15), math.atan2(0.25 - high, away)
    scene.field_of_view = math.radians(rng.uniform(45, 85))
    scene.lens = Lens(focus=away)
    return scene
