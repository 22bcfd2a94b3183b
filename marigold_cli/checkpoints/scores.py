"""How good a checkpoint was found to be: a table that may lie beside its networks."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.errors import ModelError

SCORES = "scores.csv"
COLUMNS = ("set", "picture", "abs_rel", "delta1")


@dataclass(frozen=True)
class Score:
    """One picture, one step, after the best scale and shift.

    Attributes:
        set: Which pictures it belongs to, in words.
        picture: Its name.
        abs_rel: Mean relative error of depth.
        delta1: Share of pixels within a factor of 1.25.
    """

    set: str
    picture: str
    abs_rel: float
    delta1: float


@dataclass(frozen=True)
class Mean:
    """The mean over a set's pictures."""

    set: str
    count: int
    abs_rel: float
    delta1: float


def read_scores(folder: Path) -> tuple[Score, ...]:
    """The scores of a checkpoint's folder, none where it has no table.

    Raises:
        ModelError: the table cannot be read.
    """
    path = folder / SCORES
    if not path.exists():
        return ()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(
                Score(row["set"], row["picture"], float(row["abs_rel"]), float(row["delta1"]))
                for row in csv.DictReader(file)
            )
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ModelError(f"{path}: is no table of {', '.join(COLUMNS)}; remove it") from error


def average(scores: Sequence[Score]) -> list[Mean]:
    """The mean of each set, in the table's order."""
    sets = {score.set: [one for one in scores if one.set == score.set] for score in scores}
    return [
        Mean(
            name,
            len(members),
            statistics.fmean(one.abs_rel for one in members),
            statistics.fmean(one.delta1 for one in members),
        )
        for name, members in sets.items()
    ]
