"""Gardens and hills."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from marigold_cli.scenes import outdoors, palette
from marigold_cli.scenes.figures import add_animal, add_person
from marigold_cli.scenes.open_air import open_place
from marigold_cli.scenes.scene import Place, Scene, Shape


def sample_garden(rng: Random) -> Scene:
    """Grass, beds, trees, bushes, a path, a fence, a house at the end."""
    scene = open_place(rng, palette.meadow(rng), 16)
    if rng.random() < 0.6:
        path, wide = palette.paving(rng), rng.uniform(0.4, 1.5)
        there = Place(rng.gauss(0, 1.5), 20, -0.39, rng.gauss(0, 0.15))
        scene.add(Shape.BOX, there, (wide, 30, 0.4), path)
    if rng.random() < 0.6:
        half = (rng.uniform(4, 9), rng.uniform(3, 5), rng.uniform(1.6, 5))
        there = Place(rng.gauss(0, 7), rng.uniform(9, 25) + half[1], 0, rng.gauss(0, 0.5))
        outdoors.add_house(scene, rng, there, half)
    if rng.random() < 0.6:
        turn, y = rng.choice((0.0, math.pi / 2)) + rng.gauss(0, 0.2), rng.uniform(4, 14)
        outdoors.add_fence(
            scene, rng, Place(-6 if turn < 1 else rng.uniform(-5, 5), y, 0, turn), 13
        )
    things: list[Callable[[Scene, Random, Place], None]] = [
        outdoors.add_tree, outdoors.add_bush, outdoors.add_bush, outdoors.add_tuft,
        outdoors.add_rock, add_person, add_animal, outdoors.add_pole,
    ]  # fmt: skip
    for _ in range(rng.randrange(5, 22)):
        y = palette.spread(rng, 1.8, 30)
        there = Place(rng.uniform(-0.9, 0.9) * (y + 1), y, 0, rng.uniform(0, 6.3))
        rng.choice(things)(scene, rng, there)
    scene.camera = (0, 0, palette.spread(rng, 0.3, 2.2))
    return scene


def sample_hills(rng: Random) -> Scene:
    """Land that rises and falls to the horizon, with trees and rocks."""
    ground = palette.meadow(rng)
    scene = open_place(rng, ground, 45)
    for _ in range(rng.randrange(3, 16)):
        y = palette.spread(rng, 8, 400)
        wide = y * rng.uniform(0.2, 0.9)
        half = (wide, wide * rng.uniform(0.5, 1.3), y * rng.uniform(0.02, 0.22))
        material = ground if rng.random() < 0.6 else palette.meadow(rng)
        if y > 60 and rng.random() < 0.6:
            material = palette.foliage(rng)._replace(scale=0.05)
        there = Place(
            rng.gauss(0, 0.8) * y, y + wide * 0.4, -half[2] * rng.uniform(0, 0.3), rng.uniform(0, 3)
        )
        scene.add(rng.choice((Shape.ELLIPSOID, Shape.DOME)), there, half, material)
    if rng.random() < 0.5:
        track = Place(rng.gauss(0, 1), 30, -0.47, rng.gauss(0, 0.08))
        scene.add(Shape.BOX, track, (rng.uniform(0.6, 2.5), 60, 0.5), palette.meadow(rng))
    for _ in range(rng.randrange(3, 24)):
        y = palette.spread(rng, 3, 90)
        there = Place(rng.uniform(-1, 1) * (y + 2), y, 0, rng.uniform(0, 6.3))
        add = rng.choices(
            (
                outdoors.add_tree,
                outdoors.add_bush,
                outdoors.add_rock,
                outdoors.add_tuft,
                add_animal,
                add_person,
            ),
            (6, 4, 3, 3, 1, 0.7),
        )[0]
        add(scene, rng, there)
    scene.camera = (0, 0, palette.spread(rng, 0.4, 8))
    return scene
