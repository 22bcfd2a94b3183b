"""Furnished rooms, each kind with its own order of things."""

from __future__ import annotations

import math
from collections.abc import Callable

from marigold_cli.training.renders.furniture import (
    SHELF_THINGS,
    TABLE_THINGS,
    add_person,
    dine,
    fill_corners,
    hang_pictures,
    lay_rug,
    make_bed,
    set_television,
    stack_boxes,
    throw_pillows,
    work_at,
)
from marigold_cli.training.renders.plan import Kind
from marigold_cli.training.renders.props import Props, pick
from marigold_cli.training.renders.rooms import Room, build_room
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.stage import Stage, size_of
from marigold_cli.training.renders.views import Rules, View, look

_RULES = Rules(one=0.6, sky=0.4, objects=6)

Furnish = Callable[[Stage, Room, Props], None]


def compose_interior(stage: Stage, kind: Kind) -> Scene:
    """A furnished room, seen by someone who stands, sits or crouches in it."""
    rng = stage.rng
    width, depth, height, finish, furnish = _PLANS[kind]
    room = build_room(stage, rng.uniform(*width), rng.uniform(*depth), rng.uniform(*height), finish)
    props = Props(stage)
    furnish(stage, room, props)
    hang_pictures(room, props, pick(rng, 0, 4))
    if rng.random() < 0.15:
        add_person(stage, room.floor)
    return Scene(lambda: _stand(stage, room), _RULES)


def _stand(stage: Stage, room: Room) -> View:
    """A view from a free place in the room, mostly across it."""
    rng = stage.rng
    for _ in range(50):
        x, y = rng.uniform(0.25, room.width - 0.25), rng.uniform(0.25, room.depth - 0.25)
        eye = rng.choice(
            [rng.uniform(1.3, 1.75), rng.uniform(0.5, 1.2), rng.uniform(1.7, 2.1)],
            p=[0.6, 0.3, 0.1],
        )
        z = min(eye, room.height - 0.3)
        if stage.is_free(x, y, z, 0.3):
            break
    if stage.blocks and rng.random() < 0.6:
        aim = stage.blocks[int(rng.integers(len(stage.blocks)))]
        target = (aim.x, aim.y, aim.bottom + 0.4 * (min(aim.top, 1.8) - aim.bottom))
    else:
        target = (room.width - x, room.depth - y, rng.uniform(0.2, 1.3))
    return look((x, y, z), target, rng, (45, 95))


def _living_room(stage: Stage, room: Room, props: Props) -> None:
    rng, floor = stage.rng, room.floor
    sofa = props.along(floor, "sofa")
    if sofa is not None:
        ahead = sofa.rotation_euler[2]
        reach = size_of(sofa)[0] / 2 + rng.uniform(0.6, 0.9)
        x, y = (
            sofa.location.x + math.cos(ahead) * reach,
            sofa.location.y + math.sin(ahead) * reach,
        )
        lay_rug(stage, room, x, y)
        table = props.at(floor, "low-table", x, y, ahead + math.pi / 2 * (rng.random() < 0.5))
        if table is not None:
            props.dress(table, TABLE_THINGS, pick(rng, 1, 5))
        throw_pillows(props, sofa)
    set_television(props, floor)
    for group in ("shelf", "shelf", "cabinet", "armchair", "armchair", "side-table"):
        thing = props.along(floor, group, gap=0.05) if rng.random() < 0.75 else None
        if thing is not None and group in ("shelf", "cabinet", "side-table"):
            props.dress(thing, SHELF_THINGS, pick(rng, 3, 12) if group == "shelf" else 3)
    fill_corners(stage, props, floor)
    if rng.random() < 0.4:
        dine(stage, props, floor)


def _bedroom(stage: Stage, room: Room, props: Props) -> None:
    rng, floor = stage.rng, room.floor
    bed = make_bed(stage, props, floor)
    if bed is not None and rng.random() < 0.6:
        lay_rug(stage, room, bed.x, bed.y)
    for group in ("side-table", "side-table", "cabinet", "cabinet", "shelf", "low-shelf", "desk"):
        thing = props.along(floor, group, gap=0.03) if rng.random() < 0.7 else None
        if thing is not None:
            props.dress(thing, SHELF_THINGS if "shelf" in group else TABLE_THINGS, pick(rng, 1, 6))
    if rng.random() < 0.6:
        props.anywhere(floor, "armchair")
    fill_corners(stage, props, floor)


def _kitchen(stage: Stage, room: Room, props: Props) -> None:
    rng, floor = stage.rng, room.floor
    for _ in range(pick(rng, 1, 2)):
        units = props.along(floor, "kitchen", gap=0.0)
        if units is not None:
            props.dress(
                units, ("tableware", "tableware", "counter-appliance", "vase"), pick(rng, 3, 9)
            )
    for group in ("appliance", "appliance", "cabinet", "shelf"):
        thing = props.along(floor, group) if rng.random() < 0.55 else None
        if thing is not None:
            props.dress(thing, ("tableware", "tableware", "books"), pick(rng, 1, 5))
    if rng.random() < 0.25:
        island = props.anywhere(floor, "island", gap=0.5, square=True)
        if island is not None:
            props.dress(island, TABLE_THINGS, pick(rng, 2, 8))
    dine(stage, props, floor)
    fill_corners(stage, props, floor)


def _bathroom(stage: Stage, room: Room, props: Props) -> None:
    rng, floor = stage.rng, room.floor
    for group, chance in (
        ("bathtub", 0.7),
        ("toilet", 0.8),
        ("basin", 0.95),
        ("basin", 0.2),
        ("low-shelf", 0.5),
        ("cabinet", 0.4),
        ("stool", 0.3),
    ):
        thing = props.along(floor, group) if rng.random() < chance else None
        if thing is not None and group in ("low-shelf", "cabinet"):
            props.dress(thing, ("tableware", "vase", "small-plant"), pick(rng, 1, 5))
    lay_rug(stage, room, room.width / 2, room.depth / 2, 0.9)
    fill_corners(stage, props, floor)


def _office(stage: Stage, room: Room, props: Props) -> None:
    rng, floor = stage.rng, room.floor
    for _ in range(pick(rng, 2, 7)):
        desk = props.along(floor, "desk", gap=0.04)
        if desk is None:
            break
        work_at(props, floor, desk)
    for group in ("shelf", "shelf", "cabinet", "low-shelf", "bar-table"):
        thing = props.along(floor, group) if rng.random() < 0.7 else None
        if thing is not None:
            props.dress(thing, ("books", "books", "book", "vase"), pick(rng, 2, 12))
    if rng.random() < 0.4:
        dine(stage, props, floor)
    fill_corners(stage, props, floor)


def _corridor(stage: Stage, room: Room, props: Props) -> None:
    rng = stage.rng
    for group in ("cabinet", "low-shelf", "side-table", "chair", "shelf", "house-plant", "pillar"):
        thing = props.along(room.floor, group, (1, 3)) if rng.random() < 0.45 else None
        if thing is not None and group != "chair":
            props.dress(thing, SHELF_THINGS, pick(rng, 1, 5))
    if rng.random() < 0.3:
        add_person(stage, room.floor)
    lay_rug(stage, room, room.width / 2, room.depth * 0.4, room.width * 0.3)


def _workshop(stage: Stage, room: Room, props: Props) -> None:
    rng, floor = stage.rng, room.floor
    for group in ("rack", "rack", "shelf", "desk", "dining-table", "pillar", "stairs", "cabinet"):
        thing = props.along(floor, group, gap=0.05) if rng.random() < 0.6 else None
        if thing is not None:
            props.dress(thing, ("tableware", "book", "counter-appliance", "pot"), pick(rng, 3, 10))
    for _ in range(pick(rng, 2, 5)):
        props.anywhere(
            floor, str(rng.choice(["pallet", "stool", "chair", "appliance", "bar-table"]))
        )
    stack_boxes(stage, floor, pick(rng, 6, 24))
    if rng.random() < 0.4:
        add_person(stage, floor)


_Range = tuple[float, float]
_PLANS: dict[Kind, tuple[_Range, _Range, _Range, str, Furnish]] = {
    Kind.LIVING_ROOM: ((3.4, 7.0), (3.6, 8.0), (2.3, 3.2), "", _living_room),
    Kind.BEDROOM: ((2.8, 5.0), (3.2, 5.5), (2.3, 3.0), "", _bedroom),
    Kind.KITCHEN: ((2.6, 5.5), (3.0, 6.5), (2.4, 3.0), "", _kitchen),
    Kind.BATHROOM: ((1.9, 3.6), (2.2, 4.2), (2.3, 2.9), "wet", _bathroom),
    Kind.OFFICE: ((3.0, 10.0), (3.5, 14.0), (2.5, 3.4), "", _office),
    Kind.CORRIDOR: ((1.3, 2.6), (6.0, 20.0), (2.3, 3.4), "", _corridor),
    Kind.WORKSHOP: ((4.0, 12.0), (5.0, 20.0), (3.0, 6.0), "rough", _workshop),
}
