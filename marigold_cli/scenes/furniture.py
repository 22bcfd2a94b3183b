"""Furniture: each piece stands at a place and shows its front along the place's -y."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import palette
from marigold_cli.scenes.scene import Material, Place, Scene, Shape, Texture
from marigold_cli.scenes.things import (
    add_lamp,
    add_open_box,
    add_pot_plant,
    add_small_thing,
    scatter,
)


def _legs(
    scene: Scene, place: Place, reach: tuple[float, float], height: float, material: Material
) -> None:
    for i in (-1, 1):
        for j in (-1, 1):
            foot = place.at(i * reach[0], j * reach[1])
            scene.stand(Shape.BOX, foot, (0.022, 0.022, height / 2), material)


def add_table(
    scene: Scene, rng: Random, place: Place, height: float | None = None, things: int | None = None
) -> None:
    """A top on legs or a column, with things on it."""
    height = height or rng.choice((0.45, 0.72, 0.75))
    half = (rng.uniform(0.35, 0.95), rng.uniform(0.3, 0.5))
    top, legs = palette.wood(rng), rng.choice((palette.wood, palette.metal))(rng)
    if rng.random() < 0.25:
        radius = half[0] * 0.8
        scene.stand(Shape.CYLINDER, place.at(0, 0, height - 0.04), (radius, radius, 0.02), top)
        scene.stand(Shape.CYLINDER, place, (0.04, 0.04, height / 2 - 0.02), legs)
        scene.stand(Shape.DOME, place, (radius * 0.5, radius * 0.5, 0.02), legs)
        half = (radius * 0.65, radius * 0.65)
    else:
        scene.stand(Shape.BOX, place.at(0, 0, height - 0.04), (*half, 0.02), top)
        _legs(scene, place, (half[0] - 0.05, half[1] - 0.05), height - 0.04, legs)
    count = rng.randrange(0, 6) if things is None else things
    scatter(scene, rng, place.at(0, 0, height), (half[0] * 0.85, half[1] * 0.85), count)


def add_chair(scene: Scene, rng: Random, place: Place) -> None:
    """A seat, a back of bars or of one piece, four legs."""
    width, seat, back = rng.uniform(0.19, 0.26), rng.uniform(0.42, 0.5), rng.uniform(0.35, 0.55)
    frame = rng.choice((palette.wood, palette.metal))(rng)
    cover = rng.choice((palette.fabric, palette.wood, palette.glazed))(rng)
    _legs(scene, place, (width - 0.03, width - 0.03), seat, frame)
    soft = rng.choice((Shape.BOX, Shape.CUSHION))
    scene.add(soft, place.at(0, 0, seat), (width, width, 0.03), cover)
    if rng.random() < 0.5:
        there = place.at(0, width, seat + back * 0.6)
        scene.add(soft, there, (width, 0.025, back * 0.45), cover, (-0.12, 0))
        return
    for i in range(5):
        bar = place.at((i / 2 - 1) * (width - 0.02), width - 0.02, seat)
        scene.stand(Shape.BOX, bar, (0.012, 0.012, back / 2), frame)
    scene.add(Shape.BOX, place.at(0, width - 0.02, seat + back), (width, 0.02, 0.05), frame)


def add_sofa(scene: Scene, rng: Random, place: Place) -> None:
    """An armchair or a sofa with cushions."""
    seats, unit = rng.choice((1, 2, 2, 3)), rng.uniform(0.3, 0.38)
    width, cover = seats * unit, palette.fabric(rng)
    if rng.random() < 0.3:
        cover = palette.paint(rng, palette.brown(rng), 0.4)
    scene.add(Shape.BOX, place.at(0, 0, 0.2), (width + 0.1, 0.42, 0.14), cover)
    scene.add(Shape.CUSHION, place.at(0, 0.36, 0.55), (width + 0.12, 0.16, 0.36), cover, (-0.15, 0))
    for side in (-1, 1):
        arm = place.at(side * (width + 0.1), 0, 0.36)
        scene.add(Shape.CUSHION, arm, (0.12, 0.48, 0.3), cover)
    pillow = palette.fabric(rng)
    for i in range(seats):
        x = (2 * i + 1 - seats) * unit
        scene.add(Shape.CUSHION, place.at(x, -0.05, 0.4), (unit, 0.42, 0.11), cover)
        if rng.random() < 0.5:
            spot = place.at(x + rng.uniform(-0.1, 0.1), 0.14, 0.62, rng.uniform(-0.4, 0.4))
            scene.add(Shape.CUSHION, spot, (0.22, 0.08, 0.2), pillow, (-0.35, 0))


def add_bed(scene: Scene, rng: Random, place: Place) -> None:
    """A frame, a mattress, a cover, pillows and a head."""
    half, frame = (rng.choice((0.5, 0.75, 0.95)), 1.02), palette.wood(rng)
    height = rng.uniform(0.25, 0.4)
    scene.stand(Shape.BOX, place, (half[0] + 0.03, half[1], height / 2), frame)
    sheet, cover = palette.fabric(rng), palette.fabric(rng)
    scene.add(Shape.CUSHION, place.at(0, 0, height + 0.08), (half[0] * 1.03, half[1], 0.15), sheet)
    scene.add(
        Shape.CUSHION,
        place.at(0, -0.3, height + 0.12),
        (half[0] * 1.1, half[1] * 0.75, 0.16),
        cover,
    )
    head = rng.uniform(0.4, 0.75)
    scene.stand(Shape.BOX, place.at(0, half[1], 0), (half[0] + 0.06, 0.04, head), frame)
    for side in (-1, 1) if half[0] > 0.6 else (0,):
        pillow = place.at(side * half[0] * 0.5, half[1] - 0.3, height + 0.28)
        scene.add(Shape.CUSHION, pillow, (0.33, 0.2, 0.1), palette.fabric(rng), (-0.5, 0))


def add_cupboard(scene: Scene, rng: Random, place: Place) -> None:
    """A cupboard, a chest of drawers or a fridge: doors with gaps and handles."""
    half = (
        rng.uniform(0.25, 0.8),
        rng.uniform(0.2, 0.32),
        rng.choice((0.25, 0.38, 0.45, 0.9, 1.0)),
    )
    body, knob = palette.wood(rng), palette.metal(rng)
    scene.stand(Shape.BOX, place, half, body)
    front = body if rng.random() < 0.7 else palette.wood(rng)
    columns, rows = max(1, round(half[0] / 0.28)), rng.choice((1, 1, 2, 3, 4))
    a, b = half[0] / columns, half[2] / rows
    for i in range(columns):
        for j in range(rows):
            x, z = (2 * i + 1 - columns) * a, (2 * j + 1) * b
            scene.add(Shape.BOX, place.at(x, -half[1], z), (a - 0.012, 0.012, b - 0.012), front)
            handle = place.at(x + a * 0.6, -half[1] - 0.025, z)
            scene.add(Shape.BOX, handle, (0.012, 0.012, min(0.05, b * 0.3)), knob)
    if half[2] < 0.6:
        top = place.at(0, 0, 2 * half[2])
        scatter(scene, rng, top, (half[0] * 0.9, half[1] * 0.7), rng.randrange(0, 5))
        if rng.random() < 0.25:
            add_lamp(scene, rng, top.at(rng.uniform(-0.6, 0.6) * half[0], 0), 0.4)


def add_shelf(scene: Scene, rng: Random, place: Place) -> None:
    """Boards between sides, with rows of books and things."""
    half = (rng.uniform(0.3, 0.7), rng.uniform(0.13, 0.2), rng.uniform(0.5, 1.1))
    board, back = palette.wood(rng), palette.wood(rng)
    for side in (-1, 1):
        scene.stand(Shape.BOX, place.at(side * half[0], 0), (0.015, half[1], half[2]), board)
    if rng.random() < 0.8:
        scene.stand(Shape.BOX, place.at(0, half[1]), (half[0], 0.01, half[2]), back)
    rows = max(2, round(half[2] / 0.2))
    for j in range(rows + 1):
        level = place.at(0, 0, 2 * half[2] * j / rows)
        scene.add(Shape.BOX, level, (half[0], half[1], 0.012), board)
        if j < rows:
            _fill_shelf(scene, rng, level.at(0, 0, 0.012), half, half[2] / rows)


def _fill_shelf(
    scene: Scene, rng: Random, level: Place, half: tuple[float, float, float], room: float
) -> None:
    kind = rng.random()
    if kind < 0.5:
        width = rng.uniform(0.3, 0.95) * half[0]
        colours = (palette.any_colour(rng), palette.any_colour(rng), palette.any_colour(rng))
        books = Material(*colours, Texture.BOOKS, rng.uniform(0.8, 1.2) / (room * 3), 2)
        there = level.at(rng.choice((-1, 1)) * (half[0] - width), rng.uniform(-0.3, 0.3) * half[1])
        scene.stand(Shape.BOX, there, (width, half[1] * 0.6, room * rng.uniform(0.6, 0.85)), books)
    elif kind < 0.85:
        for _ in range(rng.randrange(1, 4)):
            spot = level.at(rng.uniform(-0.8, 0.8) * half[0], rng.uniform(-0.4, 0.4) * half[1])
            add_small_thing(scene, rng, spot, min(1.0, room * 5))


def add_floor_lamp(scene: Scene, rng: Random, place: Place) -> None:
    """A lamp of a person's height."""
    add_lamp(scene, rng, place, 1.5, 1.5)


def add_desk(scene: Scene, rng: Random, place: Place) -> None:
    """A table with a screen, a keyboard and a chair before it."""
    add_table(scene, rng, place, 0.74, rng.randrange(1, 6))
    dark = palette.paint(rng, palette.grey(rng, 0.08, 0.25), 0.3)
    for shift in rng.choice(((0.0,), (0.0,), (-0.3, 0.3))):
        there = place.at(shift, 0.12, 0.74, rng.uniform(-0.4, 0.4))
        half = (rng.uniform(0.2, 0.3), 0.015, rng.uniform(0.13, 0.19))
        scene.stand(Shape.BOX, there.at(0, 0.03), (0.03, 0.03, 0.1), dark)
        scene.add(Shape.BOX, there.at(0, 0, 0.1 + half[2]), half, dark, (-0.08, 0))
        screen = palette.view(rng, 2 * half[0]) if rng.random() < 0.5 else palette.glass(rng)
        inner = (half[0] * 0.94, 0.004, half[2] * 0.92)
        scene.add(Shape.BOX, there.at(0, -0.016, 0.1 + half[2]), inner, screen, (-0.08, 0))
    scene.stand(Shape.BOX, place.at(0, -0.2, 0.74), (0.2, 0.07, 0.01), dark)
    if rng.random() < 0.8:
        add_chair(
            scene, rng, place.at(rng.uniform(-0.3, 0.3), -0.65, 0, math.pi + rng.gauss(0, 0.5))
        )


def add_dining(scene: Scene, rng: Random, place: Place) -> None:
    """A table with chairs around it."""
    add_table(scene, rng, place, 0.75)
    for i in range(4):
        if rng.random() < 0.75:
            angle = i * math.pi / 2 + rng.gauss(0, 0.15)
            away = rng.uniform(0.65, 0.85)
            there = place.at(math.sin(angle) * away, -math.cos(angle) * away, 0, angle + math.pi)
            add_chair(scene, rng, there)


def add_plant(scene: Scene, rng: Random, place: Place) -> None:
    """A large plant in a pot."""
    add_pot_plant(scene, rng, place, rng.uniform(2, 4.5))


def add_stairs(scene: Scene, rng: Random, place: Place) -> None:
    """Steps that rise to the back, with a rail."""
    wide, rise, tread = rng.uniform(0.4, 0.7), rng.uniform(0.15, 0.19), rng.uniform(0.24, 0.3)
    step, metal, count = palette.wood(rng), palette.metal(rng), rng.randrange(4, 13)
    for i in range(count):
        there = place.at(0, i * tread)
        scene.stand(Shape.BOX, there, (wide, tread / 2, (i + 1) * rise / 2), step)
        scene.stand(Shape.CYLINDER, there.at(wide, 0, (i + 1) * rise), (0.012, 0.012, 0.45), metal)
    low = place.at(wide, 0, rise + 0.9)
    high = place.at(wide, (count - 1) * tread, count * rise + 0.9)
    scene.bar((low.x, low.y, low.z), (high.x, high.y, high.z), 0.025, metal)


def add_heap(scene: Scene, rng: Random, place: Place) -> None:
    """Boxes on boxes."""
    if rng.random() < 0.3:
        add_open_box(scene, rng, place, rng.uniform(1.5, 3))
        return
    height = 0.0
    for _ in range(rng.randrange(1, 4)):
        half = (rng.uniform(0.12, 0.35), rng.uniform(0.12, 0.3), rng.uniform(0.08, 0.25))
        brown = palette.paint(rng, palette.brown(rng))
        material = brown if rng.random() < 0.6 else palette.printed(rng, half[0])
        scene.stand(Shape.BOX, place.at(0, 0, height, rng.gauss(0, 0.3)), half, material)
        height += 2 * half[2]


def add_rug(scene: Scene, rng: Random, place: Place) -> None:
    """A carpet on the floor."""
    half = (rng.uniform(0.5, 1.4), rng.uniform(0.4, 1.1), 0.006)
    shape = rng.choice((Shape.BOX, Shape.BOX, Shape.CYLINDER))
    scene.stand(shape, place, half, palette.carpet(rng))
