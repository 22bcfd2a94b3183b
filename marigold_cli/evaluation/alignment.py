"""Predictions in the truth's unit: the few numbers that a model leaves open are fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import DepthKind
from marigold_cli.errors import UsageError
from marigold_cli.evaluation.datasets import Truth
from marigold_cli.evaluation.options import Alignment
from marigold_cli.evaluation.protocols import Protocol
from marigold_cli.fit import Affine, fit_affine, fit_scale
from marigold_cli.metrics import Array

_SMALLEST_DISPARITY = 1e-3  # [1/m]; aligned disparities are raised to it

_OWN = {
    DepthKind.AFFINE_DEPTH: Alignment.DEPTH,
    DepthKind.AFFINE_DISPARITY: Alignment.DISPARITY,
    DepthKind.METRIC: Alignment.NONE,
    DepthKind.NORMALS: Alignment.NONE,
}
_POSSIBLE = {
    DepthKind.AFFINE_DEPTH: (Alignment.DEPTH, Alignment.MEDIAN),
    DepthKind.AFFINE_DISPARITY: (Alignment.DISPARITY,),
    DepthKind.METRIC: (Alignment.NONE, Alignment.MEDIAN, Alignment.DEPTH, Alignment.DISPARITY),
    DepthKind.NORMALS: (Alignment.NONE,),
}


@dataclass(frozen=True)
class Aligned:
    """A prediction as depth in the truth's unit.

    Attributes:
        depth: [H, W], within the protocol's bounds; NaN: not predicted.
        fit: What was fitted, in depth or in disparity.
    """

    depth: Array
    fit: Affine


def choose_alignment(kind: DepthKind, asked: Alignment) -> Alignment:
    """What suits a prediction's kind.

    Raises:
        UsageError: what was asked for means nothing for this kind, or nothing does.
    """
    if kind is DepthKind.INTRINSICS:
        raise UsageError(
            "intrinsic images have no measure here; there is one for depth and normals"
        )
    if asked is Alignment.AUTO:
        return _OWN[kind]
    if asked not in _POSSIBLE[kind]:
        possible = ", ".join(_POSSIBLE[kind])
        raise UsageError(f"--align {asked} means nothing for {kind}; there is: {possible}")
    return asked


def align(
    values: Array, kind: DepthKind, truth: Truth, how: Alignment, protocol: Protocol
) -> Aligned | None:
    """Bring a prediction to the truth's unit and bounds; None: no pixel to fit to.

    Args:
        values: [H, W] of the kind; NaN: unknown.
        kind: What they mean.
        truth: Of the same shape.
        how: From `choose_alignment`.
        protocol: Its bounds, and where the fit is made.
    """
    in_disparity = how is Alignment.DISPARITY
    guess = _invert(values) if in_disparity and kind is DepthKind.METRIC else values
    fit = _fit(guess, truth, how, protocol)
    if fit is None:
        return None
    depth = fit.scale * guess.astype(np.float64) + fit.shift
    if in_disparity:
        depth = 1 / np.maximum(depth, _SMALLEST_DISPARITY)
    return Aligned(np.clip(depth, protocol.min_depth, protocol.max_depth), fit)


def _fit(guess: Array, truth: Truth, how: Alignment, protocol: Protocol) -> Affine | None:
    if how is Alignment.NONE:
        return Affine(1.0, 0.0)
    columns = protocol.fit_columns(*truth.depth.shape)
    guess, depth, counts = guess[:, columns], truth.depth[:, columns], truth.valid[:, columns]
    counts = counts & np.isfinite(guess) & np.isfinite(depth) & (depth > 0)
    if how is Alignment.DISPARITY:
        counts &= guess > 0
    if not counts.any():
        return None
    x, y = guess[counts].astype(np.float64), depth[counts].astype(np.float64)
    if how is Alignment.MEDIAN:
        return fit_scale(x, y)
    return fit_affine(x, 1 / y if how is Alignment.DISPARITY else y)


def _invert(depth: Array) -> Array:
    """1 / depth; 0 where that is not positive."""
    return np.divide(1.0, depth, out=np.zeros(depth.shape), where=depth > 0)
