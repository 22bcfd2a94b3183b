"""Any part of a map at another size, as torch's `interpolate` makes it of the whole.

A pixel of the large map is a weighted sum of a few of the small one, its *taps* along each axis.
Sums are taken along the columns' axis first, and in the order of torch's kernels, which fuse
multiplications and additions, and `addcmul` rounds as they do: bilinear and nearest depth is the
same to the bit, all else within rounding, and a part is to the bit what it is of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marigold_cli.depth import Floats
from marigold_cli.inference.options import Resample

_SHARPNESS = np.float32(-0.75)  # Keys' parameter a of torch's cubic
_ORDER = (1, 0, 2, 3)  # in which torch sums taps


@dataclass(frozen=True)
class Taps:
    """What makes the pixels of the large axis.

    Attributes:
        indices: Pixels of the small axis, int64 [K, n].
        weights: What each counts, float32 [K, n]; they sum to 1.
        is_same: Whether every pixel is its own and only tap.
    """

    indices: Tensor
    weights: Tensor
    is_same: bool = False

    def cut(self, part: slice) -> Taps:
        """Those of a part of the large axis."""
        return replace(self, indices=self.indices[:, part], weights=self.weights[:, part])

    def span(self) -> slice:
        """From the first pixel of the small axis that is needed to behind the last one."""
        return slice(int(self.indices.min()), int(self.indices.max()) + 1)

    def within(self, span: slice) -> Taps:
        """The same for an axis of which only this part is there."""
        return replace(self, indices=self.indices - span.start)


@dataclass(frozen=True)
class Resizing:
    """The taps of both axes, found once for all parts of a map."""

    down: Taps
    across: Taps

    @classmethod
    def of(cls, size: tuple[int, int], new: tuple[int, int], resample: Resample) -> Resizing:
        """From one (height, width) to another [px]; not antialiased, as `interpolate` unasked."""
        down, across = (find_taps(*sides, resample) for sides in zip(size, new, strict=True))
        return cls(down, across)

    def cut(self, planes: Tensor, rows: slice, columns: slice) -> Tensor:
        """Make a part of the resized planes, without the rest.

        Args:
            planes: [C, h, w] float32.
            rows: Of the resized planes, [n].
            columns: Of the resized planes, [m].

        Returns:
            [C, n, m]; a view where nothing had to be resized.
        """
        down, across = self.down.cut(rows), self.across.cut(columns)
        span = down.span()
        wide = _mix(planes[:, span], across, -1)  # [C, k, m]
        down = down.within(span)
        if down.indices.shape[1] > across.indices.shape[1]:  # long rows are faster than short ones
            return _mix(wide.mT.contiguous(), down, -1).mT
        return _mix(wide, down, -2)


def find_taps(size: int, new: int, resample: Resample) -> Taps:
    """Find the taps of an axis that is brought from one size to another [px]."""
    pixels = np.arange(new)
    if size == new:
        return replace(_taps([pixels], [np.ones(new, np.float32)], size), is_same=True)
    scale = np.float64(np.float32(size) / np.float32(new))
    if resample is Resample.NEAREST:
        nearest = ((pixels + 0.5) * scale).astype(np.float32).astype(np.int64)
        return _taps([nearest], [np.ones(new, np.float32)], size)
    place = ((pixels + 0.5) * scale - 0.5).astype(np.float32)  # rounded once, as when fused
    if resample is Resample.BILINEAR:
        place = np.maximum(place, np.float32(0))
    first = np.minimum(np.floor(place).astype(np.int64), size - 1)
    share = np.clip(place - first.astype(np.float32), np.float32(0), np.float32(1))
    if resample is Resample.BILINEAR:
        return _taps([first, first + 1], [1 - share, share], size)
    weights = [_far(share + 1), _near(share), _near(1 - share), _far(2 - share)]
    return _taps([first - 1, first, first + 1, first + 2], weights, size)


def _taps(indices: list[NDArray[np.int64]], weights: list[Floats], size: int) -> Taps:
    """Beyond the ends of the axis its outermost pixels go on."""
    inside = np.clip(np.stack(indices), 0, size - 1)
    return Taps(torch.from_numpy(inside), torch.from_numpy(np.stack(weights)))


def _near(distance: Floats) -> Floats:
    """Keys' cubic kernel up to a distance of 1."""
    a = _SHARPNESS
    weight: Floats = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    return weight


def _far(distance: Floats) -> Floats:
    """Keys' cubic kernel at a distance of 1 to 2; the second step is fused, as torch's is."""
    a = _SHARPNESS
    slope = (a * distance - 5 * a).astype(np.float64)
    weight: Floats = (slope * distance + 8 * a).astype(np.float32) * distance - 4 * a
    return weight


def _mix(planes: Tensor, taps: Taps, axis: int) -> Tensor:
    """Weighted sums along an axis, -1 or -2."""
    if taps.is_same:
        span = taps.span()
        return planes.narrow(axis, span.start, span.stop - span.start)
    start, *rest = _ORDER[: len(taps.indices)] if len(taps.indices) > 1 else (0,)
    weights = taps.weights if axis == -1 else taps.weights[..., None]
    total = take(planes, taps.indices[start], axis).mul_(weights[start])
    for tap in rest:
        total.addcmul_(take(planes, taps.indices[tap], axis), weights[tap])
    return total


def take(planes: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Rows (axis -2) or columns (-1) of planes; `index_select` copies columns ten times slower."""
    if axis == -2:
        return planes.index_select(-2, indices)
    return planes.gather(-1, indices.expand(*planes.shape[:-1], -1))
