"""Scales and shifts of all tiles of a photo, found together: a block adjustment.

A tile knows depth up to a scale s and a shift t of its own. With its cell means v, and those g of
the depth of the whole photo, the tiles' lines minimise

    sum over tiles k         of  sum_c rho(s_k v_k + t_k - g)
  + sum over overlaps (k, l) of  sum_c rho(s_k v_k + t_k - s_l v_l - t_l),

where rho(r) = log(1 + r^2 / tolerance^2) is Cauchy's, by least squares whose weights follow the
residuals. A cell counts alike in both sums. Knows nothing of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from marigold_cli.depth import Doubles
from marigold_cli.inference.equations import Pairs, gather

Box: TypeAlias = tuple[int, int, int, int]  # first row and column, and those behind the last

_ROUNDS = 8
_TOLERANCE = 0.02  # of the range of the whole photo's depth
_NOISE = 0.01  # of that range: structure below it says nothing
_FLAT = 1e-9  # of that range


@dataclass(frozen=True)
class Cells:
    """A tile's means over cells of a lattice that all tiles share.

    Attributes:
        top: Its first row of the lattice.
        left: Its first column.
        values: [h, w].
    """

    top: int
    left: int
    values: Doubles

    @property
    def box(self) -> Box:
        """Where on the lattice they lie."""
        height, width = self.values.shape
        return self.top, self.left, self.top + height, self.left + width

    def cut(self, box: Box) -> Doubles:
        """The values in a box of the lattice that lies inside of theirs."""
        top, left, bottom, right = box
        return self.values[top - self.top : bottom - self.top, left - self.left : right - self.left]


@dataclass(frozen=True)
class Adjustment:
    """Brings tiles onto the depth of the whole photo: scale * tile + shift.

    Attributes:
        scale: [T]; not positive where a tile contradicts the whole.
        shift: [T].
        trust: [T] in [0, 1), the share of a tile's structure that the whole confirms: its variance
            over itself plus the mean square of what differs, plus noise.
    """

    scale: Doubles
    shift: Doubles
    trust: Doubles


def adjust(tiles: Sequence[Cells], whole: Cells) -> Adjustment:
    """Find all tiles' scales and shifts.

    Args:
        tiles: At least one, inside of the whole.
        whole: Depth of the whole photo.
    """
    span = max(float(np.ptp(whole.values)), float(np.finfo(np.float32).tiny))
    mean = np.array([cells.values.mean() for cells in tiles])
    deviation = np.array([cells.values.std() for cells in tiles])
    deviation[deviation < _FLAT * span] = np.inf  # flat: whatever its scale, it says nothing
    unit = [
        Cells(cells.top, cells.left, (cells.values - middle) / width)
        for cells, middle, width in zip(tiles, mean, deviation, strict=True)
    ]
    anchors = _anchor(unit, whole)
    lines = _fit(anchors, _join(unit), _TOLERANCE * span)
    scale, shift = lines.T
    return Adjustment(
        scale=scale / deviation,
        shift=shift - scale * mean / deviation,
        trust=_trust(anchors, lines, _NOISE * span),
    )


def _anchor(tiles: Sequence[Cells], whole: Cells) -> Pairs:
    """Every tile against the whole."""
    return Pairs(
        first=np.arange(len(tiles)),
        second=None,
        counts=np.array([cells.values.size for cells in tiles]),
        mine=_join_values([cells.values for cells in tiles]),
        theirs=_join_values([whole.cut(cells.box) for cells in tiles]),
    )


def _join(tiles: Sequence[Cells]) -> Pairs:
    """Every two tiles that share cells."""
    boxes = np.array([cells.box for cells in tiles])
    shared: list[tuple[int, int, Box]] = []
    for one, box in enumerate(boxes):
        begin, end = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
        others = np.flatnonzero((begin < end).all(axis=1))
        shared += [(one, int(k), (*begin[k], *end[k])) for k in others if k > one]
    mine = [tiles[one].cut(box) for one, _, box in shared]
    return Pairs(
        first=np.array([one for one, _, _ in shared], np.intp),
        second=np.array([other for _, other, _ in shared], np.intp),
        counts=np.array([values.size for values in mine], np.intp),
        mine=_join_values(mine),
        theirs=_join_values([tiles[other].cut(box) for _, other, box in shared]),
    )


def _join_values(parts: Sequence[Doubles]) -> Doubles:
    return np.concatenate([np.empty(0), *(part.ravel() for part in parts)])


def _fit(anchors: Pairs, overlaps: Pairs, tolerance: float) -> Doubles:
    """Lines [T, 2] of tiles whose mean is 0 and whose deviation is 1, or 0."""
    pull, bind = np.ones_like(anchors.mine), np.ones_like(overlaps.mine)
    for _ in range(_ROUNDS):
        lines = gather(anchors, pull, overlaps, bind).solve()
        pull, bind = (
            1 / (1 + np.square(pairs.differences(lines) / tolerance))
            for pairs in (anchors, overlaps)
        )
    return lines


def _trust(anchors: Pairs, lines: Doubles, noise: float) -> Doubles:
    starts = np.cumsum(anchors.counts) - anchors.counts
    differing = np.add.reduceat(np.square(anchors.differences(lines)), starts) / anchors.counts
    explained = np.square(np.maximum(lines[:, 0], 0))  # the tiles' own deviation is 1
    trust: Doubles = explained / (explained + differing + noise**2)
    return trust
