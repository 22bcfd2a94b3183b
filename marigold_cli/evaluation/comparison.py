"""One prediction beside its truth, or the reason why there is nothing to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import DepthKind
from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.alignment import Aligned, align
from marigold_cli.evaluation.datasets import DataSet, Truth
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.evaluation.options import Alignment
from marigold_cli.evaluation.predictions import Predictions
from marigold_cli.metrics import Array

UNMEASURED = "no pixel of its depth is measured"

_NO_DEPTH, _NO_NORMALS = (f"it has no {what} to compare with" for what in ("depth", "normals"))


@dataclass(frozen=True)
class Skip:
    """A picture that does not count, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """One prediction beside its truth, in one unit."""

    truth: Truth
    aligned: Aligned


@dataclass(frozen=True)
class NormalsComparison:
    """True and predicted normals of one picture, each [H, W, 3]; NaN or length 0: unknown."""

    truth: Array
    predicted: Array


def check_truth(data: DataSet, kind: DepthKind) -> None:
    """See that a set knows what predictions of a kind are measured against, before they are made.

    Raises:
        DataSetError: none of its pictures has it.
    """
    is_normals = kind is DepthKind.NORMALS
    if any(one.normals if is_normals else one.truth or one.pairs for one in data.samples):
        return
    reason = _NO_NORMALS if is_normals else _NO_DEPTH
    raise DataSetError(f"{data.storage.root}: no picture can be measured: {reason}")


def compare(
    data: DataSet, predictions: Predictions, how: Alignment, sample: Sample
) -> Comparison | Skip:
    """Read one picture's truth and prediction and align them."""
    if not sample.truth:
        return Skip(sample.image, _NO_DEPTH)
    truth = data.read_truth(sample)
    if not truth.valid.any():
        return Skip(sample.image, UNMEASURED)
    values = predictions.read(data, sample, truth)
    if isinstance(values, str):
        return Skip(sample.image, values)
    aligned = align(values, predictions.kind, truth, how, data.protocol)
    if aligned is None:
        return Skip(sample.image, "no pixel to align the prediction on")
    return Comparison(truth, aligned)


def compare_normals(
    data: DataSet, predictions: Predictions, sample: Sample
) -> NormalsComparison | Skip:
    """Read one picture's true and predicted normals."""
    if not sample.normals:
        return Skip(sample.image, _NO_NORMALS)
    truth = data.read_normals(sample)
    size = (truth.shape[0], truth.shape[1])
    values = predictions.read(data, sample, Truth(np.zeros(size), np.ones(size, bool), size))
    if isinstance(values, str):
        return Skip(sample.image, values)
    return NormalsComparison(truth, values)
