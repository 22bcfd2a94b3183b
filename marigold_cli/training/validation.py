"""How far predictions of a few pictures are from the truth, in the numbers of the papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from marigold_cli.depth import Floats, Mask
from marigold_cli.fit import fit_affine
from marigold_cli.metrics import abs_rel, angular_errors, delta1, normal_scores, select
from marigold_cli.training.curve import Table
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import known_normals, normals_of


@dataclass(frozen=True)
class Score:
    """One number about all pictures: the mean of one number a picture.

    Attributes:
        key: Its name in validation.csv.
        text: For people.
        value: Not a number where nothing is known of any picture.
    """

    key: str
    text: str
    value: float


def judge(samples: Samples, predicted: Tensor) -> tuple[Score, ...]:
    """AbsRel and delta1 of depth after the best scale and shift, or the mean angle of normals.

    Args:
        samples: Pictures with their truth.
        predicted: [B, 1, H, W], depth up to scale and shift, or [B, 3, H, W], normals.
    """
    if predicted.shape[1] == 3:
        angle = _mean(_angles(samples, predicted))
        return (Score("mean_angle", f"angle {angle:.1f} degrees", angle),)
    pairs = _depths(samples, predicted)
    error, share = (_mean([metric(*pair) for pair in pairs]) for metric in (abs_rel, delta1))
    return (
        Score("abs_rel", f"AbsRel {error:.3f}", error),
        Score("delta1", f"delta1 {share:.3f}", share),
    )


class Validation:
    """Appends scores to validation.csv, which is there from the first of them on."""

    def __init__(self, path: Path, update: int) -> None:
        """Take a place.

        Args:
            path: validation.csv.
            update: Updates that are done; lines beyond are cut, for they will be made again.
        """
        self._path, self._update = path, update
        self._table: Table | None = None

    def add(self, update: int, scores: Sequence[Score]) -> None:
        """Write the line of an update.

        Raises:
            OutputError: It cannot be written.
        """
        if self._table is None:
            header = ",".join(("update", *(score.key for score in scores)))
            self._table = Table(self._path, header, self._update)
        self._table.write(update, *(repr(score.value) for score in scores))

    def close(self) -> None:
        """Close the file."""
        if self._table:
            self._table.close()


def _depths(samples: Samples, predicted: Tensor) -> list[tuple[Floats, Floats]]:
    """Predictions at their best scale and shift, and the truth, of each picture's known pixels."""
    parts = (predicted.float(), samples.depth, samples.valid)
    maps = zip(*(part[:, 0].cpu().numpy() for part in parts), strict=True)
    return [_aligned(guess, truth, valid) for guess, truth, valid in maps if valid.any()]


def _aligned(predicted: Floats, truth: Floats, valid: Mask) -> tuple[Floats, Floats]:
    return select(fit_affine(predicted[valid], truth[valid])(predicted), truth, valid)


def _angles(samples: Samples, predicted: Tensor) -> list[float]:
    """Each picture's mean angle, where the truth is known [degrees]."""
    truth = normals_of(samples) * known_normals(samples)
    maps = zip(
        *(part.permute(0, 2, 3, 1).cpu().numpy() for part in (predicted.float(), truth)),
        strict=True,
    )
    return [normal_scores(angular_errors(guess, truth)).mean for guess, truth in maps]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
