"""How far predictions are from the truth; each formula a few lines over 1-d arrays of known pixels.

`select` makes such arrays of maps: positive, finite truth, and predictions that are numbers. Of
no pixel at all every score is NaN, never an error. Knows nothing of files or of alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Mask

Array = NDArray[np.floating]
Kind = TypeVar("Kind", bound=np.generic)

SMALLEST_DEPTH = 1e-6  # [m]; aligned predictions are raised to it, as the papers do

_LARGEST = float(np.finfo(np.float32).max)  # infinite predictions are lowered to it
_BOUNDARY_RATIOS = np.linspace(1.05, 1.25, 10)  # Depth Pro: depth jumps from 5 % to 25 %


def select(predicted: Array, truth: Array, valid: Mask | None = None) -> tuple[Array, Array]:
    """Take the pixels that count, in float64.

    A pixel counts where the truth is finite, positive and not masked out, and the prediction is a
    number; infinite or non-positive predictions are numbers and are held in positive bounds.

    Args:
        predicted: Depth in the truth's unit, any shape.
        truth: The same shape.
        valid: Where the truth is to be trusted; None: wherever it is finite and positive.

    Returns:
        Predictions, at least `SMALLEST_DEPTH`, and truth, 1-d.
    """
    counts = _counts(predicted, truth, valid)
    ours, theirs = (values[counts].astype(np.float64) for values in (predicted, truth))
    return np.clip(ours, SMALLEST_DEPTH, _LARGEST), theirs


def abs_rel(predicted: Array, truth: Array) -> float:
    """Mean of |predicted - truth| / truth, both positive and in the same unit."""
    return _mean(np.abs(predicted - truth) / truth)


def sq_rel(predicted: Array, truth: Array) -> float:
    """Mean of (predicted - truth)^2 / truth [m]."""
    return _mean((predicted - truth) ** 2 / truth)


def rmse(predicted: Array, truth: Array) -> float:
    """Root of the mean squared error [m]."""
    return _root_mean((predicted - truth) ** 2)


def rmse_log(predicted: Array, truth: Array) -> float:
    """Root of the mean squared difference of natural logarithms."""
    return _root_mean(_log_ratio(predicted, truth) ** 2)


def log10(predicted: Array, truth: Array) -> float:
    """Mean difference of decimal logarithms."""
    return _mean(np.abs(_log_ratio(predicted, truth))) / float(np.log(10))


def delta(predicted: Array, truth: Array, bound: float) -> float:
    """Share of pixels where the larger is less than *bound* times the smaller."""
    predicted = np.maximum(predicted, SMALLEST_DEPTH)
    return _mean(np.maximum(predicted / truth, truth / predicted) < bound)


def delta1(predicted: Array, truth: Array) -> float:
    """Share of pixels where the larger is less than 1.25 times the smaller."""
    return delta(predicted, truth, 1.25)


def delta2(predicted: Array, truth: Array) -> float:
    """Share of pixels where the larger is less than 1.25^2 times the smaller."""
    return delta(predicted, truth, 1.25**2)


def delta3(predicted: Array, truth: Array) -> float:
    """Share of pixels where the larger is less than 1.25^3 times the smaller."""
    return delta(predicted, truth, 1.25**3)


def inverse_rmse(predicted: Array, truth: Array) -> float:
    """Root of the mean squared difference of inverse depths [1/m]."""
    return _root_mean((1 / np.maximum(predicted, SMALLEST_DEPTH) - 1 / truth) ** 2)


def silog(predicted: Array, truth: Array) -> float:
    """Standard deviation of the difference of logarithms, times 100 (KITTI's)."""
    ratio = _log_ratio(predicted, truth)
    return 100 * _root_mean((ratio - _mean(ratio)) ** 2)


@dataclass(frozen=True)
class Metric:
    """A score of one depth map.

    Attributes:
        key: Its name in files.
        title: Its name in tables, with an arrow towards the better.
        formula: Of `select`'s arrays.
        is_share: Whether papers print it in percent.
    """

    key: str
    title: str
    formula: Callable[[Array, Array], float]
    is_share: bool = False


METRICS: tuple[Metric, ...] = (
    Metric("abs_rel", "AbsRel↓", abs_rel, is_share=True),
    Metric("delta1", "δ1↑", delta1, is_share=True),
    Metric("delta2", "δ2↑", delta2, is_share=True),
    Metric("delta3", "δ3↑", delta3, is_share=True),
    Metric("rmse", "RMSE↓", rmse),
    Metric("rmse_log", "RMSElog↓", rmse_log),
    Metric("log10", "log10↓", log10),
    Metric("sq_rel", "SqRel↓", sq_rel),
    Metric("i_rmse", "iRMSE↓", inverse_rmse),
    Metric("silog", "SILog↓", silog),
)


def boundary_f1(predicted: Array, truth: Array, valid: Mask | None = None) -> float:
    """Scale-invariant boundary F1 of Depth Pro (Bochkovskii et al. 2024, section 3.2).

    Neighbours whose depths differ by more than a ratio bound something, towards one of four sides;
    precision and recall are means over the sides, F1 is weighted by the ratio over ten of them. A
    ratio for which the truth has no boundary scores 0. Only neighbours that are both known count.

    Args:
        predicted: Depth [H, W]; only ratios matter.
        truth: The same.
        valid: Where the truth is to be trusted.

    Returns:
        In [0, 1]; NaN where no two neighbours are known.
    """
    known = _counts(predicted, truth, valid)
    bounded = np.clip(predicted, SMALLEST_DEPTH, _LARGEST)
    sides = [*_ratios(bounded, truth, known, 0), *_ratios(bounded, truth, known, 1)]
    if not any(ours.size for ours, _ in sides):
        return float("nan")
    scores = [_edge_f1(sides, bound) for bound in _BOUNDARY_RATIOS]
    return float(np.average(scores, weights=_BOUNDARY_RATIOS))


def _ratios(
    predicted: Array, truth: Array, known: Mask, axis: int
) -> Iterator[tuple[Array, Array]]:
    """Depth over its neighbour's depth, of prediction and truth: towards one side and the other."""
    first, second = _neighbours(known, axis)
    both = first & second
    pairs = [_neighbours(depth, axis) for depth in (predicted, truth)]
    ours, theirs = (here[both] / there[both] for here, there in pairs)
    yield ours, theirs
    yield 1 / ours, 1 / theirs


def _edge_f1(sides: Sequence[tuple[Array, Array]], bound: float) -> float:
    """F1 of precision and recall, each the mean over the sides."""
    precision = recall = 0.0
    for ours, theirs in sides:
        found, real = ours > bound, theirs > bound
        hits = int((found & real).sum())
        precision += hits / max(int(found.sum()), 1) / len(sides)
        recall += hits / max(int(real.sum()), 1) / len(sides)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def order_accuracy(nearer: Array, farther: Array) -> float:
    """Share of point pairs whose nearer point was given the smaller depth (DA-2K); a tie is wrong.

    Args:
        nearer: Predicted depth at the points that are nearer in truth.
        farther: Predicted depth at their partners.
    """
    return _mean(nearer < farther)


def angular_errors(predicted: Array, truth: Array) -> Array:
    """Angles between normals [degrees], of any length; a prediction of length 0 is 90 off.

    Args:
        predicted: Normals [..., 3].
        truth: The same; where its length is 0 or not finite nothing is known.

    Returns:
        1-d, of the pixels whose truth is known.
    """
    lengths = np.linalg.norm(truth, axis=-1)
    known = np.isfinite(lengths) & (lengths > 0)
    ours, theirs = (
        np.nan_to_num(normals[known].astype(np.float64)) for normals in (predicted, truth)
    )
    lengths = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    cosine = (ours * theirs).sum(-1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    angles: Array = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return angles


@dataclass(frozen=True)
class NormalScores:
    """Angular errors [degrees] and the shares of pixels below three bounds, as in the papers."""

    mean: float
    median: float
    below_11_25: float
    below_22_5: float
    below_30: float


def normal_scores(errors: Array) -> NormalScores:
    """Sum up `angular_errors`, of one picture or of all pixels of a data set."""
    shares = (_mean(errors < bound) for bound in (11.25, 22.5, 30.0))
    median = float(np.median(errors)) if errors.size else float("nan")
    return NormalScores(_mean(errors), median, *shares)


def _counts(predicted: Array, truth: Array, valid: Mask | None) -> Mask:
    """Where the truth is finite and positive, trusted, and a number was predicted."""
    counts: Mask = np.isfinite(truth) & (truth > 0) & ~np.isnan(predicted)
    return counts if valid is None else counts & valid


def _mean(values: Array | Mask) -> float:
    return float(np.mean(values, dtype=np.float64)) if values.size else float("nan")


def _root_mean(squares: Array) -> float:
    return float(np.sqrt(_mean(squares)))


def _log_ratio(predicted: Array, truth: Array) -> Array:
    return np.log(np.maximum(predicted, SMALLEST_DEPTH)) - np.log(truth)


def _neighbours(values: NDArray[Kind], axis: int) -> tuple[NDArray[Kind], NDArray[Kind]]:
    """Each pixel but the last, and its neighbour below (axis 0) or to the right (axis 1)."""
    ahead = np.moveaxis(values, axis, 0)
    return ahead[:-1], ahead[1:]
