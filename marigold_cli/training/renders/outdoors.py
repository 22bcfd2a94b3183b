"""What several kinds of places in the open have in common: houses, cars, people, trees, ground."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from marigold_cli.training.renders.facades import building, choose_style, lamp_post
from marigold_cli.training.renders.figures import person
from marigold_cli.training.renders.lights import set_sky
from marigold_cli.training.renders.materials import make
from marigold_cli.training.renders.placement import Block
from marigold_cli.training.renders.plants import bush, conifer, tree
from marigold_cli.training.renders.solids import Solid, box, join, sheet
from marigold_cli.training.renders.stage import Stage, Thing, size_of
from marigold_cli.training.renders.terrain import stone
from marigold_cli.training.renders.vehicles import car
from marigold_cli.training.renders.views import Rules

OPEN = Rules(nearest=0.6, median=2.5, spread=2.0, one=0.72, sky=0.6, objects=4)

# The slots of each kind of thing and the purposes of the materials that fill them.
_SLOTS = {
    "house": {
        "wall": "facade",
        "trim": "trim",
        "pane": "pane",
        "door": "door",
        "rail": "dark",
        "roof": "roof",
    },
    "car": {
        "paint": "paint",
        "pane": "pane",
        "dark": "dark",
        "metal": "metal",
        "lamp": "lamp",
        "red": "red",
    },
    "person": {"top": "top", "trousers": "top", "shoes": "dark", "skin": "skin", "hair": "hair"},
    "tree": {"bark": "bark", "leaf": "leaf"},
    "conifer": {"bark": "bark", "leaf": "leaf"},
    "bush": {"leaf": "leaf"},
    "lamp-post": {"rail": "dark"},
    "stone": {"stone": "earth"},
    "bench": {"wood": "wood", "rail": "dark"},
}


@dataclass
class Outdoors:
    """A store of things for one place in the open; later ones are mostly copies.

    Attributes:
        stage: Where they go.
        kinds: How many different ones of a kind are made.
        made: By kind.
    """

    stage: Stage
    kinds: int = 4
    made: dict[str, list[Thing]] = field(default_factory=dict)

    def put(self, kind: str, x: float, y: float, heading: float, z: float = 0.0) -> Thing | None:
        """Stand a thing somewhere, unless something is there already."""
        thing = self.take(kind)
        length, width, height = size_of(thing)
        if kind in ("tree", "conifer"):  # crowns may meet
            length, width = length * 0.3, width * 0.3
        block = Block(x, y, length, width, heading, z, z + height)
        if any(block.overlaps(other) for other in self.stage.blocks):
            self.stage.put_away(thing)
            return None
        return self.stage.place(thing, block)

    def take(self, kind: str) -> Thing:
        """A thing of a kind, not yet in its place."""
        rng = self.stage.rng
        made = self.made.setdefault(kind, [])
        if len(made) < self.kinds:
            slots = {slot: make(purpose, rng) for slot, purpose in _SLOTS[kind].items()}
            solid = _centred(_MAKERS[kind](rng))
            made.append(self.stage.build(solid, slots, kind))
            return made[-1]
        return self.stage.copy(made[int(rng.integers(len(made)))])


def _centred(solid: Solid) -> Solid:
    """The same with its box centred over the origin, standing on it."""
    low, high = solid.bounds()
    middle = (low + high) / 2
    return solid.moved(-middle[0], -middle[1], -low[2])


def _house(rng: np.random.Generator) -> Solid:
    style = choose_style(rng)
    storeys = int(rng.integers(2, 7))
    return building(rng.uniform(8, 22), rng.uniform(8, 13), storeys, rng, style)


def _tree(rng: np.random.Generator) -> Solid:
    return tree(rng, rng.uniform(4, 14), leaves=int(rng.integers(3000, 6000)))


def _bush(rng: np.random.Generator) -> Solid:
    radius = rng.uniform(0.3, 1.1)
    radii = (radius, radius * rng.uniform(0.8, 1.2), radius * rng.uniform(0.6, 1.2))
    return bush(rng, radii, leaves=int(rng.integers(1500, 3500)))


def _bench(rng: np.random.Generator) -> Solid:
    """Slats on two feet, with a back; it looks to +x."""
    half, seat = rng.uniform(0.6, 1.1), rng.uniform(0.42, 0.48)
    slats = [box((x, -half, seat), (x + 0.09, half, seat + 0.03), "wood") for x in (0, 0.11, 0.22)]
    slats += [box((-0.05, -half, z), (-0.02, half, z + 0.09), "wood") for z in (0.6, 0.74)]
    feet = [box((-0.05, y, 0), (0.32, y + 0.05, seat), "rail") for y in (-half * 0.8, half * 0.8)]
    posts = [box((-0.05, y, seat), (0, y + 0.05, 0.85), "rail") for y in (-half * 0.8, half * 0.8)]
    return join([*slats, *feet, *posts])


_MAKERS = {
    "house": _house,
    "car": car,
    "person": person,
    "tree": _tree,
    "conifer": lambda rng: conifer(rng, rng.uniform(4, 16)),
    "bush": _bush,
    "lamp-post": lamp_post,
    "stone": lambda rng: stone(rng, rng.uniform(0.1, 0.6)),
    "bench": _bench,
}


def lay_ground(stage: Stage, purpose: str, reach: float = 1500.0, level: float = 0.0) -> None:
    """Level ground to the horizon."""
    corners = [
        (-reach, -reach, level),
        (reach, -reach, level),
        (reach, reach, level),
        (-reach, reach, level),
    ]
    stage.build(sheet(corners, "ground"), {"ground": make(purpose, stage.rng)}, "ground")


def open_sky(stage: Stage) -> None:
    """Light as out of doors."""
    set_sky(stage.rng, clouds=bool(stage.rng.random() < 0.6))


def row_of_houses(
    outdoors: Outdoors, x: float, y0: float, y1: float, inside: float, gaps: float
) -> None:
    """Houses along y whose fronts stand at x.

    Args:
        outdoors: The store.
        x: Of their fronts [m].
        y0: Where the row begins [m].
        y1: Where no other begins [m].
        inside: +1 or -1, where along x the fronts look to.
        gaps: The share of houses with a gap behind them.
    """
    rng = outdoors.stage.rng
    y = y0
    while y < y1:
        thing = outdoors.take("house")
        wide, deep, _ = size_of(thing)
        block = Block(
            x - inside * deep / 2,
            y + wide / 2,
            wide,
            deep,
            inside * math.pi / 2,
            0,
            size_of(thing)[2],
        )
        outdoors.stage.place(thing, block)
        y += wide + (rng.uniform(1, 8) if rng.random() < gaps else 0.02)
