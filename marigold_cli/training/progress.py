"""What a training tells while it goes on. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Advance:
    """An update is done.

    Attributes:
        update: How many are.
        updates: How many there will be.
        loss: Of this update; not a number where it was skipped.
        rate: Learning rate.
        samples: Pictures seen in this update.
        seconds: Since this run began [s].
        scores: Of the pictures that were shown last, in words; empty before the first.
    """

    update: int
    updates: int
    loss: float
    rate: float
    samples: int
    seconds: float
    scores: str = ""


class Observer(Protocol):
    """Hears how a training goes."""

    def stage(self, text: str) -> None:
        """Hear what is being done now, for instance "reading the base"."""

    def note(self, text: str) -> None:
        """Hear what a user should know."""

    def advance(self, advance: Advance) -> None:
        """Hear of an update."""
