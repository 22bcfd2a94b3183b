"""Shells of rooms: floor, ceiling, walls with windows and doors, light, and a world outside."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from marigold_cli.training.renders.facades import Opening, building, pierced_wall, window
from marigold_cli.training.renders.lights import hang_lamp, set_sky, window_light
from marigold_cli.training.renders.materials import make
from marigold_cli.training.renders.paints import shining
from marigold_cli.training.renders.placement import INWARD, Block, Region
from marigold_cli.training.renders.solids import Solid, box, join, loft, sheet
from marigold_cli.training.renders.stage import Stage

WALL = 0.3  # thickness [m]


@dataclass
class Room:
    """An empty room whose corner is the origin.

    Attributes:
        width: Along x [m].
        depth: Along y [m].
        height: [m].
        floor: Where furniture goes; places before doors are taken.
        openings: By side (0 is y0, then anticlockwise), in the frame of the side's wall, which
            runs to the right as seen from within.
    """

    width: float
    depth: float
    height: float
    floor: Region
    openings: dict[int, list[Opening]] = field(default_factory=dict)

    def span(self, side: int) -> float:
        """Length of a side [m]."""
        return self.depth if side % 2 else self.width

    def point(self, side: int, along: float, off: float) -> tuple[float, float]:
        """A place on the floor, so far along a wall and off it into the room [m]."""
        w, d = self.width, self.depth
        ends = ((w - along, off), (w - off, d - along), (along, d - off), (off, along))
        return ends[side]

    def on_wall(self, solid: Solid, side: int) -> Solid:
        """What was made in the frame of a side's wall, where it belongs."""
        return solid.turned(INWARD[side] + math.pi / 2).moved(*self.point(side, 0, 0))


def build_room(stage: Stage, width: float, depth: float, height: float, look: str = "") -> Room:
    """Build the shell of a room and light it.

    Args:
        stage: Where.
        width: Along x [m].
        depth: Along y [m].
        height: [m].
        look: "", "wet" or "rough", which materials are taken.
    """
    rng = stage.rng
    room = Room(width, depth, height, Region(0.0, 0.0, width, depth))
    prefix = f"{look}-" if look else ""
    _open(room, rng)
    floor = sheet([(0, 0, 0), (width, 0, 0), (width, depth, 0), (0, depth, 0)], "floor")
    stage.build(floor, {"floor": make(prefix + "floor", rng)}, "floor")
    top = sheet(
        [(0, 0, height), (0, depth, height), (width, depth, height), (width, 0, height)], "c"
    )
    stage.build(top, {"c": make("ceiling", rng)}, "ceiling")
    wall = make(prefix + "wall", rng)
    trim, door = make("trim", rng), make("door", rng)
    accent = make("wall", rng) if rng.random() < 0.3 else wall
    for side in range(4):
        solid = _wall(room, side, rng)
        slots = {"wall": accent if side == 2 else wall, "trim": trim, "door": door}
        stage.build(solid, slots, f"wall {side}")
    _light(stage, room)
    return room


def _open(room: Room, rng: np.random.Generator) -> None:
    """Choose doors and windows."""
    for side in range(4):
        room.openings[side] = []
    door = int(rng.integers(4))
    for side in {door, *(s for s in range(4) if rng.random() < 0.12)}:
        at = rng.uniform(0.3, max(0.35, room.span(side) - 1.3))
        wide = rng.uniform(0.8, 1.0)
        room.openings[side].append(Opening(at, at + wide, 0.0, rng.uniform(1.98, 2.15)))
        x, y = room.point(side, at + wide / 2, 0.5)
        room.floor.taken.append(Block(x, y, 1.0, 1.0, INWARD[side], 0, 2.2))
    for side in range(4):
        if room.openings[side] or rng.random() > 0.5:
            continue
        room.openings[side] = _windows(room, side, rng)


def _windows(room: Room, side: int, rng: np.random.Generator) -> list[Opening]:
    """A row of equal windows."""
    span = room.span(side)
    count = max(1, int(rng.integers(1, max(2, int(span / 1.6) + 1))))
    wide = min(rng.uniform(0.7, 2.2), span / count - 0.3)
    low = 0.05 if rng.random() < 0.15 else rng.uniform(0.7, 1.1)
    high = min(room.height - 0.15, rng.uniform(1.95, 2.5))
    middles = span * (np.arange(count) + 0.5) / count
    return [Opening(x - wide / 2, x + wide / 2, low, high) for x in middles]


def _wall(room: Room, side: int, rng: np.random.Generator) -> Solid:
    """One wall with what belongs to it, in its place."""
    openings = room.openings[side]
    span = room.span(side)
    parts = [pierced_wall(span, room.height, openings, WALL)]
    for o in openings:
        if o.z0 > 0:
            parts.append(window(o, rng, 0.12, pane=False))
            parts.append(box((o.x0 - 0.03, -0.08, o.z0 - 0.03), (o.x1 + 0.03, 0.12, o.z0), "trim"))
        else:
            parts += _door(o, rng)
    if rng.random() < 0.7:
        high, edges = rng.uniform(0.06, 0.14), [0.0]
        for o in sorted((o for o in openings if o.z0 <= 0), key=lambda o: o.x0):
            edges += [o.x0 - 0.07, o.x1 + 0.07]
        edges.append(span)
        for x0, x1 in zip(edges[::2], edges[1::2], strict=True):
            parts.append(box((x0, -0.015, 0), (x1, 0, high), "trim"))
    return room.on_wall(join(parts), side)


def _door(o: Opening, rng: np.random.Generator) -> list[Solid]:
    """A closed leaf with panels and a handle, in a frame."""
    frame = 0.07
    parts = [
        box((o.x0, 0.05, o.z0), (o.x1, 0.09, o.z1), "door"),
        box((o.x0 - frame, -0.02, 0), (o.x0, 0.02, o.z1), "trim"),
        box((o.x1, -0.02, 0), (o.x1 + frame, 0.02, o.z1), "trim"),
        box((o.x0 - frame, -0.02, o.z1), (o.x1 + frame, 0.02, o.z1 + frame), "trim"),
        box((o.x0 + 0.05, -0.02, 1.0), (o.x0 + 0.18, 0.01, 1.03), "trim"),
    ]
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    wide, high = (o.x1 - o.x0 - 0.1) / columns, (o.z1 - 0.15) / rows
    for row in range(rows):
        for column in range(columns):
            x, z = o.x0 + 0.05 + column * wide, 0.1 + row * high
            parts.append(box((x + 0.04, 0.035, z), (x + wide - 0.04, 0.06, z + high - 0.1), "door"))
    return parts


def _light(stage: Stage, room: Room) -> None:
    """Daylight through the windows, lamps where it is dark or by chance."""
    rng = stage.rng
    set_sky(rng, clouds=False)
    windows = [(side, o) for side, all_ in room.openings.items() for o in all_ if o.z0 > 0]
    day = rng.uniform(1.0, 4.0)
    for side, o in windows:
        x, y = room.point(side, (o.x0 + o.x1) / 2, -0.1)
        size = (o.x1 - o.x0, o.z1 - o.z0)
        window_light((x, y, (o.z0 + o.z1) / 2), INWARD[side], size, day)
        if rng.random() < 0.5:
            _hang_curtains(stage, room, side, o)
    if windows:
        _show_outside(stage, room)
    if not windows or rng.random() < 0.5:
        _hang_lamps(stage, room, warmth=rng.uniform(0, 0.8))


def _hang_lamps(stage: Stage, room: Room, warmth: float) -> None:
    """One lamp or rows of them, as flat bright fittings under the ceiling."""
    rng = stage.rng
    rows = max(1, round(room.depth / rng.uniform(2.5, 4)))
    columns = max(1, round(room.width / rng.uniform(2.5, 5)))
    if rng.random() < 0.4:
        rows = columns = 1
    watts = rng.uniform(1.5, 8) * room.width * room.depth / (rows * columns)
    tint = (1.0, 1 - 0.2 * warmth, 1 - 0.5 * warmth)
    glow = shining(tint, rng.uniform(2, 8))
    half = rng.uniform(0.08, 0.3)
    for i in range(rows):
        for j in range(columns):
            x, y = room.width * (j + 0.5) / columns, room.depth * (i + 0.5) / rows
            z = room.height
            hang_lamp((x, y, z - 0.08), half, watts, warmth)
            stage.build(
                box((x - half, y - half, z - 0.05), (x + half, y + half, z - 0.01), "glow"),
                {"glow": glow},
                "fitting",
            )


def _hang_curtains(stage: Stage, room: Room, side: int, o: Opening) -> None:
    """A wavy cloth on either side of a window, or before it."""
    rng = stage.rng
    drop = 0.03 if rng.random() < 0.6 else o.z0 - 0.1
    wide = (o.x1 - o.x0) * rng.uniform(0.15, 0.35)
    wave, fold = rng.uniform(0.02, 0.045), rng.uniform(0.08, 0.16)
    parts = []
    for x0 in (o.x0 - wide * 0.6, o.x1 - wide * 0.4):
        x = np.arange(x0, x0 + wide, fold / 8)
        y = -0.1 + wave * np.sin(2 * np.pi * x / fold)
        front = np.column_stack([x, y])
        outline = np.concatenate([front, np.add(front, [0, 0.008])[::-1]])
        levels = [np.column_stack([outline, np.full(len(outline), z)]) for z in (drop, o.z1 + 0.12)]
        parts.append(loft(levels, ["cloth"] * len(outline)))
    stage.build(room.on_wall(join(parts), side), {"cloth": make("curtain", rng)}, "curtain")


def _show_outside(stage: Stage, room: Room) -> None:
    """Ground below and some houses opposite."""
    rng = stage.rng
    below = -rng.choice([0.3, 3.0, 9.0])
    reach = 150.0
    ground = sheet(
        [
            (-reach, -reach, below),
            (reach, -reach, below),
            (reach, reach, below),
            (-reach, reach, below),
        ],
        "g",
    )
    stage.build(ground, {"g": make(rng.choice(["meadow", "asphalt", "earth"]), rng)}, "outside")
    slots = {name: make(name, rng) for name in ("trim", "pane", "door", "roof")}
    slots |= {"wall": make("facade", rng), "rail": make("dark", rng)}
    for side in range(4):
        if rng.random() < 0.5 or not any(o.z0 > 0 for o in room.openings[side]):
            continue
        house = building(rng.uniform(8, 25), 10, int(rng.integers(2, 6)), rng)
        x, y = room.point(side, room.span(side) / 2, -rng.uniform(8, 30))
        stage.build(house.turned(INWARD[side] + math.pi / 2).moved(x, y, below), slots, "house")
