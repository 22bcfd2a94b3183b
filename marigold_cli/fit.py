"""Lines through pairs of depth values: affine depth to a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Floats

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Affine:
    """y = scale * x + shift."""

    scale: float
    shift: float

    def __call__(self, x: Floats) -> Floats:
        """Apply to values of any shape."""
        return (self.scale * x + self.shift).astype(np.float32)


def fit_affine(x: Values, y: Values, weight: Values | None = None) -> Affine:
    """Fit y = scale * x + shift by weighted least squares, in float64.

    Args:
        x: Predicted depth, affine-invariant, any shape; at least one value.
        y: Reference depth, same shape.
        weight: Confidence, same shape, at least 0; None: all count the same.

    Returns:
        The fit; scale 0 where x is constant.
    """
    weights = np.ones(x.shape) if weight is None else weight.astype(np.float64)
    weights /= weights.sum()
    x_mean, y_mean = float((weights * x).sum()), float((weights * y).sum())
    x_away = x.astype(np.float64) - x_mean
    variance = float((weights * x_away**2).sum())
    covariance = float((weights * x_away * (y - y_mean)).sum())
    scale = covariance / variance if variance > 1e-12 * x_mean**2 else 0.0
    return Affine(scale, y_mean - scale * x_mean)


def fit_scale(x: Values, y: Values) -> Affine:
    """Fit y = scale * x by the ratio of medians.

    Args:
        x: Predicted depth, right up to scale, any shape; at least one value.
        y: Reference depth, same shape.

    Returns:
        The fit; scale 0 where the median of x is not positive.
    """
    middle = float(np.median(x))
    return Affine(float(np.median(y)) / middle if middle > 0 else 0.0, 0.0)
