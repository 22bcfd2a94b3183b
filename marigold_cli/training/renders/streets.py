"""Streets between houses and roads between fields."""

from __future__ import annotations

import math

import numpy as np

from marigold_cli.training.renders.materials import make
from marigold_cli.training.renders.outdoors import (
    OPEN,
    Outdoors,
    lay_ground,
    open_sky,
    row_of_houses,
)
from marigold_cli.training.renders.paints import plain
from marigold_cli.training.renders.plan import Kind
from marigold_cli.training.renders.props import pick
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.solids import Solid, box, join, tube
from marigold_cli.training.renders.stage import Stage
from marigold_cli.training.renders.terrain import hills
from marigold_cli.training.renders.views import Rules, View, look


def compose_street(stage: Stage, kind: Kind) -> Scene:
    """A road to walk or to drive along, in a town or in the country."""
    open_sky(stage)
    return _street(stage) if kind is Kind.STREET else _road(stage)


def _street(stage: Stage) -> Scene:
    """A road along y between pavements and rows of houses."""
    rng, things = stage.rng, Outdoors(stage)
    half, walk = rng.uniform(2.2, 7.0), rng.uniform(1.2, 5.0)
    length = rng.uniform(60, 200)
    lay_ground(stage, str(rng.choice(["meadow", "asphalt", "earth"])), level=-0.02)
    _lay_road(stage, half, walk)
    for side in (-1, 1):
        if rng.random() < 0.9:
            front = side * (half + walk + rng.choice([0.0, rng.uniform(0, 6)]))
            row_of_houses(things, front, -30, length, -side, rng.uniform(0, 0.6))
    parked = rng.uniform(0.1, 0.8)
    for side in (-1, 1):
        for y in np.arange(-15, length * 0.7, rng.uniform(5.5, 8)):
            if rng.random() < parked:
                heading = side * math.pi / 2 + rng.normal(0, 0.02)
                things.put("car", side * (half - 1.1), y + rng.normal(0, 0.4), heading)
    for _ in range(pick(rng, 0, 3)):
        side = rng.choice([-1, 1])
        things.put("car", side * half * 0.3, rng.uniform(5, length * 0.6), side * math.pi / 2)
    _line_pavements(things, half, walk, length)
    return Scene(lambda: _walk(stage, half, walk, length), OPEN)


def _lay_road(stage: Stage, half: float, walk: float) -> None:
    """Asphalt, kerbs, pavements and lines."""
    rng = stage.rng
    y0, y1, kerb = -60, 600, rng.uniform(0.06, 0.16)
    road = box((-half, y0, -0.3), (half, y1, 0), "asphalt")
    stage.build(road, {"asphalt": make("asphalt", rng)}, "road")
    edge, paving = make("trim", rng), make("paving", rng)
    for side in (-1, 1):
        inner, outer = side * half, side * (half + walk + 7)
        x0, x1 = sorted((inner, outer))
        solid = join(
            [
                box((x0, y0, -0.3), (x1, y1, kerb), "walk"),
                box((inner - 0.08, y0, -0.3), (inner + 0.08, y1, kerb + 0.004), "edge"),
            ]
        )
        stage.build(solid, {"walk": paving, "edge": edge}, "pavement")
    if half > 2.6 and rng.random() < 0.8:
        dash, gap = rng.uniform(1, 4), rng.uniform(1, 6)
        dashes = [
            box((-0.06, y, 0), (0.06, y + dash, 0.004), "line")
            for y in np.arange(-30, 250, dash + gap)
        ]
        stage.build(join(dashes), {"line": plain((0.7, 0.7, 0.66), 0.7, 0, 0.15, 5)}, "lines")


def _line_pavements(things: Outdoors, half: float, walk: float, length: float) -> None:
    """Lamps, trees, bushes and people on both sides."""
    rng = things.stage.rng
    level = 0.1
    lamps, trees = rng.random() < 0.7, rng.random() < 0.5
    kind = str(rng.choice(["tree", "tree", "conifer"]))
    for side in (-1, 1):
        step = rng.uniform(7, 25)
        for y in np.arange(0, length, step):
            if lamps:
                things.put(
                    "lamp-post", side * (half + 0.4), y, math.pi / 2 + side * math.pi / 2, level
                )
            if trees and rng.random() < 0.8:
                things.put(kind, side * (half + 0.8), y + step / 2, rng.uniform(0, 6), level)
    for _ in range(pick(rng, 0, 14)):
        x = rng.choice([-1, 1]) * (half + rng.uniform(0.4, walk))
        heading = rng.choice([-1, 1]) * math.pi / 2 + rng.normal(0, 0.3)
        things.put("person", x, rng.uniform(2, 40), heading, level)
    for _ in range(pick(rng, 0, 6)):
        x = rng.choice([-1, 1]) * (half + rng.uniform(0.4, walk))
        things.put(
            str(rng.choice(["bush", "bench"])), x, rng.uniform(2, 40), rng.uniform(0, 6), level
        )


def _walk(stage: Stage, half: float, walk: float, length: float) -> View:
    """From a pavement, from a car, or from a window above."""
    rng = stage.rng
    place = rng.choice(["pavement", "car", "window"], p=[0.55, 0.33, 0.12])
    for _ in range(100):
        x = rng.choice([-1, 1]) * (half + rng.uniform(0.3, walk))
        x, z = {
            "pavement": (x, rng.uniform(1.0, 1.85)),
            "car": (rng.uniform(-0.6, 0.6) * half, rng.uniform(1.1, 2.2)),
            "window": (x, rng.uniform(3.5, 9)),
        }[str(place)]
        y = rng.uniform(-10, length * 0.4)
        if stage.is_free(x, y, z, 0.5):
            break
    aside = rng.normal(0, 1.0) if rng.random() < 0.35 else rng.normal(0, 0.25)
    angle = math.pi / 2 * (1 if rng.random() < 0.8 else -1) + aside
    reach = rng.uniform(8, 40)
    down = rng.uniform(0.2, 2.5) if place != "window" else rng.uniform(0, 3)
    return look(
        (x, y, z), (x + reach * math.cos(angle), y + reach * math.sin(angle), down), rng, (35, 95)
    )


def _road(stage: Stage) -> Scene:
    """A country road along y through hills, to the horizon."""
    rng, things = stage.rng, Outdoors(stage, kinds=3)
    half = rng.uniform(2.4, 6.5)
    ground = make(str(rng.choice(["meadow", "meadow", "earth"])), rng)
    land = hills(rng, half + 6, 1800, 10 ** rng.uniform(0.7, 2.2))
    stage.build(land, {"ground": ground}, "land")
    _lay_road(stage, half, rng.uniform(-6.7, -5.5))
    if rng.random() < 0.6:
        _guard(stage, float(rng.choice([-1, 1])) * (half + 1.2))
    if rng.random() < 0.5:
        _string_wires(stage, rng.choice([-1, 1]) * (half + rng.uniform(3, 6)))
    kind = str(rng.choice(["tree", "conifer", "bush"]))
    for _ in range(pick(rng, 8, 90)):
        x = rng.choice([-1, 1]) * (half + 2.5 + abs(rng.normal(0, 12)))
        things.put(
            kind if rng.random() < 0.7 else "bush", x, rng.uniform(-5, 160), rng.uniform(0, 6)
        )
    for _ in range(pick(rng, 0, 5)):
        side = rng.choice([-1, 1])
        things.put("car", side * half * 0.45, rng.uniform(6, 120), side * math.pi / 2)
    for _ in range(pick(rng, 0, 4)):
        x = rng.choice([-1, 1]) * rng.uniform(half + 14, 50)
        things.put("house", x, rng.uniform(20, 140), rng.choice([0, 1, 2, 3]) * math.pi / 2)
    rules = Rules(nearest=0.8, median=3, spread=3, one=0.75, sky=0.65, objects=3)
    return Scene(lambda: _walk(stage, half, 2.5, 120), rules)


def _guard(stage: Stage, x: float) -> None:
    """A rail on posts along a road."""
    parts = [box((x, -40, 0.5), (x + 0.05, 300, 0.8), "rail")]
    parts += [box((x - 0.1, y, 0), (x, y + 0.12, 0.75), "rail") for y in np.arange(-40.0, 300, 4)]
    stage.build(join(parts), {"rail": make("metal", stage.rng)}, "guard rail")


def _string_wires(stage: Stage, x: float) -> None:
    """Poles with a cross-arm and hanging wires."""
    rng = stage.rng
    high, step = rng.uniform(6, 9), rng.uniform(25, 45)
    parts: list[Solid] = []
    for y in np.arange(-20, 400, step):
        parts.append(tube(np.array([(x, y, 0), (x, y, high)]), [0.12, 0.09], "wood", 8))
        parts.append(box((x - 0.8, y - 0.05, high - 0.6), (x + 0.8, y + 0.05, high - 0.48), "wood"))
        for off in (-0.7, 0, 0.7):
            share = np.linspace(0, 1, 9)
            sag = 4 * share * (1 - share) * step * 0.03
            path = np.column_stack([np.full(9, x + off), y + share * step, high - 0.45 - sag])
            parts.append(tube(path, [0.015] * 9, "wood", 4))
    stage.build(join(parts), {"wood": make("bark", rng)}, "poles")
