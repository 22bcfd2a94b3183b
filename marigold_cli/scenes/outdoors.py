"""What stands outside: trees, bushes, cars, poles, fences, walls and houses."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import palette
from marigold_cli.scenes.scene import Material, Place, Scene, Shape


def add_tree(scene: Scene, rng: Random, place: Place, detail: int = 30) -> None:
    """A trunk, boughs and clusters of leaves; or a fir; or a bare tree."""
    kind, tall = rng.random(), palette.spread(rng, 2.5, 11)
    bark = palette.paint(rng, palette.shade(palette.brown(rng), 0.6))
    trunk = 0.02 * tall + 0.03
    if kind < 0.2:
        _add_fir(scene, rng, place, tall, bark)
        return
    scene.stand(Shape.CYLINDER, place, (trunk, trunk, tall * 0.35), bark)
    leaves, wide = palette.foliage(rng), tall * rng.uniform(0.16, 0.32)
    middle = place.at(0, 0, tall * rng.uniform(0.6, 0.72))
    for _ in range(4):
        around, away = rng.uniform(0, 6.3), rng.uniform(0.4, 1) * wide
        tip = middle.at(away * math.cos(around), away * math.sin(around), rng.uniform(0, wide))
        scene.bar((place.x, place.y, place.z + tall * 0.4), (tip.x, tip.y, tip.z), trunk / 2, bark)
    if kind > 0.9:
        return
    for _ in range(detail):
        right, back, up = (rng.gauss(0, 0.42) * wide for _ in range(3))
        there = middle.at(right, back, up, rng.uniform(0, 3))
        size = wide * palette.spread(rng, 0.14, 0.5)
        half = (size, size * rng.uniform(0.7, 1), size * rng.uniform(0.5, 0.9))
        scene.add(Shape.CROWN, there, half, leaves, (rng.gauss(0, 0.4), 0))


def _add_fir(scene: Scene, rng: Random, place: Place, tall: float, bark: Material) -> None:
    leaves, wide, layers = (
        palette.foliage(rng),
        tall * rng.uniform(0.12, 0.25),
        rng.randrange(8, 14),
    )
    scene.stand(Shape.CYLINDER, place, (0.02 * tall, 0.02 * tall, tall * 0.2), bark)
    for i in range(layers):
        radius, low = wide * (1 - 0.8 * i / layers), tall * (0.05 + 0.85 * i / layers)
        there = place.at(0, 0, low, rng.uniform(0, 3))
        scene.stand(Shape.DOME, there, (radius, radius, tall * 0.9 / layers), leaves)


def add_bush(scene: Scene, rng: Random, place: Place) -> None:
    """A few clusters of leaves on the ground, or a cut hedge."""
    leaves, size = palette.foliage(rng), palette.spread(rng, 0.2, 1.0)
    if rng.random() < 0.25:
        half = (rng.uniform(0.6, 4), rng.uniform(0.2, 0.6), size)
        scene.stand(Shape.CUSHION, place, half, leaves)
        return
    for _ in range(rng.randrange(6, 16)):
        there = place.at(
            rng.gauss(0, 0.7) * size, rng.gauss(0, 0.7) * size, rng.uniform(0.1, 0.9) * size
        )
        radius = size * palette.spread(rng, 0.12, 0.6)
        scene.add(Shape.CROWN, there, (radius, radius, radius * 0.8), leaves)


def add_tuft(scene: Scene, rng: Random, place: Place) -> None:
    """Long grass or flowers."""
    blades, tall = palette.paint(rng, palette.green(rng)), rng.uniform(0.1, 0.5)
    flower = (
        palette.paint(rng, palette.tint(rng.random(), 0.8, 0.9)) if rng.random() < 0.4 else None
    )
    for _ in range(rng.randrange(4, 9)):
        foot = place.at(rng.gauss(0, 0.08), rng.gauss(0, 0.08), tall / 2, rng.uniform(0, 6.3))
        lean = rng.gauss(0, 0.35)
        scene.add(Shape.ELLIPSOID, foot, (0.012, 0.004, tall * 0.55), blades, (lean, 0))
        if flower:
            tip = foot.at(0, -math.sin(lean) * tall / 2, math.cos(lean) * tall / 2)
            scene.add(Shape.ELLIPSOID, tip, (0.03, 0.03, 0.02), flower)


def add_rock(scene: Scene, rng: Random, place: Place) -> None:
    """Stones."""
    stone = palette.paint(rng, palette.grey(rng, 0.3, 0.7))
    for _ in range(rng.randrange(1, 4)):
        size = palette.spread(rng, 0.1, 0.9)
        half = (size, size * rng.uniform(0.5, 1), size * rng.uniform(0.3, 0.8))
        there = place.at(rng.gauss(0, 0.5), rng.gauss(0, 0.5), half[2] * 0.5, rng.uniform(0, 3))
        scene.add(Shape.CUSHION, there, half, stone, (rng.gauss(0, 0.3), rng.gauss(0, 0.3)))


def add_car(scene: Scene, rng: Random, place: Place) -> None:
    """A car, a van or a bus: body, cabin, wheels, lights; its front looks along -y."""
    body, dark = palette.car_paint(rng), palette.paint(rng, palette.grey(rng, 0.03, 0.15))
    kind = rng.random()
    half, floor = (0.88, rng.uniform(1.9, 2.4), rng.uniform(0.26, 0.34)), 0.25
    if kind > 0.88:
        half = (1.1, rng.uniform(2.5, 5), rng.uniform(0.9, 1.3))
    scene.stand(Shape.BOX, place.at(0, 0, floor), (half[0], half[1] * 0.9, half[2] * 0.9), body)
    scene.stand(Shape.BLOCK, place.at(0, 0, floor), (half[0] * 1.02, half[1], half[2] * 1.1), body)
    glass = palette.glass(rng)
    if kind < 0.88:
        long, back = half[1] * rng.uniform(0.42, 0.6), rng.uniform(0.15, 0.5)
        tall = rng.uniform(0.24, 0.42)
        cabin = place.at(0, back, floor + 1.9 * half[2])
        for end in (-1, 1):
            pane = cabin.at(0, end * (long - 0.1), tall)
            lean = (-end * 0.55, 0.0)
            scene.add(Shape.BOX, pane, (0.7, 0.03, tall * 1.15), glass, lean)
        scene.stand(Shape.BOX, cabin, (0.74, long - 0.12, tall), glass)
        scene.stand(Shape.BLOCK, cabin.at(0, 0, 2 * tall - 0.05), (0.76, long * 0.9, 0.07), body)
    else:
        band = place.at(0, -0.01, floor + half[2] * 1.1)
        scene.stand(Shape.BOX, band, (half[0] + 0.01, half[1] + 0.01, half[2] * 0.3), glass)
    for side in (-1, 1):
        for axle in (-0.62, 0.62):
            wheel = place.at(side * (half[0] - 0.1), axle * half[1], 0.32)
            scene.add(Shape.CYLINDER, wheel, (0.32, 0.32, 0.12), dark, (0, math.pi / 2))
        lamps = palette.glowing(rng, 0.8), palette.paint(rng, palette.tint(0, 0.9, 0.8))
        for direction, lamp in zip((-1, 1), lamps, strict=True):
            there = place.at(side * half[0] * 0.7, direction * half[1] * 0.93, 0.68)
            scene.add(Shape.ELLIPSOID, there, (0.16, 0.08, 0.07), lamp)


def add_pole(scene: Scene, rng: Random, place: Place) -> None:
    """A lamp post, a sign or a bollard."""
    kind, metal = rng.random(), palette.metal(rng)
    if kind < 0.25:
        scene.stand(Shape.CYLINDER, place, (0.07, 0.07, rng.uniform(0.3, 0.5)), palette.paint(rng))
        return
    tall = rng.uniform(2, 3.2) if kind < 0.6 else rng.uniform(4.5, 8)
    scene.stand(Shape.CYLINDER, place, (0.02 + 0.008 * tall,) * 2 + (tall / 2,), metal)
    if kind < 0.6:
        half = (rng.uniform(0.2, 0.45), 0.015, rng.uniform(0.2, 0.45))
        sign = palette.printed(rng, 2 * half[0])
        shape = rng.choice((Shape.BOX, Shape.BOX, Shape.ELLIPSOID))
        scene.add(shape, place.at(0, -0.05, tall - half[2]), half, sign)
        return
    reach = rng.choice((-1, 1)) * rng.uniform(0.8, 2.5)
    tip = place.at(reach, 0, tall + 0.2)
    scene.bar((place.x, place.y, place.z + tall), (tip.x, tip.y, tip.z), 0.04, metal)
    head = rng.choice(((0.35, 0.12, 0.06), (0.15, 0.12, 0.42)))
    scene.add(Shape.CUSHION, tip, head, palette.paint(rng, palette.grey(rng, 0.1, 0.8)))


def add_wires(scene: Scene, rng: Random, x: float, depth: float) -> None:
    """Poles along a road with wires between them."""
    tall, gap, wood = rng.uniform(5, 9), rng.uniform(12, 25), palette.paint(rng, palette.brown(rng))
    black, y = palette.paint(rng, (0.02, 0.02, 0.02)), rng.uniform(-5, 8)
    while y < depth:
        scene.stand(Shape.CYLINDER, Place(x, y), (0.12, 0.12, tall / 2), wood)
        scene.add(Shape.BOX, Place(x, y, tall * 0.92), (0.9, 0.05, 0.06), wood)
        for side in (-0.8, 0.8):
            low = (x + side, y + gap / 2, tall * 0.86)
            scene.bar((x + side, y, tall * 0.93), low, 0.02, black)
            scene.bar(low, (x + side, y + gap, tall * 0.93), 0.02, black)
        y += gap


def add_fence(scene: Scene, rng: Random, place: Place, length: float) -> None:
    """A fence along the place's x: bars or boards between posts, or a wall."""
    kind, tall = rng.random(), rng.uniform(0.7, 1.8)
    material = rng.choice((palette.wood, palette.metal, palette.facade))(rng)
    if kind < 0.3:
        scene.stand(Shape.BOX, place.at(length / 2, 0), (length / 2, 0.12, tall / 2), material)
        return
    gap = rng.choice((0.13, 0.25, 0.5))
    for i in range(min(60, int(length / gap))):
        wide = 0.012 if kind < 0.6 else gap * 0.36
        bar = place.at((i + 0.5) * gap, 0)
        scene.stand(Shape.BOX, bar, (wide, 0.012, tall / 2), material)
    long = min(60, int(length / gap)) * gap
    for level in (0.2, 0.85):
        rail = place.at(long / 2, 0.02, tall * level)
        scene.add(Shape.BOX, rail, (long / 2, 0.02, 0.03), material)


def add_house(scene: Scene, rng: Random, place: Place, half: tuple[float, float, float]) -> None:
    """A building with rows of windows, a roof, and things that stick out of its front (-y)."""
    base = rng.choice((palette.pale, palette.brown, palette.grey, palette.any_colour))(rng)
    front = palette.windows(rng, base) if rng.random() < 0.85 else palette.facade(rng)
    scene.stand(Shape.BOX, place, half, front)
    trim = palette.paint(rng, palette.shade(base, rng.choice((0.4, 0.7, 1.4))))
    top = place.at(0, 0, 2 * half[2])
    if half[2] < 6 and rng.random() < 0.6:
        _add_roof(scene, rng, top, half)
    elif rng.random() < 0.7:
        scene.add(Shape.BOX, top, (half[0] + 0.25, half[1] + 0.25, 0.2), trim)
    if rng.random() < 0.6:
        scene.stand(Shape.BOX, place, (half[0] + 0.05, half[1] + 0.05, rng.uniform(0.3, 1.8)), trim)
    if rng.random() < 0.5:
        _add_entrance(scene, rng, place.at(rng.uniform(-0.7, 0.7) * half[0], -half[1]), trim)
    storeys = int(2 * half[2] / 3.1)
    if rng.random() < 0.35:
        x, wide = rng.uniform(-0.4, 0.4) * half[0], rng.uniform(0.8, 2)
        for storey in range(1, min(storeys, 6)):
            balcony = place.at(x, -half[1] - 0.5, 3.1 * storey)
            scene.stand(Shape.BOX, balcony, (wide, 0.6, 0.08), trim)
            scene.stand(Shape.BOX, balcony.at(0, -0.55), (wide, 0.04, 0.5), palette.metal(rng))


def _add_roof(scene: Scene, rng: Random, top: Place, half: tuple[float, float, float]) -> None:
    """Two slopes along x, with a chimney."""
    slope, tiles = rng.uniform(0.3, 0.9), palette.facade(rng)
    reach = half[1] / math.cos(slope) / 2 + 0.3
    for side in (-1, 1):
        up = half[1] * math.tan(slope) / 2
        there = top.at(0, side * half[1] / 2, up)
        scene.add(Shape.BOX, there, (half[0] + 0.3, reach, 0.1), tiles, (-side * slope, 0))
    wall = palette.facade(rng)
    for step in range(3):  # the gable
        share = (step + 0.5) / 3
        rise = half[1] * math.tan(slope)
        gable = (half[0] * 0.98, half[1] * (1 - share), rise / 6)
        scene.stand(Shape.BOX, top.at(0, 0, rise * step / 3), gable, wall)
    chimney = top.at(rng.uniform(-0.7, 0.7) * half[0], 0, 0)
    scene.stand(Shape.BOX, chimney, (0.3, 0.3, half[1] * math.tan(slope) / 2 + 0.5), tiles)


def _add_entrance(scene: Scene, rng: Random, place: Place, trim: Material) -> None:
    """A door or a shop with an awning."""
    wide = rng.choice((0.55, 0.8, 2.2))
    scene.stand(Shape.BOX, place, (wide, 0.06, 1.1), palette.glass(rng) if wide > 1 else trim)
    scene.stand(Shape.BOX, place, (wide + 0.3, 0.5, 0.08), palette.paving(rng))
    awning = place.at(0, -0.5, rng.uniform(2.4, 2.8))
    cloth = palette.fabric(rng)
    scene.add(Shape.BOX, awning, (wide + 0.4, 0.6, 0.04), cloth, (0.35, 0))
