"""The depth of a big photo: that of the whole, with the detail of tiles.

Every tile is brought onto the whole by `adjustment`, and its low frequencies are
replaced by the whole's as far as these do not confirm its structure:

    o = g + c (f + (1 - trust^4) lowpass(g - f) - g),    f = scale * tile + shift,

with the depth g of the whole and c = trust / (trust + 0.05), which leaves the whole as it is where
a tile has no structure. Tiles are blended by weights that sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marigold_cli.depth import DepthMap, Doubles, Floats
from marigold_cli.inference.adjustment import Adjustment, Cells, adjust
from marigold_cli.inference.bilinear import places, sample
from marigold_cli.inference.ensemble import SMALLEST_RANGE
from marigold_cli.inference.tiling import Tile, Tiling

Codes: TypeAlias = NDArray[np.uint16]

_HALF_TRUST = 0.05  # trust at which a tile's detail counts half
_CAUTION = 4  # 1 costs the embedded model 1 % of AbsRel on photographs, 4 nothing
_BLUR = 2.0  # standard deviation of the low-pass filter, in cells: a twelfth of a tile
_BLOCK_BYTES = 64 << 20  # so large a block goes back to the system at once; malloc keeps small ones


@dataclass(frozen=True)
class _Packed:
    """A map in two bytes a pixel, [h, w]; a step is 1/65535 of its own range."""

    codes: Codes
    low: np.float32
    step: np.float32

    @classmethod
    def of(cls, values: Floats, room: Codes) -> _Packed:
        """Pack values [h, w] into as much room."""
        low = values.min()
        step = max(values.max() - low, SMALLEST_RANGE) / np.float32(65535)
        room[...] = np.rint((values - low) / step)
        return cls(room, low, step)

    def unpack(self) -> Tensor:
        """[h, w] float32."""
        return torch.from_numpy(self.codes.astype(np.float32) * self.step + self.low)


@dataclass(frozen=True)
class _Kept:
    """What is kept of a tile until all are there."""

    tile: Tile
    cells: Cells
    depth: _Packed
    spread: _Packed | None


@dataclass
class Mosaic:
    """Gathers tiles and makes one map of them; holds two bytes a pixel for each quantity."""

    tiling: Tiling
    _kept: list[_Kept] = field(default_factory=list)
    _rooms: list[Codes] = field(default_factory=list)

    def add(self, tile: Tile, depth: DepthMap) -> None:
        """Keep a tile's depth, whatever its scale and shift."""
        spread = depth.uncertainty
        self._kept.append(
            _Kept(
                tile,
                take_means(depth.values, tile, self.tiling.cell),
                _Packed.of(depth.values, self._take_room()),
                None if spread is None else _Packed.of(spread, self._take_room()),
            )
        )

    def _take_room(self) -> Codes:
        """Room for one tile [h, w], out of a block of many."""
        if not self._rooms:
            height, width = self.tiling.tile_size
            count = -(-_BLOCK_BYTES // (height * width * np.dtype(np.uint16).itemsize))
            self._rooms = [*np.empty((count, height, width), np.uint16)]
        return self._rooms.pop(0)

    def merge(self, whole: DepthMap) -> DepthMap:
        """Blend all tiles into the depth of the whole photo; they are given up one by one.

        The ensemble's spread is blended as far as tiles are trusted.

        Args:
            whole: The photo's depth at any size.

        Returns:
            Depth of the mosaic's size; affine kinds span [0, 1].
        """
        under = take_means_enlarged(whole.values, self.tiling)
        adjustment = adjust([kept.cells for kept in self._kept], under)
        canvas = _Canvas(self.tiling, whole, under, adjustment)
        self._rooms.clear()
        while self._kept:
            canvas.lay(len(self._kept) - 1, self._kept.pop())
        return canvas.finish()


def take_means(values: Floats, tile: Tile, cell: int) -> Cells:
    """Means of a tile [h, w] over those cells of the mosaic's lattice that it holds whole."""
    rows, columns = (slice(-part.start % cell, None) for part in (tile.rows, tile.columns))
    inner = values[rows, columns]
    height, width = (side // cell for side in inner.shape)
    inner = inner[: height * cell, : width * cell].astype(np.float64)
    means = inner.reshape(height, cell, width, cell).mean(axis=(1, 3))
    return Cells(-(-tile.rows.start // cell), -(-tile.columns.start // cell), means)


def take_means_enlarged(values: Floats, tiling: Tiling) -> Cells:
    """Means over the lattice's cells of a map [h, w] as if it were enlarged to the mosaic.

    Enlarging and averaging are linear and go side by side: one matrix each.
    """
    down, across = (
        _means_of_enlarged(size, enlarged, tiling.cell)
        for size, enlarged in zip(values.shape, tiling.size, strict=True)
    )
    return Cells(0, 0, down @ values.astype(np.float64) @ across.T)


def _means_of_enlarged(size: int, enlarged: int, cell: int) -> Doubles:
    """What every pixel of an axis [size] adds to the mean of every cell, [cells, size]."""
    whole = slice(0, enlarged // cell * cell)
    unit = torch.eye(size, dtype=torch.float64)
    shares = sample(unit, places(size, enlarged, whole), torch.arange(size))
    means: Doubles = shares.reshape(-1, cell, size).mean(dim=1).numpy()
    return means


@cache
def _blur(count: int) -> Doubles:
    """A Gaussian low-pass filter of cells along one axis, [count, count]; rows sum to 1."""
    distance = np.subtract.outer(np.arange(count), np.arange(count))
    weights = np.exp(-np.square(distance / _BLUR) / 2)
    blur: Doubles = weights / weights.sum(axis=1, keepdims=True)
    return blur


class _Canvas:
    """The sums that tiles are added to until they are depth and spread."""

    def __init__(
        self, tiling: Tiling, whole: DepthMap, under: Cells, adjustment: Adjustment
    ) -> None:
        self.tiling, self.whole, self.under, self.adjustment = tiling, whole, under, adjustment
        self.down, self.across = tiling.down.weights(), tiling.across.weights()
        self.depth = np.zeros(tiling.size, np.float32)
        self.spread = None if whole.uncertainty is None else np.zeros(tiling.size, np.float32)

    def lay(self, index: int, kept: _Kept) -> None:
        """Add a tile, whose line is the one of this index."""
        lines, tile = self.adjustment, kept.tile
        scale, shift, trust = (float(one[index]) for one in (lines.scale, lines.shift, lines.trust))
        under = self._enlarge(self.whole.values, tile)  # [h, w], as all that follow
        detail = kept.depth.unpack() * scale + shift - under
        detail += (1 - trust**_CAUTION) * self._low_frequencies(kept, scale, shift)
        self._add(self.depth, tile, under + trust / (trust + _HALF_TRUST) * detail)
        if self.spread is not None and self.whole.uncertainty is not None and kept.spread:
            spread = self._enlarge(self.whole.uncertainty, tile)
            self._add(self.spread, tile, spread.lerp(kept.spread.unpack() * scale, trust))

    def finish(self) -> DepthMap:
        """Depth, stretched in place, for it may be large."""
        depth, spread = self.depth, self.spread
        if self.whole.kind.is_affine:
            low = depth.min()
            unit = max(depth.max() - low, SMALLEST_RANGE)
            depth -= low
            depth /= unit
            if spread is not None:
                spread /= unit
        return replace(self.whole, values=depth, uncertainty=spread)

    def _enlarge(self, values: Floats, tile: Tile) -> Tensor:
        """What of a map of the whole lies under a tile."""
        y, x = (
            places(size, enlarged, part)
            for size, enlarged, part in zip(
                values.shape, self.tiling.size, (tile.rows, tile.columns), strict=True
            )
        )
        return sample(torch.from_numpy(values), y, x)

    def _low_frequencies(self, kept: _Kept, scale: float, shift: float) -> Tensor:
        """Those of the whole less those of a tile."""
        cells, cell = kept.cells, self.tiling.cell
        missing = self.under.cut(cells.box) - (scale * cells.values + shift)
        height, width = missing.shape
        smooth = torch.from_numpy(_blur(height) @ missing @ _blur(width).T).float()
        y, x = (
            places(count, count * cell, slice(part.start - first * cell, part.stop - first * cell))
            for count, first, part in (
                (height, cells.top, kept.tile.rows),
                (width, cells.left, kept.tile.columns),
            )
        )
        return sample(smooth, y, x)

    def _add(self, total: Floats, tile: Tile, values: Tensor) -> None:
        weights = np.outer(self.down[tile.row], self.across[tile.column])
        total[tile.rows, tile.columns] += values.numpy() * weights
