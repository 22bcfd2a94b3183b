"""Things seen from near: shelves, table tops, single objects before a blurred background."""

from __future__ import annotations

import math

from marigold_cli.training.renders.furniture import (
    SHELF_THINGS,
    TABLE_THINGS,
    hang_pictures,
    lay_rug,
)
from marigold_cli.training.renders.lights import stand_lamp
from marigold_cli.training.renders.plan import Kind
from marigold_cli.training.renders.props import Props, pick
from marigold_cli.training.renders.rooms import Room, build_room
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.stage import Stage, Thing, size_of, supports_of
from marigold_cli.training.renders.views import Rules, View, blurred, look

_NEAR = Rules(nearest=0.1, median=0.2, spread=1.3, one=0.75, sky=0.4, objects=4)
_TABLES = ("dining-table", "dining-table", "desk", "low-table", "island", "side-table", "bar-table")


def compose_close_up(stage: Stage, kind: Kind) -> Scene:
    """A room of which mostly one corner is seen."""
    rng = stage.rng
    room = build_room(stage, rng.uniform(3, 6), rng.uniform(3, 6), rng.uniform(2.3, 3.0))
    props = Props(stage)
    if kind is Kind.SHELF:
        return _shelves(stage, room, props)
    return _table_top(stage, room, props, single=kind is Kind.CLOSE_UP)


def _shelves(stage: Stage, room: Room, props: Props) -> Scene:
    """Full shelves side by side."""
    rng = stage.rng
    found: list[Thing] = []
    for _ in range(pick(rng, 2, 5)):
        shelf = props.along(room.floor, str(rng.choice(["shelf", "shelf", "low-shelf"])), gap=0.01)
        if shelf is not None:
            found.append(shelf)
            props.dress(shelf, SHELF_THINGS, pick(rng, 12, 35))
    if not found:
        raise ValueError("no shelf found its place")
    props.along(room.floor, "chair")
    if rng.random() < 0.5:
        props.anywhere(room.floor, "house-plant")

    def draw() -> View:
        shelf = found[int(rng.integers(len(found)))]
        length, width, height = size_of(shelf)
        angle = shelf.rotation_euler[2] + rng.normal(0, 0.5)
        reach = length / 2 + rng.uniform(0.35, 1.6)
        place = (
            shelf.location.x + reach * math.cos(angle),
            shelf.location.y + reach * math.sin(angle),
            rng.uniform(0.3, max(0.6, min(height, 1.8))),
        )
        place = (
            min(max(place[0], 0.1), room.width - 0.1),
            min(max(place[1], 0.1), room.depth - 0.1),
            place[2],
        )
        slide = rng.uniform(-0.4, 0.4) * width
        turn = shelf.rotation_euler[2]
        target = (
            shelf.location.x - slide * math.sin(turn),
            shelf.location.y + slide * math.cos(turn),
            place[2] + rng.normal(0, 0.15),
        )
        view = look(place, target, rng, (35, 80))
        return blurred(view, reach, rng) if rng.random() < 0.3 else view

    return Scene(draw, _NEAR)


def _table_top(stage: Stage, room: Room, props: Props, single: bool) -> Scene:
    """A table full of small things, or with few of them and the lens wide open."""
    rng, floor = stage.rng, room.floor
    table = None
    for _ in range(6):
        table = table or props.anywhere(floor, str(rng.choice(_TABLES)), gap=0.3, square=True)
    if table is None:
        raise ValueError("no table found its place")
    props.dress(table, TABLE_THINGS, pick(rng, 2, 6) if single else pick(rng, 8, 26))
    _furnish_around(room, props, table)
    top = max(supports_of(table), key=lambda s: s.level)
    if rng.random() < 0.4:
        stand_lamp(
            (
                table.location.x + rng.normal(0, 1),
                table.location.y + rng.normal(0, 1),
                top.level + rng.uniform(0.6, 1.2),
            ),
            rng.uniform(5, 25),
            rng.uniform(0.2, 0.9),
        )
    on = [block for block in stage.blocks if abs(block.bottom - top.level) < 0.02]
    targets = [
        (b.x, b.y, (b.bottom + b.top) / 2, max(b.length, b.width, b.top - b.bottom)) for b in on
    ]
    if not targets:
        raise ValueError("nothing stands on the table")

    def draw() -> View:
        x, y, z, size = targets[int(rng.integers(len(targets)))]
        reach = rng.uniform(1.5, 3.5) * size + 0.1 if single else rng.uniform(0.3, 1.1)
        angle, rise = rng.uniform(-math.pi, math.pi), rng.uniform(0.12, 1.0)
        flat = reach * math.cos(rise)
        place = (
            x + flat * math.cos(angle),
            y + flat * math.sin(angle),
            max(z + reach * math.sin(rise), top.level + 0.06),
        )
        view = look(place, (x, y, z), rng, (30, 70))
        return blurred(view, reach, rng) if single or rng.random() < 0.35 else view

    return Scene(draw, _NEAR)


def _furnish_around(room: Room, props: Props, table: Thing) -> None:
    """What is seen behind a table."""
    rng = props.stage.rng
    for group in ("sofa", "shelf", "cabinet", "house-plant", "floor-lamp", "chair", "chair"):
        thing = props.along(room.floor, group) if rng.random() < 0.5 else None
        if thing is not None and group == "shelf":
            props.dress(thing, SHELF_THINGS, pick(rng, 2, 7))
    hang_pictures(room, props, pick(rng, 0, 3))
    if rng.random() < 0.5:
        lay_rug(props.stage, room, table.location.x, table.location.y)
