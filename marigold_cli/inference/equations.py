"""The normal equations for the lines of maps that shall agree where they meet.

A line is a map's (scale, shift). There is a block for every map and one for every two that meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.blocks import Blocks, Indices
from marigold_cli.depth import Doubles

_RIDGE = 1e-9  # of a map's values; leaves the scale of a map that is 0 everywhere at 0


@dataclass(frozen=True)
class Pairs:
    """Places at which two maps shall agree, pair after pair.

    Attributes:
        first: [P], the map whose values are `mine`.
        second: [P], the map whose values are `theirs`; None: they are known as they are.
        counts: [P], places of every pair, at least 1.
        mine: [M].
        theirs: [M].
    """

    first: Indices
    second: Indices | None
    counts: Indices
    mine: Doubles
    theirs: Doubles

    def differences(self, lines: Doubles) -> Doubles:
        """Mine less theirs [M], each by its map's line [T, 2]."""
        theirs = self.theirs
        if self.second is not None:
            theirs = self._apply(lines[self.second], theirs)
        return self._apply(lines[self.first], self.mine) - theirs

    def _apply(self, lines: Doubles, values: Doubles) -> Doubles:
        scale, shift = np.repeat(lines, self.counts, axis=0).T
        brought: Doubles = scale * values + shift
        return brought

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


def gather(anchors: Pairs, pull: Doubles, overlaps: Pairs, bind: Doubles) -> Blocks:
    """Make the equations of all lines [T, 2].

    Args:
        anchors: Every map, in order, against what is known.
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
    return Blocks(diagonal, target, first, second, -shared.cross)
