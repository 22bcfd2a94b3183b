"""Squares and courtyards: paved places with houses around."""

from __future__ import annotations

import math

import numpy as np

from marigold_cli.training.renders.outdoors import (
    OPEN,
    Outdoors,
    lay_ground,
    open_sky,
    row_of_houses,
)
from marigold_cli.training.renders.placement import Block, Region
from marigold_cli.training.renders.plan import Kind
from marigold_cli.training.renders.props import Props, pick
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.stage import Stage, size_of
from marigold_cli.training.renders.views import Rules, View, look


def compose_square(stage: Stage, kind: Kind) -> Scene:
    """A place between houses, wide or narrow."""
    open_sky(stage)
    return _square(stage) if kind is Kind.SQUARE else _courtyard(stage)


def _square(stage: Stage) -> Scene:
    """An open paved place with people, houses around."""
    rng, things = stage.rng, Outdoors(stage, kinds=4)
    half = rng.uniform(10, 35)
    lay_ground(stage, str(rng.choice(["paving", "paving", "asphalt"])))
    for side in (-1, 1):
        row_of_houses(things, side * half, -half, half * 1.6, -side, rng.uniform(0, 0.5))
    for x in np.arange(-half, half, 16):
        things.put("house", x + 8, half * 2 + 8, 0.0)
    for kind, count in (
        ("person", pick(rng, 3, 30)),
        ("bench", pick(rng, 0, 6)),
        ("lamp-post", pick(rng, 0, 8)),
        ("tree", pick(rng, 0, 7)),
        ("bush", pick(rng, 0, 6)),
        ("car", pick(rng, 0, 5)),
    ):
        for _ in range(count):
            x, y = rng.uniform(-half * 0.85, half * 0.85), rng.uniform(-half * 0.3, half * 1.5)
            things.put(kind, x, y, rng.uniform(-math.pi, math.pi))
    props = Props(stage)
    region = Region(-half * 0.6, -half * 0.2, half * 0.6, half * 0.8, taken=[*stage.blocks])
    for _ in range(pick(rng, 0, 4)):
        props.anywhere(region, str(rng.choice(["pillar", "bar-table", "chair", "dining-table"])))
    return Scene(lambda: _stroll(stage, half), OPEN)


def _stroll(stage: Stage, half: float) -> View:
    """From somewhere on a place, to something that stands there."""
    rng = stage.rng
    for _ in range(100):
        x, y = rng.uniform(-half * 0.8, half * 0.8), rng.uniform(-half * 0.8, half)
        z = rng.choice(
            [rng.uniform(1.2, 1.85), rng.uniform(0.5, 1.1), rng.uniform(2.5, 6)],
            p=[0.7, 0.18, 0.12],
        )
        if stage.is_free(x, y, z, 0.5):
            break
    near = [b for b in stage.blocks if math.hypot(b.x - x, b.y - y) < half * 1.5]
    aim = near[int(rng.integers(len(near)))] if near else None
    target = (aim.x, aim.y, min(aim.top, 2.5) * 0.6) if aim else (0.0, half, 1.5)
    return look((x, y, z), target, rng, (35, 90))


def _courtyard(stage: Stage) -> Scene:
    """A small place closed by fronts, with plants and furniture."""
    rng, things, props = stage.rng, Outdoors(stage, kinds=3), Props(stage)
    half, deep = rng.uniform(3, 8), rng.uniform(6, 16)
    lay_ground(stage, str(rng.choice(["paving", "paving", "paving", "earth", "meadow"])))
    for side in (-1, 1):
        row_of_houses(things, side * half, -8, deep, -side, 0.1)
    _close_off(things, deep)
    _furnish_yard(props, Region(-half + 0.1, 0, half - 0.1, deep - 0.2, taken=[*stage.blocks]))
    for kind, count in (("bush", 5), ("person", 3), ("bench", 2), ("tree", 2), ("stone", 3)):
        for _ in range(pick(rng, 0, count)):
            x, y = rng.uniform(-half + 0.6, half - 0.6), rng.uniform(0.5, deep - 0.8)
            things.put(kind, x, y, rng.uniform(-3, 3))
    rules = Rules(nearest=0.4, median=1.2, spread=1.8, one=0.7, sky=0.5, objects=5)
    return Scene(lambda: _stroll(stage, half), rules)


def _close_off(things: Outdoors, y: float) -> None:
    """A front across the far end."""
    house = things.take("house")
    wide, deep, height = size_of(house)
    things.stage.place(house, Block(0, y + deep / 2, wide, deep, 0, 0, height))


def _furnish_yard(props: Props, region: Region) -> None:
    """Tables that are laid, chairs, pots and plants."""
    rng = props.stage.rng
    for group in ("dining-table", "bar-table", "low-table", "rack", "pallet", "stairs"):
        if rng.random() < 0.4:
            table = props.anywhere(region, group, gap=0.3, square=True)
            if table is not None and "table" in group:
                props.dress(table, ("tableware", "small-plant", "fruit"), pick(rng, 1, 5))
    for group, count in (("chair", 5), ("garden-plant", 6), ("house-plant", 5), ("pot", 4)):
        for _ in range(pick(rng, 0, count)):
            props.anywhere(region, group, gap=0.05)
