"""Things of the catalogue put into a scene: on floors, on tops, on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from marigold_cli.training.renders.books import BOOKS, make_book
from marigold_cli.training.renders.generators import spawn
from marigold_cli.training.renders.materials import make
from marigold_cli.training.renders.placement import Block, Region
from marigold_cli.training.renders.pots import pot
from marigold_cli.training.renders.stage import Stage, Thing, attach, size_of, supports_of

_NEW = 0.6  # the chance that something is made anew although the like of it exists


@dataclass
class Props:
    """A store of things for one scene; what was made once may appear again.

    Attributes:
        stage: Where they go.
        made: By group.
    """

    stage: Stage
    made: dict[str, list[Thing]] = field(default_factory=dict)

    def take(self, group: str, new: float = _NEW) -> Thing | None:
        """A thing of a group, not yet in its place."""
        rng = self.stage.rng
        made = self.made.setdefault(group, [])
        if made and rng.random() > new / len(made):
            return self.stage.copy(made[int(rng.integers(len(made)))])
        thing = make_book(self.stage, group) if group in BOOKS else spawn(group, rng)
        if group == "house-plant" and thing is not None:
            _pot(self.stage, thing)
        if thing is not None:
            made.append(thing)
        return thing

    def along(
        self, region: Region, group: str, sides: Sequence[int] = (0, 1, 2, 3), gap: float = 0.02
    ) -> Thing | None:
        """Put a thing with its back to one of the sides."""
        thing = self.take(group)
        if thing is None:
            return None
        return self._settle(thing, region.against(size_of(thing), self.stage.rng, sides, gap))

    def anywhere(
        self, region: Region, group: str, gap: float = 0.05, square: bool = False
    ) -> Thing | None:
        """Put a thing somewhere."""
        thing = self.take(group)
        if thing is None:
            return None
        return self._settle(thing, region.free(size_of(thing), self.stage.rng, gap, square))

    def at(
        self, region: Region, group: str, x: float, y: float, heading: float, gap: float = 0.0
    ) -> Thing | None:
        """Put a thing at this very place."""
        thing = self.take(group)
        if thing is None:
            return None
        length, width, height = size_of(thing)
        block = Block(x, y, length, width, heading, region.level, region.level + height)
        return self._settle(thing, region.put(block, gap))

    def dress(
        self, thing: Thing, groups: Sequence[str], count: int, least: float = 0.03
    ) -> list[Thing]:
        """Put small things on the level surfaces of one that is turned by quarters."""
        rng = self.stage.rng
        surfaces = [s for s in supports_of(thing, least) if s.room > 0.06 and s.level < 2.2]
        found = []
        for _ in range(count if surfaces else 0):
            surface = surfaces[int(rng.integers(len(surfaces)))]
            group = str(rng.choice(list(groups)))
            if group == "books":
                placed = self.along(surface, group, gap=0.01)
            else:
                placed = self.anywhere(surface, group, gap=0.01, square=rng.random() < 0.3)
            if placed is not None:
                found.append(placed)
        return found

    def _settle(self, thing: Thing, block: Block | None) -> Thing | None:
        """Leave the thing in its place, or put it away if it has none."""
        if block is not None:
            return self.stage.place(thing, block)
        self.stage.put_away(thing)
        return None


def _pot(stage: Stage, plant: Thing) -> None:
    """Set a plant into a pot of its own."""
    rng = stage.rng
    length, width, height = size_of(plant)
    solid = pot(rng, float(np.clip(0.28 * min(length, width) + 0.06 * height, 0.05, 0.3)))
    slots = {"pot": make("pot", rng), "earth": make("earth", rng)}
    vessel = stage.build(solid, slots, "pot")
    plant.location.z = 0.9 * size_of(vessel)[2]
    attach(plant, vessel)


def pick(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(rng.integers(low, high + 1))
