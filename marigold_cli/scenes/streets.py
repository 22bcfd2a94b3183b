"""Streets, and buildings seen whole."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import outdoors, palette
from marigold_cli.scenes.figures import add_person
from marigold_cli.scenes.open_air import open_place
from marigold_cli.scenes.scene import Place, Scene, Shape


def sample_street(rng: Random) -> Scene:
    """A road to the horizon between pavements, houses, trees and parked cars."""
    lane, walk = rng.uniform(2.5, 8), rng.uniform(1, 5)
    scene = open_place(rng, palette.meadow(rng) if rng.random() < 0.4 else palette.paving(rng))
    asphalt = palette.road(rng)
    scene.add(Shape.BOX, Place(0, 400, -0.48), (lane, 500, 0.5), asphalt)
    if rng.random() < 0.75:
        _mark(scene, rng, lane)
    kerb, slab = palette.paint(rng, palette.grey(rng, 0.5, 0.85)), palette.paving(rng)
    for side in (-1, 1):
        if rng.random() < 0.8:
            edge = Place(side * (lane + walk / 2), 90, 0)
            scene.stand(Shape.BOX, edge, (walk / 2, 100, 0.065), slab)
            scene.stand(Shape.BOX, Place(side * lane, 90), (0.08, 100, 0.07), kerb)
        _build_row(scene, rng, side, lane + walk)
        _plant_row(scene, rng, side, lane + min(1.0, walk / 2))
        if rng.random() < 0.15:
            outdoors.add_wires(scene, rng, side * (lane + walk / 2), 70)
    _drive(scene, rng, lane)
    for _ in range(rng.choice((0, 1, 2, 4, 7))):
        x = rng.choice((-1, 1)) * (lane + rng.uniform(-0.5, 1) * walk)
        add_person(scene, rng, Place(x, palette.spread(rng, 4, 45), 0.06, rng.uniform(0, 6.3)))
    scene.camera = (
        rng.uniform(-0.9, 0.9) * (lane + walk / 2),
        0,
        rng.choice((1.4, 1.6, 2, 3, 7)) * rng.uniform(0.8, 1.2),
    )
    scene.heading -= scene.camera[0] * 0.02
    if scene.camera[2] > 3:
        scene.pitch -= 0.2
    return scene


def _mark(scene: Scene, rng: Random, lane: float) -> None:
    """Lines on the road."""
    white = palette.paint(rng, rng.choice(((0.75, 0.75, 0.72), (0.7, 0.5, 0.1))))
    for x in rng.choice(((0.0,), (0.0,), (-lane / 2, lane / 2))):
        for i in range(16):
            scene.add(Shape.BOX, Place(x, 2 + 7 * i, 0.02), (0.07, 1.5, 0.003), white)
    for side in (-1, 1):
        scene.add(Shape.BOX, Place(side * (lane - 0.4), 90, 0.02), (0.06, 95, 0.003), white)
    if rng.random() < 0.3:
        for i in range(int(lane / 0.5)):
            stripe = Place(-lane + 0.5 + i, rng.choice((7, 12)), 0.02)
            scene.add(Shape.BOX, stripe, (0.25, 1.5, 0.003), white)


def _build_row(scene: Scene, rng: Random, side: int, edge: float) -> None:
    """Houses wall to wall, or with gaps, or none."""
    dense, storeys = rng.choice((0.0, 0.4, 0.9, 0.97)), rng.choice((1.5, 2.5, 4, 7))
    y, back = rng.uniform(-12, 4), rng.choice((0, 0, 2, 6))
    while y < 110:
        wide = rng.uniform(3, 9)
        if rng.random() < dense:
            half = (wide, rng.uniform(3, 6), max(1.6, storeys * 1.55 * rng.uniform(0.7, 1.4)))
            there = Place(
                side * (edge + back + half[1] + rng.uniform(0, 0.5)),
                y + wide,
                0,
                -side * math.pi / 2,
            )
            outdoors.add_house(scene, rng, there, half)
        elif rng.random() < 0.6:
            x = side * (edge + rng.uniform(1, 10))
            outdoors.add_tree(scene, rng, Place(x, y + wide))
        y += 2 * wide + rng.choice((0, 0, 0, 3)) * (dense < 0.95)


def _plant_row(scene: Scene, rng: Random, side: int, x: float) -> None:
    """Trees, lamps or hedges along the kerb."""
    kind, gap = rng.random(), rng.uniform(6, 16)
    y = rng.uniform(2, 12)
    while y < 75 and kind < 0.75:
        there = Place(side * x, y, 0, rng.uniform(0, 6.3))
        if kind < 0.3:
            outdoors.add_tree(scene, rng, there, 16)
        elif kind < 0.55:
            outdoors.add_pole(scene, rng, there)
        elif kind < 0.65:
            outdoors.add_bush(scene, rng, there)
        else:
            rng.choice((outdoors.add_tree, outdoors.add_pole, outdoors.add_bush))(scene, rng, there)
        y += gap


def _drive(scene: Scene, rng: Random, lane: float) -> None:
    """Cars parked along the kerbs and cars on the way."""
    for side in (-1, 1):
        y, full = rng.uniform(1, 9), rng.choice((0, 0.3, 0.85))
        while y < 60:
            if rng.random() < full:
                turn = rng.choice((0, math.pi)) + rng.gauss(0, 0.03)
                outdoors.add_car(scene, rng, Place(side * (lane - 1), y, 0.02, turn))
            y += rng.uniform(5.2, 7)
    for _ in range(rng.choice((0, 1, 2, 3))):
        side = rng.choice((-1, 1))
        there = Place(
            side * lane * 0.35, palette.spread(rng, 7, 60), 0.02, 0 if side < 0 else math.pi
        )
        outdoors.add_car(scene, rng, there)


def sample_front(rng: Random) -> Scene:
    """A building or a square of buildings seen whole, from the ground or looking up."""
    scene = open_place(rng, palette.paving(rng) if rng.random() < 0.6 else palette.meadow(rng))
    away = rng.uniform(8, 35)
    for i in range(rng.choice((1, 1, 2, 3))):
        half = (
            rng.uniform(5, 16),
            rng.uniform(4, 9),
            rng.choice((3, 5, 8, 14)) * rng.uniform(0.7, 1.2),
        )
        x = (0, -1, 1)[i] * rng.uniform(12, 26) + rng.gauss(0, 3)
        there = Place(x, away + half[1] + i * rng.uniform(0, 8), 0, rng.gauss(0, 0.5))
        outdoors.add_house(scene, rng, there, half)
    for _ in range(rng.randrange(2, 12)):
        y = palette.spread(rng, 3, away * 0.95)
        there = Place(rng.uniform(-0.8, 0.8) * y, y, 0, rng.uniform(0, 6.3))
        add = rng.choice(
            (
                add_person,
                add_person,
                outdoors.add_tree,
                outdoors.add_pole,
                outdoors.add_bush,
                outdoors.add_car,
            )
        )
        add(scene, rng, there)
    if rng.random() < 0.4:
        outdoors.add_fence(
            scene, rng, Place(-7, rng.uniform(3, away * 0.6), 0, rng.gauss(0, 0.1)), 15
        )
    scene.pitch = rng.uniform(-0.08, 0.3)
    return scene
