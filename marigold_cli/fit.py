"""Lines through pairs of depth values: affine depth to a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import Floats


@dataclass(frozen=True)
class Affine:
    """y = scale * x + shift."""

    scale: float
    shift: float

    def __call__(self, x: Floats) -> Floats:
        """Apply to values of any shape."""
        return (self.scale * x + self.shift).astype(np.float32)


def fit_affine(x: Floats, y: Floats, weight: Floats | None = None) -> Affine:
    """Fit y = scale * x + shift by weighted least squares, in float64.

    Args:
        x: Predicted depth, affine-invariant, any shape.
        y: Reference depth, same shape.
        weight: Confidence, same shape, at least 0; None: all count the same.

    Returns:
        The fit; scale 0 where x is constant.
    """
    weights = np.full(x.shape, 1 / x.size) if weight is None else weight / weight.sum()
    x_mean, y_mean = float((weights * x).sum()), float((weights * y).sum())
    x_away = x.astype(np.float64) - x_mean
    variance = float((weights * x_away**2).sum())
    covariance = float((weights * x_away * (y - y_mean)).sum())
    scale = covariance / variance if variance > 1e-12 else 0.0
    return Affine(scale, y_mean - scale * x_mean)
