"""Gardens: lawn, beds, bushes, trees, stones, furniture, with a fence or a house behind."""

from __future__ import annotations

import math

import numpy as np

from marigold_cli.training.renders.materials import make
from marigold_cli.training.renders.outdoors import Outdoors, lay_ground, open_sky
from marigold_cli.training.renders.placement import Block, Region
from marigold_cli.training.renders.plants import grass, hedge
from marigold_cli.training.renders.props import Props, pick
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.solids import box, join
from marigold_cli.training.renders.stage import Stage
from marigold_cli.training.renders.views import Rules, View, blurred, look

_RULES = Rules(nearest=0.2, median=0.5, spread=1.7, one=0.75, sky=0.5, objects=5)


def compose_garden(stage: Stage) -> Scene:
    """A garden about as large as behind a house, seen standing or from among the plants."""
    rng = stage.rng
    open_sky(stage)
    half, deep = rng.uniform(4, 10), rng.uniform(8, 22)
    lay_ground(stage, str(rng.choice(["meadow", "meadow", "earth", "paving"])))
    things, props = Outdoors(stage, kinds=3), Props(stage)
    _enclose(stage, things, half, deep)
    if rng.random() < 0.6:
        _lay_path(stage, half, deep)
    region = Region(-half, 0, half, deep, taken=[*stage.blocks])
    _plant(things, props, region)
    if rng.random() < 0.75:
        _sow_grass(stage, half, deep)
    return Scene(lambda: _wander(stage, half, deep), _RULES)


def _plant(things: Outdoors, props: Props, region: Region) -> None:
    """Furniture, plants and stones, in this order, wherever there is room."""
    rng = props.stage.rng
    for group in ("dining-table", "low-table"):
        table = props.anywhere(region, group, gap=0.4, square=True) if rng.random() < 0.35 else None
        if table is not None:
            props.dress(table, ("tableware", "fruit", "small-plant"), pick(rng, 1, 5))
    for group, count in (("garden-plant", 22), ("house-plant", 6), ("pot", 3), ("chair", 3)):
        for _ in range(pick(rng, 0, count)):
            props.anywhere(region, group, gap=0.02)
    for kind, count in (
        ("bush", 9),
        ("stone", 10),
        ("tree", 4),
        ("conifer", 3),
        ("bench", 2),
        ("person", 2),
    ):
        for _ in range(pick(rng, 0, count)):
            x, y = rng.uniform(region.x0 + 0.3, region.x1 - 0.3), rng.uniform(0.3, region.y1 - 0.3)
            things.put(kind, x, y, rng.uniform(-3, 3))


def _enclose(stage: Stage, things: Outdoors, half: float, deep: float) -> None:
    """A hedge, fence or wall on each side, perhaps a house and trees behind."""
    rng = stage.rng
    for x, y, heading, length in (
        (0, deep, 0.0, 2 * half),
        (-half, deep / 2, math.pi / 2, deep),
        (half, deep / 2, math.pi / 2, deep),
    ):
        match rng.choice(["hedge", "fence", "wall", "open"], p=[0.3, 0.35, 0.15, 0.2]):
            case "hedge":
                height = rng.uniform(0.8, 2.2)
                solid = hedge(rng, length, height, 0.7)
                slots = {"leaf": make("leaf", rng)}
            case "fence":
                height = rng.uniform(0.8, 1.9)
                step = rng.uniform(0.09, 0.2)
                slats = [
                    box(
                        (at, -0.01, 0.05), (at + step * rng.uniform(0.6, 0.9), 0.01, height), "wood"
                    )
                    for at in np.arange(-length / 2, length / 2, step)
                ]
                rails = [
                    box((-length / 2, 0.01, z), (length / 2, 0.05, z + 0.08), "wood")
                    for z in (0.3, height - 0.3)
                ]
                solid, slots = join([*slats, *rails]), {"wood": make("wood", rng)}
            case "wall":
                height = rng.uniform(0.6, 2.2)
                solid = box((-length / 2, -0.12, 0), (length / 2, 0.12, height), "wall")
                slots = {"wall": make("rough-wall", rng)}
            case _:
                continue
        thing = stage.build(solid, slots, "border")
        stage.place(thing, Block(x, y, length, 0.7, heading, 0, height))
    if rng.random() < 0.6:
        things.put("house", rng.uniform(-4, 4), deep + rng.uniform(6, 16), 0.0)
    for _ in range(pick(rng, 0, 12)):
        x, y = rng.uniform(-3 * half, 3 * half), deep + rng.uniform(2, 30)
        things.put(str(rng.choice(["tree", "conifer"])), x, y, rng.uniform(0, 6))


def _lay_path(stage: Stage, half: float, deep: float) -> None:
    """A strip of paving across the garden."""
    rng = stage.rng
    wide, at = rng.uniform(0.6, 2.0), rng.uniform(-half * 0.6, half * 0.6)
    solid = box((at - wide / 2, -5, -0.1), (at + wide / 2, deep, rng.uniform(0.01, 0.04)), "walk")
    stage.build(solid, {"walk": make("paving", rng)}, "path")


def _sow_grass(stage: Stage, half: float, deep: float) -> None:
    """Square patches of blades, copied and turned by quarters."""
    rng = stage.rng
    side, height = 1.5, 10 ** rng.uniform(-1.4, -0.6)
    leaf = {"leaf": make("leaf", rng)}
    patches = [stage.build(grass(rng, side, height), leaf, "grass") for _ in range(2)]
    share = rng.uniform(0.4, 1.0)
    for x in np.arange(-half, half, side):
        for y in np.arange(-2, deep, side):
            if rng.random() < share:
                twin = stage.copy(patches[int(rng.integers(2))])
                twin.location = (x + side / 2, y + side / 2, 0)
                twin.rotation_euler = (0, 0, math.pi / 2 * int(rng.integers(4)))
    for patch in patches:
        stage.put_away(patch)


def _wander(stage: Stage, half: float, deep: float) -> View:
    """From a path, or close to a plant and near the ground."""
    rng = stage.rng
    close = rng.random() < 0.4
    for _ in range(100):
        x, y = rng.uniform(-half, half), rng.uniform(-3, deep * 0.7)
        z = rng.uniform(0.15, 0.9) if close else rng.uniform(1.1, 1.85)
        if stage.is_free(x, y, z, 0.3):
            break
    reach = 2.5 if close else half * 2
    near = [b for b in stage.blocks if 0.5 < math.hypot(b.x - x, b.y - y) < reach]
    aim = near[int(rng.integers(len(near)))] if near else None
    target = (aim.x, aim.y, min(aim.top, 2.0) * 0.6) if aim else (0.0, deep, 1.0)
    view = look((x, y, z), target, rng, (30, 85))
    return blurred(view, math.dist((x, y, z), target), rng) if close else view
