"""A line through points of which many may be wrong.

With the relative residual r = (scale x + shift) / y - 1, an error of 1 % counts the same near and
far: least squares of r is least squares of depth with weights 1 / y^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import Doubles, Mask
from marigold_cli.fit import Affine

_TRIALS = 1000  # pairs; at half of the points wrong, one in four is good
_JUDGES = 2000  # points that judge a trial
_ROUNDS = 30
_TUKEY = 4.685  # 95 % of the efficiency of least squares when all errors are normal
_TO_DEVIATION = 1.4826  # from the median of absolute values, for normal errors
_FINEST = 1e-6  # relative error that counts as none


@dataclass(frozen=True)
class RobustFit:
    """A line and the points that it rests on.

    Attributes:
        affine: The line.
        inliers: [N] points within the tolerance.
        deviation: Standard deviation of their relative residuals.
    """

    affine: Affine
    inliers: Mask
    deviation: float


def relative_residuals(affine: Affine, x: Doubles, y: Doubles) -> Doubles:
    """(scale x + shift) / y - 1."""
    residuals: Doubles = (affine.scale * x + affine.shift) / y - 1
    return residuals


def fit_robust(x: Doubles, y: Doubles, tolerance: float) -> RobustFit | None:
    """Fit y = scale x + shift, of positive y, by RANSAC and then by iterated least squares.

    The same points give the same line: the trials come from a fixed seed.

    Args:
        x: Predicted values [N].
        y: Reference values [N], positive.
        tolerance: Relative residual that an inlier may have.

    Returns:
        The fit; None where x is the same everywhere or fewer than 2 points agree.
    """
    start = _vote(x, y, tolerance)
    if start is None:
        return None
    affine, deviation = _polish(x, y, start, tolerance)
    inliers = np.abs(relative_residuals(affine, x, y)) <= tolerance
    return RobustFit(affine, inliers, deviation) if inliers.sum() >= 2 else None


def tukey_weights(residuals: Doubles, deviation: float) -> Doubles:
    """Tukey's biweight: 1 at no error, 0 from 4.7 standard deviations on."""
    share = np.clip(np.abs(residuals) / (_TUKEY * deviation), 0, 1)
    weights: Doubles = (1 - share**2) ** 2
    return weights


def spread_of(residuals: Doubles) -> float:
    """Standard deviation, from the median of the absolute values."""
    return max(_TO_DEVIATION * float(np.median(np.abs(residuals))), _FINEST)


def _vote(x: Doubles, y: Doubles, tolerance: float) -> Affine | None:
    """The line through two points that most others are near to (MSAC)."""
    random = np.random.default_rng(0)
    first, second = random.integers(0, x.size, (2, _TRIALS))
    apart = x[second] - x[first]
    usable = np.abs(apart) > 1e-6 * max(float(np.ptp(x)), 1e-12)
    first, second, apart = first[usable], second[usable], apart[usable]
    if not apart.size:
        return None
    scales = (y[second] - y[first]) / apart
    shifts = y[first] - scales * x[first]
    judges = slice(None) if x.size <= _JUDGES else random.choice(x.size, _JUDGES, replace=False)
    residuals = np.outer(scales, x[judges] / y[judges]) + np.outer(shifts, 1 / y[judges]) - 1
    best = np.minimum(residuals**2, tolerance**2).sum(axis=1).argmin()
    return Affine(float(scales[best]), float(shifts[best]))


def _polish(x: Doubles, y: Doubles, affine: Affine, tolerance: float) -> tuple[Affine, float]:
    """Least squares again and again, with less weight for what is far off."""
    deviation = _deviation(relative_residuals(affine, x, y), tolerance)
    for _ in range(_ROUNDS):
        weights = tukey_weights(relative_residuals(affine, x, y), deviation)
        refined = _solve(x / y, 1 / y, weights)
        if refined is None:
            break
        moved = abs(refined.scale - affine.scale) + abs(refined.shift - affine.shift)
        affine = refined
        deviation = _deviation(relative_residuals(affine, x, y), tolerance)
        if moved < 1e-9 * (abs(affine.scale) + abs(affine.shift)):
            break
    return affine, deviation


def _deviation(residuals: Doubles, tolerance: float) -> float:
    near = residuals[np.abs(residuals) <= tolerance]
    return spread_of(near) if near.size else tolerance


def _solve(u: Doubles, v: Doubles, weights: Doubles) -> Affine | None:
    """Least squares of scale u + shift v = 1; None where that is not enough for both."""
    uu, uv, vv = (weights * u * u).sum(), (weights * u * v).sum(), (weights * v * v).sum()
    u1, v1 = (weights * u).sum(), (weights * v).sum()
    determinant = uu * vv - uv * uv
    if not determinant > 1e-12 * uu * vv:
        return None
    return Affine(
        float((u1 * vv - v1 * uv) / determinant), float((v1 * uu - u1 * uv) / determinant)
    )
