"""People and single things close by, before a place that may be out of focus."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import furniture, palette, things
from marigold_cli.scenes.figures import add_animal, add_person
from marigold_cli.scenes.nature import sample_garden
from marigold_cli.scenes.outdoors import add_bush, add_rock, add_tuft
from marigold_cli.scenes.rooms import build_room, furnish
from marigold_cli.scenes.scene import Lens, Place, Scene, Shape
from marigold_cli.scenes.streets import sample_front, sample_street


def sample_crowd(rng: Random) -> Scene:
    """People near and far, on a street or in a park."""
    scene = rng.choice((sample_street, sample_garden, sample_front))(rng)
    for _ in range(rng.randrange(2, 9)):
        y = palette.spread(rng, 1.6, 14)
        there = Place(rng.uniform(-0.6, 0.6) * y, y, 0, rng.uniform(0, 6.3))
        add_person(scene, rng, there)
    scene.camera = (scene.camera[0], 0.0, rng.uniform(1.1, 1.8))
    return scene


def sample_portrait(rng: Random) -> Scene:
    """One thing, person or animal close by; behind it a place out of focus."""
    outside = rng.random() < 0.6
    if outside:
        scene = rng.choice((sample_garden, sample_street))(rng)
        add = rng.choice((add_person, add_person, add_animal, add_bush, add_tuft, add_rock))
        away = rng.uniform(1.0, 3.5)
        is_person = add is add_person
        high = rng.uniform(0.9, 1.7) if is_person else rng.uniform(0.3, 1.2)
        aim = rng.uniform(1.0, 1.6) if is_person else rng.uniform(0.2, 0.8)
        floor = 0.0
    else:
        scene = build_room(rng, (rng.uniform(1.5, 3), 4), rng.uniform(2.4, 3.2))
        furnish(scene, rng, (2, 4), 4, 0)
        add = rng.choice(
            (things.add_small_thing, furniture.add_plant, add_person, furniture.add_chair)
        )
        near = add is things.add_small_thing
        floor = rng.choice((0.45, 0.75)) if near else 0.0
        away = rng.uniform(0.3, 0.8) if near else rng.uniform(1.2, 2.5)
        high, aim = (
            floor + rng.uniform(0.1, 0.4) * (1 if near else 3),
            floor + (0.08 if near else 0.6),
        )
    place = Place(
        rng.gauss(0, 0.12) * away, away - (0 if outside else 2.5), floor, rng.uniform(0, 6.3)
    )
    if floor:
        table = (rng.uniform(0.4, 0.9), 0.45, floor / 2)
        scene.add(Shape.BOX, Place(0, place.y + 0.1, floor / 2), table, palette.wood(rng))
        things.scatter(scene, rng, place.at(0, 0.2), (0.35, 0.2), rng.randrange(0, 4))
    add(scene, rng, place)
    scene.camera = (0.0, 0.0 if outside else -2.5, high)
    scene.heading, scene.pitch = rng.gauss(0, 0.08), math.atan2(aim - high, away)
    scene.field_of_view = math.radians(rng.uniform(25, 60))
    scene.lens = Lens(focus=away, aperture=rng.choice((0.0, 0.01, 0.025)))
    return scene
