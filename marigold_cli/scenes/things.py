"""Small things that lie and stand about: cups, books, bottles, bowls, plants, toys, lamps."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import palette
from marigold_cli.scenes.scene import Place, Scene, Shape


def add_small_thing(scene: Scene, rng: Random, place: Place, size: float = 1.0) -> None:
    """Something of a hand's size, times `size`."""
    add = rng.choices(
        (add_box, add_can, add_cup, add_books, add_bottle,
         add_bowl, add_ball, add_pot_plant, add_toy, add_tray, add_open_box),
        (5, 2, 3, 3, 3, 2, 1, 1, 1, 1, 0.7),
    )[0]  # fmt: skip
    add(scene, rng, place.at(0, 0, 0, rng.uniform(-3.1, 3.1)), size * rng.uniform(0.7, 1.3))


def add_box(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A packet, flat, upright or leaning on nothing."""
    half = [rng.uniform(0.02, 0.12) * size for _ in range(3)]
    half[rng.randrange(3)] *= 0.5
    material = palette.printed(rng, 2 * max(half))
    scene.stand(Shape.BOX, place, (half[0], half[1], half[2]), material)
    if rng.random() < 0.25:
        top = place.at(0, 0, 2 * half[2], rng.uniform(-0.5, 0.5))
        scene.stand(
            Shape.BOX, top, (half[0] * 0.8, half[1] * 0.7, half[2] * 0.6), palette.paint(rng)
        )


def add_can(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A tin or a jar with a lid."""
    radius, half = rng.uniform(0.03, 0.06) * size, rng.uniform(0.03, 0.12) * size
    scene.stand(Shape.CYLINDER, place, (radius, radius, half), palette.printed(rng, 4 * radius))
    lid = place.at(0, 0, 2 * half)
    scene.stand(
        Shape.CYLINDER, lid, (radius * 0.95, radius * 0.95, 0.006 * size), palette.metal(rng)
    )


def add_cup(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A mug with its handle and what is in it."""
    radius, half, material = 0.04 * size, rng.uniform(0.035, 0.06) * size, palette.glazed(rng)
    scene.stand(Shape.CYLINDER, place, (radius, radius, half), material)
    inside = palette.paint(rng, palette.brown(rng))
    scene.stand(
        Shape.CYLINDER, place.at(0, 0, 2 * half), (radius * 0.85, radius * 0.85, 0.001), inside
    )
    handle = place.at(radius, 0, half)
    scene.add(Shape.ELLIPSOID, handle, (0.025 * size, 0.008 * size, half * 0.6), material)


def add_books(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A pile of books or papers."""
    height = 0.0
    for _ in range(rng.randrange(1, 5)):
        half = (
            rng.uniform(0.07, 0.11) * size,
            rng.uniform(0.1, 0.15) * size,
            rng.uniform(0.004, 0.025),
        )
        there = place.at(0, 0, height, rng.gauss(0, 0.15))
        scene.stand(Shape.BOX, there, half, palette.printed(rng, 3 * half[0]))
        height += 2 * half[2]


def add_bottle(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A body, shoulders and a neck."""
    radius, half, material = 0.035 * size, rng.uniform(0.05, 0.11) * size, palette.glazed(rng)
    body = palette.printed(rng, radius * 5) if rng.random() < 0.5 else material
    scene.stand(Shape.CYLINDER, place, (radius, radius, half), body)
    scene.stand(Shape.DOME, place.at(0, 0, 2 * half), (radius, radius, half * 0.4), material)
    neck = place.at(0, 0, 2 * half)
    scene.stand(Shape.CYLINDER, neck, (radius * 0.35, radius * 0.35, half * 0.6), material)


def add_bowl(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A bowl, perhaps with fruit, or a vase."""
    radius, material = rng.uniform(0.06, 0.13) * size, palette.glazed(rng)
    half = radius * rng.uniform(0.25, 0.8)
    scene.stand(Shape.BOWL, place, (radius, radius, half), material)
    rim = place.at(0, 0, 2 * half)
    inside = palette.paint(rng, palette.shade(material.first, 0.6))
    scene.stand(Shape.CYLINDER, rim, (radius * 0.93, radius * 0.93, 0.001), inside)
    for _ in range(rng.choice((0, 0, 3, 5))):
        angle, part = rng.uniform(0, 6.3), rng.uniform(0, 0.6) * radius
        fruit = rim.at(part * math.cos(angle), part * math.sin(angle))
        scene.add(Shape.ELLIPSOID, fruit, (0.035 * size,) * 3, palette.glazed(rng))


def add_ball(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A ball, an apple, an egg."""
    radius = rng.uniform(0.02, 0.09) * size
    tall = radius * rng.choice((1, 1, 0.8, 1.3))
    scene.stand(Shape.ELLIPSOID, place, (radius, radius, tall), palette.glazed(rng))


def add_pot_plant(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A pot with leaves that spread from it."""
    radius, leaves = rng.uniform(0.05, 0.1) * size, palette.foliage(rng)
    scene.stand(Shape.BARREL, place, (radius, radius, radius), palette.glazed(rng))
    long = radius * rng.uniform(1, 2.2)
    for _ in range(rng.randrange(8, 18)):
        around, lean = rng.uniform(-3.1, 3.1), rng.uniform(0.1, 1.3)
        away = math.sin(lean) * long * 0.9
        there = Place(
            place.x + away * math.sin(around),
            place.y - away * math.cos(around),
            place.z + 2 * radius + long * 0.8 * math.cos(lean),
            around,
        )
        half = (long * rng.uniform(0.1, 0.3), long * 0.04, long)
        scene.add(Shape.ELLIPSOID, there, half, leaves, (lean, 0))


def add_toy(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A sitting figure of ellipsoids."""
    unit, skin = rng.uniform(0.03, 0.06) * size, palette.fabric(rng)
    scene.stand(Shape.ELLIPSOID, place, (unit, unit * 0.9, unit * 1.3), skin)
    scene.add(Shape.ELLIPSOID, place.at(0, 0, 3.1 * unit), (unit * 0.8,) * 3, skin)
    for side in (-1, 1):
        scene.add(
            Shape.ELLIPSOID, place.at(side * 0.6 * unit, 0, 3.9 * unit), (unit * 0.3,) * 3, skin
        )
        leg = place.at(side * 0.7 * unit, -unit, 0.4 * unit)
        scene.add(Shape.ELLIPSOID, leg, (unit * 0.4, unit, unit * 0.4), skin)


def add_tray(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A plate, a keyboard, a telephone: something flat."""
    half = (
        rng.uniform(0.05, 0.2) * size,
        rng.uniform(0.04, 0.12) * size,
        rng.uniform(0.004, 0.012),
    )
    if rng.random() < 0.5:
        scene.stand(Shape.BOWL, place, (half[0] * 0.8, half[0] * 0.8, 0.012), palette.glazed(rng))
    else:
        scene.stand(Shape.BOX, place, half, palette.printed(rng, half[0]))


def add_open_box(scene: Scene, rng: Random, place: Place, size: float) -> None:
    """A crate, a drawer or a parcel without its lid, and what is in it."""
    x, y, z = (rng.uniform(0.08, 0.18) * size for _ in range(3))
    side = palette.wood(rng) if rng.random() < 0.5 else palette.paint(rng, palette.brown(rng))
    thin = 0.06 * x
    scene.stand(Shape.BOX, place, (x, y, thin), side)
    for end in (-1, 1):
        scene.stand(Shape.BOX, place.at(end * x, 0), (thin, y, z), side)
        scene.stand(Shape.BOX, place.at(0, end * y), (x, thin, z), side)
    for _ in range(rng.randrange(0, 3)):
        spot = place.at(rng.uniform(-0.4, 0.4) * x, rng.uniform(-0.4, 0.4) * y, 2 * thin)
        rng.choice((add_ball, add_can, add_box, add_bottle))(scene, rng, spot, size * 0.7)


def add_lamp(scene: Scene, rng: Random, place: Place, tall: float, size: float = 1.0) -> None:
    """A foot, a stem so many metres tall and a shade, perhaps lit."""
    height, metal = tall * rng.uniform(0.7, 1.2), palette.metal(rng)
    scene.stand(Shape.CYLINDER, place, (0.07 * size, 0.07 * size, 0.01), metal)
    scene.stand(Shape.CYLINDER, place, (0.012, 0.012, height / 2), metal)
    lit = palette.glowing(rng, rng.uniform(0.8, 2.5)) if rng.random() < 0.6 else palette.fabric(rng)
    shade = rng.choice((Shape.CYLINDER, Shape.DOME, Shape.BARREL))
    radius = rng.uniform(0.1, 0.18) * size
    scene.stand(shade, place.at(0, 0, height - 0.1 * size), (radius, radius, radius * 0.7), lit)


def scatter(
    scene: Scene, rng: Random, place: Place, reach: tuple[float, float], count: int
) -> None:
    """Lay small things about a surface of half the size `reach` around a place."""
    taken: list[tuple[float, float]] = []
    for _ in range(count * 2):
        spot = rng.uniform(-reach[0], reach[0]), rng.uniform(-reach[1], reach[1])
        if len(taken) < count and all(math.dist(spot, other) > 0.13 for other in taken):
            taken.append(spot)
            add_small_thing(scene, rng, place.at(*spot))
