"""Where the tiles of a big photo lie, and how much each counts where they overlap.

Tiles lie on the *mosaic*: the photo at the scale at which a tile is as large as the network's
frame. Knows nothing of torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.inference.options import AUTO_TILE, Recipe

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

AUTO_EDGES = 4  # `--tile auto`: so many tiles, put side by side, are as long as the photo

_OVERLAP = 0.25  # of a tile, with its neighbour; more where positions are spread evenly
_SQUAREST = 0.75  # a long photo's tiles are at least so broad, as share of their length
_CELLS = 24  # along a tile's long edge
_LEAST_CELLS = 4  # along any edge that has so many pixels


@dataclass(frozen=True)
class Tile:
    """A rectangle of the mosaic [px], and its place among the tiles.

    Attributes:
        row: Of the grid of tiles.
        column: Of the grid of tiles.
        rows: From its first row to behind its last one.
        columns: Likewise.
    """

    row: int
    column: int
    rows: slice
    columns: slice

    def cut(self, photo: Photo) -> Photo:
        """Take this part of a photo of the mosaic's size; another digest makes other noise."""
        pixels, place = photo.pixels[self.rows, self.columns], f"{self.row},{self.column}"
        size = pixels.shape[0], pixels.shape[1]
        return replace(photo, pixels=pixels, size=size, digest=f"{photo.digest}/{place}")


@dataclass(frozen=True)
class Axis:
    """Tiles along one side of the mosaic.

    Attributes:
        length: Of the mosaic [px].
        tile: Of every tile [px].
        starts: First pixel of every tile; the last tile ends with the mosaic.
    """

    length: int
    tile: int
    starts: tuple[int, ...]

    @classmethod
    def of(cls, length: int, tile: int) -> Axis:
        """Spread as few tiles as overlap enough evenly."""
        step = tile - math.ceil(tile * _OVERLAP) or 1
        last = -(-(length - tile) // step)
        starts = (round(i * (length - tile) / max(1, last)) for i in range(last + 1))
        return cls(length, tile, tuple(starts))

    def slices(self) -> list[slice]:
        """Of every tile."""
        return [slice(start, start + self.tile) for start in self.starts]

    def weights(self) -> list[Floats]:
        """What every tile counts at each of its pixels [tile]; at any pixel they sum to 1.

        They rise as a raised cosine from the tile's ends, save for those of the mosaic: what a
        network says near the edge of its view is worth less, and no seam is left.
        """
        near = np.arange(self.tile) + 0.5
        rise = np.sin(np.pi / 2 * np.minimum(1, near / max(1, self.tile * _OVERLAP))) ** 2
        total, profiles = np.zeros(self.length), []
        for part in self.slices():
            profile = np.ones(self.tile)
            profile *= rise if part.start else 1
            profile *= rise[::-1] if part.stop < self.length else 1
            total[part] += profile
            profiles.append(profile)
        pairs = zip(profiles, self.slices(), strict=True)
        return [(profile / total[part]).astype(np.float32) for profile, part in pairs]


@dataclass(frozen=True)
class Tiling:
    """A grid of tiles of equal size that overlap and cover the mosaic."""

    down: Axis
    across: Axis

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the mosaic [px]."""
        return self.down.length, self.across.length

    @property
    def tile_size(self) -> tuple[int, int]:
        """Height and width of a tile [px]."""
        return self.down.tile, self.across.tile

    @property
    def cell(self) -> int:
        """Side of the square cells [px] over whose means tiles are compared."""
        return max(1, min(max(self.tile_size) // _CELLS, min(self.tile_size) // _LEAST_CELLS))

    def tiles(self) -> list[Tile]:
        """All of them, row by row."""
        return [
            Tile(row, column, rows, columns)
            for row, rows in enumerate(self.down.slices())
            for column, columns in enumerate(self.across.slices())
        ]


def plan_tiling(size: tuple[int, int], recipe: Recipe) -> Tiling | None:
    """Lay tiles over a photo; None: it is predicted in one piece.

    Args:
        size: Upright height and width of the photo's file [px].
        recipe: Its tile is in pixels of the photo, its resolution what a tile is predicted at.
    """
    edge = _tile_edge(max(size), recipe)
    if edge is None or edge >= max(size):
        return None
    long = recipe.resolution
    down, across = (
        Axis.of(length, _tile_side(length, long, side / max(size)))
        for side in size
        for length in [max(1, round(side * long / edge))]
    )
    return Tiling(down, across)


def decoded_edge(recipe: Recipe) -> int | None:
    """Long edge that a photo's pixels are needed at [px]; None: its own."""
    if recipe.tile == AUTO_TILE and not recipe.refine:
        return AUTO_EDGES * recipe.resolution
    return None if recipe.tile or recipe.refine else recipe.resolution or None


def _tile_edge(long_edge: int, recipe: Recipe) -> int | None:
    """Long edge of a tile in pixels of the photo; None: no tiles."""
    if recipe.tile != AUTO_TILE:
        return recipe.tile
    edge = math.ceil(long_edge / AUTO_EDGES)
    return edge if edge > recipe.resolution else None


def _tile_side(length: int, long: int, share: float) -> int:
    """A tile's side [px]: shaped as the photo, but no strip."""
    return min(length, max(round(long * share), round(long * _SQUAREST)))
