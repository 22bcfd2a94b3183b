"""Scales and shifts that bring predictions of one photo onto one another.

The pairwise error of E members d_i, each with a scale and a shift of its own,

    sum over i < j of sqrt(mean_p (s_i d_i + t_i - s_j d_j - t_j)^2)

depends on the pixels only through the members' means and mean products, which are taken once.
The best shifts given the scales centre every member, and what is left,

    sum over i < j of sqrt(u_i^2 + u_j^2 - 2 r_ij u_i u_j),    u_i = s_i * std(d_i),

with the correlations r_ij, is a sum of norms and so convex. It needs a gauge, for its minimum
is the collapse to u = 0. The merged depth is stretched to [0, 1] in the end, so the gauge that
counts is the range of the members' median. It starts as mean(u) = 1 and is refined from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Doubles, Floats
from marigold_cli.inference.median import median, pieces

_FLAT = 1e-6  # a member whose values deviate less than this says nothing
_MIN_SPAN = 1e-6  # of the median; below it the cost per range would be without bound
_SMOOTH = 1e-6  # rounds the corner of a norm at 0, where two members agree exactly
_MIN_WEIGHT = 0.05  # of the average weight; keeps a contradicting member positive
_ROUNDS = 100
_CONVERGED = 1e-7
_REGAUGINGS = 4
_ENDS_PX = 256  # nearest and farthest pixels among which the median's ends are looked for
_MIDDLE = 0.2  # share of the middle members in the gauge; more follows noise at single pixels


@dataclass(frozen=True)
class Moments:
    """What alignment needs to know of the members.

    Attributes:
        mean: [E].
        covariance: [E, E].
    """

    mean: Doubles
    covariance: Doubles

    @property
    def spread(self) -> Doubles:
        """Standard deviation of every member, [E]."""
        return np.sqrt(np.maximum(self.covariance.diagonal(), 0))


@dataclass(frozen=True)
class Alignment:
    """Brings members onto one another: scale * member + shift.

    Attributes:
        kept: Indices of the members that take part, [K] with K <= E.
        scale: [K], positive.
        shift: [K].
    """

    kept: NDArray[np.intp]
    scale: Doubles
    shift: Doubles

    def apply(self, members: Floats) -> Floats:
        """Aligned copies [K, N] of those of the [E, N] members that take part."""
        scale, shift = self.scale.astype(np.float32), self.shift.astype(np.float32)
        return members[self.kept] * scale[:, None] + shift[:, None]


def measure(members: Floats) -> Moments:
    """Means and covariances of [E, N] members, in float64: they differ in the last digits."""
    count, size = members.shape
    total, product = np.zeros(count), np.zeros((count, count))
    for piece in pieces(size):
        part = members[:, piece].astype(np.float64)
        total += part.sum(axis=1)
        product += part @ part.T
    mean = total / size
    return Moments(mean, product / size - np.outer(mean, mean))


def keep(members: Floats) -> Alignment:
    """Leave [E, N] members as they are."""
    return _unchanged(np.arange(len(members)))


def align(members: Floats) -> Alignment:
    """Find scale and shift of [E, N] members. Those that are flat are left out, unless all are."""
    moments = measure(members)
    kept = np.flatnonzero(moments.spread > _FLAT)
    if len(kept) < 2:
        return _unchanged(kept) if len(kept) else keep(members)
    mean, spread = moments.mean[kept], moments.spread[kept]
    correlation = moments.covariance[np.ix_(kept, kept)] / np.outer(spread, spread)
    weights = balance(correlation, np.ones(len(kept)))
    plain = Alignment(kept, weights / spread, -weights / spread * mean)
    ends = (_ends(members, plain) - mean[:, None]) / spread[:, None]  # [K, 2 * _ENDS_PX]
    scale = _regauge(correlation, weights, ends) / spread
    return Alignment(kept, scale, -scale * mean)


def balance(correlation: Doubles, gauge: Doubles) -> Doubles:
    """Find the weights [E] that bring unit members closest together, pair by pair.

    Weighted least squares, each pair weighted by the inverse of its distance in the round before
    (Weiszfeld's way to a sum of norms): no round can raise the cost, none needs a step length.

    Args:
        correlation: [E, E].
        gauge: [E], positive, mean 1; gauge @ weights = E is held.
    """
    weights = np.ones(len(correlation))
    for _ in range(_ROUNDS):
        closeness = 1 / distances(correlation, weights)
        np.fill_diagonal(closeness, 0)
        form = np.diag(closeness.sum(axis=1)) - closeness * correlation
        before, weights = weights, _minimise(form, gauge)
        if np.abs(weights - before).max() < _CONVERGED:
            break
    return weights


def distances(correlation: Doubles, weights: Doubles) -> Doubles:
    """Root mean square difference of every two weighted unit members, [E, E], never quite 0."""
    square = np.square(weights)
    cross = correlation * np.outer(weights, weights)
    gap = np.add.outer(square, square) - 2 * cross
    return np.sqrt(np.maximum(gap, 0) + _SMOOTH**2)


def _minimise(form: Doubles, gauge: Doubles) -> Doubles:
    """Minimise x' form x over x >= _MIN_WEIGHT with gauge @ x = E."""
    count = len(form)
    form = form + np.eye(count) * 1e-12 * np.trace(form)  # members that are all equal: singular
    free = np.ones(count, bool)
    while True:
        x = np.full(count, _MIN_WEIGHT)
        pull = np.stack([gauge[free], -form[np.ix_(free, ~free)] @ x[~free]], axis=1)
        slope, start = np.linalg.solve(form[np.ix_(free, free)], pull).T
        missing = count - gauge[~free] @ x[~free] - gauge[free] @ start
        x[free] = start + slope * missing / (gauge[free] @ slope)
        if (x[free] >= _MIN_WEIGHT).all():
            return x
        free &= x >= _MIN_WEIGHT


def _regauge(correlation: Doubles, weights: Doubles, ends: Doubles) -> Doubles:
    """Lower the cost relative to the range of the median, by half steps; never raise it."""
    cost, gauge = _relative(correlation, weights, ends)
    best, lowest = weights, cost
    for _ in range(_REGAUGINGS):
        weights = (weights + balance(correlation, gauge)) / 2
        weights = weights / weights.mean()
        cost, gauge = _relative(correlation, weights, ends)
        if cost < lowest:
            best, lowest = weights, cost
    return best


def _relative(correlation: Doubles, weights: Doubles, ends: Doubles) -> tuple[float, Doubles]:
    """Pairwise cost over the median's range, and the gauge that measures this range.

    How the range answers to each weight: strictly by the middle members at its two end pixels
    alone, in earnest by all members there, since who is in the middle changes at once.
    """
    aligned = ends * weights[:, None]
    middle = np.median(aligned, axis=0)
    far, near = int(middle.argmax()), int(middle.argmin())
    contrast = ends[:, far] - ends[:, near]
    strict = _middle(aligned[:, far]) * ends[:, far] - _middle(aligned[:, near]) * ends[:, near]
    gauge = np.maximum(_MIDDLE * len(weights) * strict + (1 - _MIDDLE) * contrast, _MIN_WEIGHT)
    span = max(middle[far] - middle[near], _MIN_SPAN)
    return float(distances(correlation, weights).sum() / span), gauge / gauge.mean()


def _middle(values: Doubles) -> Doubles:
    """Weight, summing to 1, of every value in the median."""
    order, share = values.argsort(), np.zeros(len(values))
    share[order[(len(values) - 1) // 2]] += 0.5
    share[order[len(values) // 2]] += 0.5
    return share


def _unchanged(kept: NDArray[np.intp]) -> Alignment:
    return Alignment(kept, np.ones(len(kept)), np.zeros(len(kept)))


def _ends(members: Floats, alignment: Alignment) -> Floats:
    """The members [K, M] at the pixels where their median is nearest and farthest."""
    middle = np.concatenate(
        [median(alignment.apply(members[:, piece])) for piece in pieces(members.shape[1])]
    )
    count = min(_ENDS_PX, len(middle))
    order = middle.argpartition((count - 1, len(middle) - count))
    chosen = np.concatenate([order[:count], order[len(middle) - count :]])
    ends: Floats = members[np.ix_(alignment.kept, chosen)]
    return ends
