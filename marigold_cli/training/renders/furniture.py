"""Groups of furniture: a bed, a desk to work at, a table with chairs, heaps of boxes, pictures."""

from __future__ import annotations

import math

import numpy as np

from marigold_cli.training.renders.figures import person
from marigold_cli.training.renders.lights import stand_lamp
from marigold_cli.training.renders.materials import make
from marigold_cli.training.renders.placement import INWARD, Block, Region
from marigold_cli.training.renders.props import Props, pick
from marigold_cli.training.renders.rooms import Room
from marigold_cli.training.renders.solids import box, join
from marigold_cli.training.renders.stage import Stage, Thing, size_of

TABLE_THINGS = ("tableware", "tableware", "book", "vase", "small-plant", "fruit", "shell")
SHELF_THINGS = ("books", "books", "book", "vase", "tableware", "small-plant", "shell")


def make_bed(stage: Stage, props: Props, floor: Region) -> Block | None:
    """A frame of our own with a mattress and pillows, its head to a wall."""
    rng = stage.rng
    mattress = props.take("mattress")
    if mattress is None:
        return None
    wide, long, thick = size_of(mattress)
    rise, head = rng.uniform(0.2, 0.4), rng.uniform(0.7, 1.2)
    block = floor.against((long + 0.12, wide + 0.1, rise + thick), rng, gap=0.04)
    if block is None:
        stage.put_away(mattress)
        return None
    x, y = long / 2 + 0.06, wide / 2 + 0.05
    frame = join(
        [box((-x, -y, 0.12), (x, y, rise), "wood"), box((-x, -y, 0), (-x + 0.06, y, head), "wood")]
        + [
            box((sx - 0.04, sy - 0.04, 0), (sx + 0.04, sy + 0.04, 0.14), "wood")
            for sx in (-x + 0.1, x - 0.1)
            for sy in (-y + 0.1, y - 0.1)
        ]
    )
    stage.place(stage.build(frame, {"wood": make("wood", rng)}, "bed"), block)
    on = Block(block.x, block.y, wide, long, block.heading + math.pi / 2, rise, rise + thick)
    stage.place(mattress, on, solid=False)
    across = np.array([-math.sin(block.heading), math.cos(block.heading)])
    along = -np.array([math.cos(block.heading), math.sin(block.heading)]) * (long / 2 - 0.35)
    for share in (-0.25, 0.25):
        pillow = props.take("pillow", new=0.0)
        if pillow is not None:
            px, py = np.array([block.x, block.y]) + along + across * wide * share
            lying = Block(px, py, 0.4, 0.6, block.heading + rng.normal(0, 0.2), rise + thick - 0.02)
            stage.place(pillow, lying, solid=False)
    return block


def work_at(props: Props, floor: Region, desk: Thing) -> None:
    """A screen on a desk, a chair before it, small things around."""
    rng = props.stage.rng
    heading = desk.rotation_euler[2]
    length, _, height = size_of(desk)
    x, y = desk.location.x, desk.location.y
    screen = props.take("monitor")
    if screen is not None:
        back = -length * 0.25
        block = Block(
            x + back * math.cos(heading),
            y + back * math.sin(heading),
            0.2,
            0.5,
            heading,
            height,
            height + 0.5,
        )
        props.stage.place(screen, block)
    props.dress(desk, ("book", "tableware", "desk-lamp", "small-plant"), pick(rng, 0, 4))
    reach = length / 2 + rng.uniform(0.25, 0.6)
    chair = math.pi + heading + rng.normal(0, 0.4)
    props.at(
        floor, "office-chair", x + reach * math.cos(heading), y + reach * math.sin(heading), chair
    )


def stack_boxes(stage: Stage, floor: Region, count: int) -> None:
    """Cartons and crates, some on top of others."""
    rng = stage.rng
    stuff = [make("box", rng) for _ in range(4)]
    for _ in range(count):
        size = rng.uniform(0.15, 0.8, 3)
        block = floor.free(list(size), rng, 0.02, square=rng.random() < 0.5)
        while block is not None:
            half = np.array([block.length, block.width]) / 2
            solid = box((-half[0], -half[1], 0), (half[0], half[1], size[2]), "box")
            stage.place(stage.build(solid, {"box": stuff[int(rng.integers(4))]}, "box"), block)
            size = size * rng.uniform(0.6, 0.95, 3)
            top = Region(
                block.x - half[0],
                block.y - half[1],
                block.x + half[0],
                block.y + half[1],
                block.top,
            )
            turn = block.heading + rng.normal(0, 0.1)
            over = Block(block.x, block.y, size[0], size[1], turn, block.top, block.top + size[2])
            block = over if top.level < 1.4 and rng.random() < 0.4 else None


def dine(stage: Stage, props: Props, floor: Region) -> None:
    """A table with chairs around it."""
    rng = stage.rng
    table = props.anywhere(floor, "dining-table", gap=0.4, square=True)
    if table is None:
        return
    props.dress(table, TABLE_THINGS, pick(rng, 2, 9))
    length, width, _ = size_of(table)
    for side in range(4):
        if rng.random() < 0.2:
            continue
        angle = table.rotation_euler[2] + side * math.pi / 2
        reach = (length if side % 2 == 0 else width) / 2 + rng.uniform(0.15, 0.45)
        x = table.location.x + reach * math.cos(angle)
        y = table.location.y + reach * math.sin(angle)
        props.at(floor, "chair", x, y, angle + math.pi + rng.normal(0, 0.15))


def set_television(props: Props, floor: Region) -> None:
    """A low shelf with a screen on it."""
    stand = props.along(floor, "low-shelf")
    screen = props.take("television") if stand is not None else None
    if stand is None or screen is None:
        return
    height = size_of(stand)[2]
    block = Block(
        stand.location.x,
        stand.location.y,
        0.2,
        1.2,
        stand.rotation_euler[2],
        height,
        height + size_of(screen)[2],
    )
    props.stage.place(screen, block)
    props.dress(stand, ("books", "book", "tableware"), 3)


def throw_pillows(props: Props, sofa: Thing) -> None:
    """A pillow on a seat, or none."""
    rng = props.stage.rng
    seats = [block for block in props.stage.blocks if block.x == sofa.location.x]
    for block in seats[: pick(rng, 0, 1)]:
        pillow = props.take("pillow", new=0.0)
        if pillow is not None:
            lying = Block(block.x, block.y, 0.4, 0.5, rng.uniform(0, 6), block.bottom + 0.45)
            props.stage.place(pillow, lying, solid=False)


def fill_corners(stage: Stage, props: Props, floor: Region) -> None:
    """Lamps and plants wherever there is room."""
    rng = stage.rng
    for group, chance in (("floor-lamp", 0.5), ("house-plant", 0.5), ("house-plant", 0.3)):
        thing = props.along(floor, group, gap=0.15) if rng.random() < chance else None
        if thing is not None and group == "floor-lamp":
            x, y, _ = thing.location
            stand_lamp((x, y, size_of(thing)[2] + 0.15), rng.uniform(15, 60), rng.uniform(0.3, 1))


def lay_rug(stage: Stage, room: Room, x: float, y: float, half: float = 1.2) -> None:
    """A rug on the floor around a place."""
    rng = stage.rng
    a, b = half * rng.uniform(0.7, 1.5), half * rng.uniform(0.7, 1.2)
    x0, x1 = max(x - a, 0.05), min(x + a, room.width - 0.05)
    y0, y1 = max(y - b, 0.05), min(y + b, room.depth - 0.05)
    rug = box((x0, y0, 0.001), (x1, y1, rng.uniform(0.008, 0.02)), "rug")
    stage.build(rug, {"rug": make("rug", rng)}, "rug")


def hang_pictures(room: Room, props: Props, count: int) -> None:
    """Pictures where a wall has no opening."""
    rng = props.stage.rng
    for _ in range(count):
        side = int(rng.integers(4))
        along = rng.uniform(0.4, max(0.5, room.span(side) - 0.4))
        if any(o.x0 - 0.6 < along < o.x1 + 0.6 for o in room.openings[side]):
            continue
        picture = props.take("picture")
        if picture is None:
            return
        thick, wide, high = size_of(picture)
        x, y = room.point(side, along, thick / 2 + 0.003)
        z = min(rng.uniform(1.1, 1.6), room.height - high - 0.1)
        block = Block(x, y, thick, wide, INWARD[side], z, z + high)
        props.stage.place(picture, block, solid=False)


def add_person(stage: Stage, floor: Region) -> None:
    """Someone who stands on a free place."""
    rng = stage.rng
    solid = person(rng)
    low, high = solid.bounds()
    block = floor.free(tuple(high - low), rng, 0.05)
    if block is not None:
        cloth = {slot: make("top", rng) for slot in ("top", "trousers", "shoes")}
        slots = cloth | {"skin": make("skin", rng), "hair": make("hair", rng)}
        stage.place(stage.build(solid, slots, "person"), block)
