"""A map from processing size to that of its photo, whole or part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.files.strips import split
from marigold_cli.inference.normals import to_unit_length
from marigold_cli.inference.options import Resample
from marigold_cli.inference.resampling import Resizing

_ROUNDING = 1e-3  # of weights that sum to 1


def restore(depth: DepthMap, size: tuple[int, int], resample: Resample) -> DepthMap:
    """Bring a map and its spread from processing size to (height, width) [px]."""
    spread = depth.uncertainty
    if depth.shape == size and (spread is None or spread.shape[:2] == size):
        return depth
    whole = _make(Restored(depth, size, resample))
    if spread is None:
        return whole
    return replace(whole, uncertainty=_make(Restored(depth.spread(), size, resample)).values)


def _make(restored: Restored) -> DepthMap:
    """All of it, by and by."""
    height, width = restored.size
    values = np.empty((height, width, *restored.depth.values.shape[2:]), np.float32)
    valid = None if restored.depth.valid is None else np.empty(restored.size, np.bool_)
    for rows in split(height, width):
        part = restored.cut(rows, slice(0, width))
        values[rows] = part.values
        if valid is not None:
            valid[rows] = part.valid
    return replace(restored.depth, values=values, valid=valid, uncertainty=None)


@dataclass(frozen=True)
class Restored:
    """A map brought from processing size to (height, width) [px], of which any part can be had.

    Every part is to the bit what it is of the whole. Threads may share it.
    """

    depth: DepthMap
    size: tuple[int, int]
    resample: Resample

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.size

    def spread(self) -> Restored:
        """The ensemble's spread, restored alike."""
        return replace(self, depth=self.depth.spread())

    def cut(self, rows: slice, columns: slice) -> DepthMap:
        """A part of it, without its spread. The slices have a start and a stop."""
        depth = self.depth
        if depth.shape == self.size:
            return depth.cut(rows, columns)
        valid = None
        if self._mask is not None:  # what any unknown value has a part in is unknown
            known = self._resizing.cut(self._mask, rows, columns)[0].numpy()
            valid = np.abs(known - 1) < _ROUNDING
        planes = self._resizing.cut(self._planes, rows, columns)  # [C, n, m]
        return replace(depth, values=self._finish(planes), valid=valid, uncertainty=None)

    def _finish(self, planes: Tensor) -> Floats:
        """Values [n, m] or [n, m, C]; no longer, and no farther out, than what was resized."""
        depth = self.depth
        if depth.kind is DepthKind.NORMALS and not depth.is_spread:
            return np.moveaxis(to_unit_length(planes.numpy()), 0, -1)
        has_end = not depth.is_spread and depth.kind is not DepthKind.METRIC
        bounded: Floats = planes.clamp_(0, 1 if has_end else None).numpy()  # bicubic overshoots
        return bounded[0] if depth.values.ndim == 2 else np.moveaxis(bounded, 0, -1)

    @cached_property
    def _planes(self) -> Tensor:
        """The values, [C, h, w]."""
        planes = np.moveaxis(np.atleast_3d(self.depth.values), -1, 0)
        return torch.from_numpy(np.require(planes, np.float32, ["C", "W"]))

    @cached_property
    def _mask(self) -> Tensor | None:
        """1 where something is known, [1, h, w]."""
        valid = self.depth.valid
        return None if valid is None else torch.from_numpy(valid[None].astype(np.float32))

    @cached_property
    def _resizing(self) -> Resizing:
        return Resizing.of(self.depth.shape, self.size, self.resample)
