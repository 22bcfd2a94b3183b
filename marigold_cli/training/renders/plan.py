"""Which scene a seed stands for: its kind and how many pictures are taken of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

VERSION = "5"  # of the composer; the same seed may give another scene in another version
MOST_VIEWS = 8


class Kind(StrEnum):
    """What a scene shows."""

    LIVING_ROOM = "living-room"
    BEDROOM = "bedroom"
    KITCHEN = "kitchen"
    BATHROOM = "bathroom"
    OFFICE = "office"
    CORRIDOR = "corridor"
    WORKSHOP = "workshop"
    SHELF = "shelf"
    TABLE_TOP = "table-top"
    CLOSE_UP = "close-up"
    COURTYARD = "courtyard"
    GARDEN = "garden"
    STREET = "street"
    ROAD = "road"
    SQUARE = "square"


SHARES = {
    Kind.LIVING_ROOM: 10,
    Kind.BEDROOM: 6,
    Kind.KITCHEN: 6,
    Kind.BATHROOM: 4,
    Kind.OFFICE: 7,
    Kind.CORRIDOR: 4,
    Kind.WORKSHOP: 6,
    Kind.SHELF: 7,
    Kind.TABLE_TOP: 9,
    Kind.CLOSE_UP: 8,
    Kind.COURTYARD: 6,
    Kind.GARDEN: 8,
    Kind.STREET: 9,
    Kind.ROAD: 4,
    Kind.SQUARE: 6,
}


@dataclass(frozen=True)
class ScenePlan:
    """One scene to compose."""

    seed: int
    kind: Kind
    views: int  # pictures wanted; fewer if too few candidates are worth it


def plan(seed: int) -> ScenePlan:
    """The scene of a seed; kinds appear with their shares, in no order."""
    rng = np.random.default_rng([seed, 0])
    kinds = list(SHARES)
    weights = np.array([SHARES[kind] for kind in kinds], float)
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    return ScenePlan(seed, kind, int(rng.integers(6, MOST_VIEWS + 1)))
