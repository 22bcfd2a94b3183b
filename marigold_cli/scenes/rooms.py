"""Indoor scenes: rooms, corridors, and what is fixed to their walls."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import furniture, palette
from marigold_cli.scenes.figures import add_person
from marigold_cli.scenes.scene import Lens, Light, Place, Scene, Shape, Vector

_AGAINST_WALLS = (
    (furniture.add_cupboard, 5), (furniture.add_shelf, 4), (furniture.add_sofa, 4),
    (furniture.add_bed, 3), (furniture.add_desk, 3), (furniture.add_table, 2),
    (furniture.add_plant, 2), (furniture.add_floor_lamp, 2), (furniture.add_heap, 1),
)  # fmt: skip
_IN_THE_MIDDLE = (
    (furniture.add_table, 4), (furniture.add_dining, 3), (furniture.add_chair, 5),
    (furniture.add_sofa, 3), (furniture.add_bed, 1.5), (furniture.add_heap, 1.5),
    (furniture.add_desk, 1.5), (furniture.add_plant, 1), (furniture.add_cupboard, 1),
    (add_person, 1),
)  # fmt: skip


def sample_room(rng: Random) -> Scene:
    """A furnished room, seen from near one of its walls or a corner."""
    half = (rng.uniform(1.3, 3.6), rng.uniform(1.5, 4.2))
    tall = rng.uniform(2.3, 3.3) if rng.random() < 0.85 else rng.uniform(3.3, 5)
    scene = build_room(rng, half, tall)
    for _ in range(rng.randrange(0, 2)):
        furniture.add_rug(
            scene, rng, Place(rng.gauss(0, 0.5), rng.gauss(0, 0.7), 0, rng.gauss(0, 0.3))
        )
    furnish(scene, rng, half, rng.randrange(3, 11), rng.randrange(1, 6))
    if rng.random() < 0.2:
        _divide(scene, rng, half, tall)
    if rng.random() < 0.07:
        there = Place(rng.uniform(-0.6, 0.6) * half[0], rng.uniform(0, 0.6) * half[1])
        furniture.add_stairs(scene, rng, there.at(0, 0, 0, rng.gauss(0, 0.8)))
    _look_across(scene, rng, half, tall)
    return scene


def _divide(scene: Scene, rng: Random, half: tuple[float, float], tall: float) -> None:
    """A wall across the room with an opening through which the rest is seen."""
    y, paint = rng.uniform(0, 0.6) * half[1], palette.wall(rng)
    middle, wide = rng.uniform(-0.6, 0.6) * half[0], rng.choice((0.45, 0.5, 1.0))
    high = rng.uniform(2.0, 2.2)
    for side in (-1, 1):
        long = half[0] - side * middle - wide
        there = Place(middle + side * (wide + long / 2), y)
        if long > 0.05:
            scene.stand(Shape.BOX, there, (long / 2, 0.06, tall / 2), paint)
    above = Place(middle, y, high)
    scene.stand(Shape.BOX, above, (wide, 0.06, (tall - high) / 2), paint)
    frame = palette.wood(rng)
    for side in (-1, 1):
        post = Place(middle + side * wide, y)
        scene.stand(Shape.BOX, post, (0.05, 0.08, high / 2), frame)
    if rng.random() < 0.5:
        hinge = Place(middle - wide, y, 0, rng.uniform(0.3, 1.8))
        scene.stand(Shape.BOX, hinge.at(wide, 0), (wide, 0.02, high / 2 - 0.01), palette.wood(rng))


def build_room(rng: Random, half: tuple[float, float], tall: float) -> Scene:
    """An empty room around the origin with doors, windows, pictures and light."""
    scene, walls = Scene(), palette.wall(rng)
    scene.enclose((0, 0, tall / 2 - 0.005), (*half, tall / 2 + 0.005), 0, walls)
    scene.add(Shape.BOX, Place(0, 0, -0.05), (half[0], half[1], 0.05), palette.floor(rng))
    ceiling = palette.paint(rng, palette.tint(0.1, rng.uniform(0, 0.1), rng.uniform(0.7, 0.98)))
    scene.add(Shape.BOX, Place(0, 0, tall), (half[0], half[1], 0.02), ceiling)
    light_room(scene, rng, half, tall)
    skirting = palette.wood(rng)
    accent = rng.randrange(8)
    for side in range(4):
        wall = _wall_place(half, side)
        long = half[side % 2]
        if side == accent:
            scene.stand(Shape.BOX, wall, (long, 0.01, tall / 2), palette.wall(rng))
        scene.stand(Shape.BOX, wall, (long, 0.025, rng.uniform(0.02, 0.06)), skirting)
        _hang(scene, rng, wall, long, tall)
    if rng.random() < 0.2:
        for i in range(-2, 3):
            beam = Place(i * half[0] / 2.2, 0, tall - 0.08)
            scene.add(Shape.BOX, beam, (0.07, half[1], 0.08), skirting)
    return scene


def _wall_place(half: tuple[float, float], side: int) -> Place:
    """The foot of a wall's middle: far, left, near, right; its front looks into the room."""
    x, y = ((0, half[1]), (-half[0], 0), (0, -half[1]), (half[0], 0))[side]
    return Place(x, y, 0, side * math.pi / 2)


def _hang(scene: Scene, rng: Random, wall: Place, long: float, tall: float) -> None:
    """Pictures, windows, doors and boards on a wall."""
    kind = rng.random()
    if kind < 0.3:
        for _ in range(rng.randrange(1, 3)):
            half = (rng.uniform(0.35, min(1.1, long * 0.5)), 0.02, rng.uniform(0.4, 0.75))
            add_window(
                scene, rng, wall.at(rng.uniform(-0.6, 0.6) * long, 0, rng.uniform(1.3, 1.6)), half
            )
    elif kind < 0.5:
        door, wide = palette.wood(rng), rng.uniform(0.4, 0.5)
        there = wall.at(rng.uniform(-0.7, 0.7) * (long - 0.5), 0)
        scene.stand(Shape.BOX, there, (wide + 0.07, 0.03, 1.08), palette.wood(rng))
        scene.stand(Shape.BOX, there.at(0, -0.02), (wide, 0.03, 1.03), door)
        knob = there.at(wide * 0.8, -0.09, 1.03)
        scene.add(Shape.ELLIPSOID, knob, (0.06, 0.03, 0.025), palette.metal(rng))
    if kind > 0.42:
        for _ in range(rng.randrange(0, 4)):
            size = (rng.uniform(0.12, 0.5), rng.uniform(0.12, 0.4))
            there = wall.at(rng.uniform(-0.8, 0.8) * long, -0.02, rng.uniform(1.3, tall - 0.6))
            frame = palette.wood(rng)
            scene.add(Shape.BOX, there, (size[0] + 0.03, 0.015, size[1] + 0.03), frame)
            scene.add(Shape.BOX, there, (size[0], 0.02, size[1]), palette.printed(rng, size[0] * 2))


def add_window(scene: Scene, rng: Random, place: Place, half: Vector) -> None:
    """A bright pane with a frame, bars, a sill and perhaps curtains."""
    frame, cloth = palette.wood(rng), palette.fabric(rng)
    pane = palette.view(rng, 2.5 * half[0])
    scene.add(Shape.BOX, place, half, pane)
    if rng.random() < 0.5:
        _let_sun_in(scene, rng, place, half)
    for side in (-1, 0, 1):
        bar = place.at(side * half[0], -0.03)
        scene.add(Shape.BOX, bar, (0.035, 0.03, half[2] + 0.03), frame)
        scene.add(Shape.BOX, place.at(0, -0.03, side * half[2]), (half[0], 0.03, 0.03), frame)
    scene.add(Shape.BOX, place.at(0, -0.1, -half[2] - 0.05), (half[0] + 0.1, 0.12, 0.02), frame)
    if rng.random() < 0.5:
        for side in (-1, 1):
            for fold in range(3):
                x = side * (half[0] + 0.02 + 0.11 * fold)
                there = place.at(x, -0.13, (0.15 - place.z) / 2)
                tall = half[2] / 2 + place.z / 2
                scene.add(Shape.CYLINDER, there, (0.075, 0.05, tall), cloth)


def _let_sun_in(scene: Scene, rng: Random, place: Place, half: Vector) -> None:
    """The sun through a window: a patch of light on the floor or a wall."""
    outside, target = place.at(rng.gauss(0, 2), 4, rng.uniform(1.5, 5)), place.at(0, 0)
    colour = palette.tint(rng.uniform(0.08, 0.13), rng.uniform(0, 0.35), 1)
    start, aim = (outside.x, outside.y, outside.z), (target.x, target.y, target.z)
    strength = palette.spread(rng, 1, 6)
    bright = (colour[0] * strength, colour[1] * strength, colour[2] * strength)
    extent = max(half[0], half[2]) * 0.9
    scene.lights[1:] = [Light(start, aim, bright, 0, extent, 0, 0.012, framed=True)]


def light_room(scene: Scene, rng: Random, half: tuple[float, float], tall: float) -> None:
    """A lamp under the ceiling and light from one side."""
    warm = rng.uniform(0.35, 1)
    strength = palette.spread(rng, 0.3, 1.5)
    x, y = rng.uniform(-0.6, 0.6) * half[0], rng.uniform(-0.6, 0.6) * half[1]
    lamp = (strength, strength * (0.6 + 0.4 * warm), strength * (0.25 + 0.75 * warm))
    spot = (x, y, tall - 0.08)
    scene.lights.append(Light(spot, (x, y + 0.01, 0), lamp, 4, 0, 1.6, rng.uniform(0.004, 0.02)))
    day = palette.spread(rng, 0.15, 3) * rng.choice((1, 1, 0.2))
    side = rng.choice((-1, 1))
    start = (side * (half[0] + 3.5), rng.uniform(-1.5, 2.5) * half[1], rng.uniform(2, 5))
    target = (-side * half[0] * 0.3, rng.uniform(-0.4, 0.4) * half[1], 0.3)
    blue = rng.uniform(0.8, 1.2)
    colour = (day, day, day * blue)
    scene.lights.append(Light(start, target, colour, 0.9, 0, 5, rng.uniform(0.006, 0.05)))
    level = rng.uniform(0.2, 0.7)
    scene.ambient = (level, level * (0.8 + 0.2 * warm), level * (0.6 + 0.4 * warm))
    scene.sky.zenith = scene.sky.horizon = (level, level, level)
    shape = rng.choice((Shape.CYLINDER, Shape.BOX, Shape.ELLIPSOID, Shape.DOME))
    bulb = (rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4), rng.uniform(0.02, 0.12))
    drop = rng.choice((0.02, 0.02, 0.5))
    scene.add(shape, Place(x, y, tall - bulb[2] - drop), bulb, palette.glowing(rng, 2.5))
    scene.bar((x, y, tall - drop), (x, y, tall), 0.008, palette.metal(rng))


def furnish(
    scene: Scene, rng: Random, half: tuple[float, float], along_walls: int, free: int
) -> None:
    """Put furniture along the walls and about the middle; nothing stands twice in one spot."""
    taken: list[tuple[float, float]] = []

    def is_free(place: Place, room: float) -> bool:
        spot = (place.x, place.y)
        if any(math.dist(spot, other) < room for other in taken):
            return False
        taken.append(spot)
        return True

    for _ in range(along_walls):
        side = rng.choice((0, 0, 1, 3, 1, 3, 2))
        long = half[side % 2] - 0.5
        add = _choose(rng, _AGAINST_WALLS)
        back = 1.07 if add is furniture.add_bed else 0.48 if add is furniture.add_sofa else 0.32
        place = _wall_place(half, side).at(rng.uniform(-1, 1) * long, -back)
        if is_free(place, 1.0):
            add(scene, rng, place)
    for _ in range(free):
        place = Place(rng.uniform(-0.6, 0.6) * half[0], rng.uniform(-0.6, 0.75) * half[1])
        if is_free(place, 1.3):
            turn = rng.choice((0, 1, 2, 3)) * math.pi / 2 + rng.gauss(0, 0.3)
            _choose(rng, _IN_THE_MIDDLE)(scene, rng, place.at(0, 0, 0, turn))


def _choose(rng: Random, options):  # type: ignore[no-untyped-def]
    return rng.choices([add for add, _ in options], [odds for _, odds in options])[0]


def _look_across(scene: Scene, rng: Random, half: tuple[float, float], tall: float) -> None:
    """Stand near the edge of the room and look to the far part of it."""
    x, y = rng.uniform(-0.85, 0.85) * half[0], -rng.uniform(0.4, 0.95) * half[1]
    z = rng.choice((rng.uniform(0.4, 1.0), rng.uniform(1.1, 1.7), rng.uniform(1.4, tall - 0.3)))
    target = rng.uniform(-0.7, 0.7) * half[0], rng.uniform(0, 1) * half[1]
    scene.camera = (x, y, z)
    scene.heading = math.atan2(target[0] - x, target[1] - y)
    aim = rng.choice((rng.uniform(0.2, 1.2), rng.uniform(0.8, 1.6)))
    away = math.dist((x, y), target)
    scene.pitch = math.atan2(aim - z, away) + rng.gauss(0, 0.06)
    scene.field_of_view = math.radians(rng.uniform(45, 100))
    scene.lens = Lens(focus=away)


def sample_corridor(rng: Random) -> Scene:
    """A long passage with doors, lamps and a few things."""
    half, tall = (rng.uniform(0.75, 1.8), rng.uniform(5, 16)), rng.uniform(2.3, 3.4)
    scene = build_room(rng, half, tall)
    door, frame, gap = palette.wood(rng), palette.wood(rng), rng.uniform(1.6, 3.5)
    y, lamp = -half[1] + rng.uniform(0.5, 2), palette.glowing(rng, rng.uniform(1, 3))
    while y < half[1] - 0.5:
        scene.add(Shape.BOX, Place(0, y, tall - 0.01), (half[0] * 0.4, 0.3, 0.02), lamp)
        for side in (-1, 1):
            if rng.random() < 0.7:
                there = Place(side * half[0], y, 0, -side * math.pi / 2)
                scene.stand(Shape.BOX, there, (0.52, 0.03, 1.08), frame)
                scene.stand(Shape.BOX, there.at(0, -0.02), (0.45, 0.03, 1.03), door)
            elif rng.random() < 0.5:
                there = Place(side * (half[0] - 0.35), y + gap / 2, 0, -side * math.pi / 2)
                _choose(rng, _AGAINST_WALLS)(scene, rng, there)
        y += gap
    for _ in range(rng.choice((0, 0, 1, 2))):
        add_person(
            scene,
            rng,
            Place(
                rng.uniform(-0.5, 0.5) * half[0],
                rng.uniform(-0.3, 0.8) * half[1],
                0,
                rng.uniform(0, 6),
            ),
        )
    scene.camera = (
        rng.uniform(-0.5, 0.5) * half[0],
        -half[1] * rng.uniform(0.6, 0.97),
        rng.uniform(0.6, 1.9),
    )
    scene.heading, scene.pitch = rng.gauss(0, 0.15), rng.gauss(-0.05, 0.08)
    scene.field_of_view = math.radians(rng.uniform(50, 100))
    scene.lens = Lens(focus=4)
    return scene
