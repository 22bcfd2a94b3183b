"""Linear least squares for the scales and shifts of maps that shall agree where they meet.

A frame is a map's (scale, shift). The normal equations have a 2 x 2 block for every map and one for
every two maps that meet; they are never written out as a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

_RIDGE = 1e-9  # of a map's values; leaves the scale of a map that is 0 everywhere at 0
_PRECISION = 1e-12
_MOST_STEPS = 500


@dataclass(frozen=True)
class Pairs:
    """Places at which two maps shall agree, pair after pair.

    Attributes:
        first: [P], the map whose values are `mine`.
        second: [P], the map whose values are `theirs`; None: they are given in the common frame.
        counts: [P], places of every pair, at least 1.
        mine: [M].
        theirs: [M].
    """

    first: Indices
    second: Indices | None
    counts: Indices
    mine: Doubles
    theirs: Doubles

    def differences(self, frames: Doubles) -> Doubles:
        """Mine less theirs [M], each in its map's frame [T, 2]."""
        theirs = self.theirs
        if self.second is not None:
            theirs = self._in_frame(theirs, frames[self.second])
        return self._in_frame(self.mine, frames[self.first]) - theirs

    def _in_frame(self, values: Doubles, frames: Doubles) -> Doubles:
        scale, shift = np.repeat(frames, self.counts, axis=0).T
        framed: Doubles = scale * values + shift
        return framed

    def products(self, weights: Doubles) -> Products:
        """Sum up over the places [M] of every pair."""
        starts = np.cumsum(self.counts) - self.counts
        one = np.ones_like(self.mine)
        sides = ((self.mine, self.mine), (self.theirs, self.theirs), (self.mine, self.theirs))
        mine, theirs, cross = (
            np.stack(
                [
                    np.add.reduceat(weights * left * right, starts)
                    for left in (ours, one)
                    for right in (others, one)
                ],
                axis=1,
            ).reshape(-1, 2, 2)
            for ours, others in sides
        )
        return Products(mine, theirs, cross)


@dataclass(frozen=True)
class Products:
    """Weighted sums of (v, 1)' (w, 1) over the places of every pair, [P, 2, 2] each."""

    mine: Doubles
    theirs: Doubles
    cross: Doubles


@dataclass(frozen=True)
class Equations:
    """Normal equations of T frames.

    Attributes:
        diagonal: [T, 2, 2].
        target: [T, 2].
        first: [P].
        second: [P].
        coupling: [P, 2, 2], the block in row `first` and column `second`.
    """

    diagonal: Doubles
    target: Doubles
    first: Indices
    second: Indices
    coupling: Doubles

    def multiply(self, frames: Doubles) -> Doubles:
        """The left-hand side for frames [T, 2]."""
        product: Doubles = np.einsum("tij,tj->ti", self.diagonal, frames)
        here, there = frames[self.first], frames[self.second]
        np.add.at(product, self.first, np.einsum("pij,pj->pi", self.coupling, there))
        np.add.at(product, self.second, np.einsum("pji,pj->pi", self.coupling, here))
        return product


def gather(anchors: Pairs, pull: Doubles, overlaps: Pairs, bind: Doubles) -> Equations:
    """Make the normal equations.

    Args:
        anchors: Every map, in order, against what is known in the common frame.
        pull: Weights of the anchors' places.
        overlaps: Two maps each.
        bind: Weights of the overlaps' places.
    """
    known, shared = anchors.products(pull), overlaps.products(bind)
    first, second = overlaps.first, np.array(overlaps.second, np.intp)
    diagonal = known.mine
    diagonal[:, 0, 0] += _RIDGE * anchors.counts
    np.add.at(diagonal, first, shared.mine)
    np.add.at(diagonal, second, shared.theirs)
    target = np.stack([known.cross[:, 0, 0], known.theirs[:, 0, 1]], axis=1)
    return Equations(diagonal, target, first, second, -shared.cross)


def solve(equations: Equations) -> Doubles:
    """Find the frames [T, 2] by conjugate gradients, eased by the inverse of the diagonal."""
    target = equations.target
    inverse = np.linalg.inv(equations.diagonal)
    frames, residual = np.zeros_like(target), target.copy()
    direction, before = np.zeros_like(target), np.inf
    for _ in range(_MOST_STEPS):
        if np.linalg.norm(residual) <= _PRECISION * np.linalg.norm(target):
            break
        eased = np.einsum("tij,tj->ti", inverse, residual)
        now = float((residual * eased).sum())
        direction = eased + now / before * direction
        product = equations.multiply(direction)
        step = now / float((direction * product).sum())
        frames += step * direction
        residual -= step * product
        before = now
    return frames
