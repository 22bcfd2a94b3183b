"""A map as it is written: its rows from the first to the last, a strip at a time.

So neither a map at a big photo's size nor its file need be in memory as a whole, and each strip
is made, turned, coded and packed while the processor's cache holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from marigold_cli.depth import AnyMap, DepthKind, DepthMap
from marigold_cli.files.orientation import is_sideways, turn_stored, upright_part
from marigold_cli.files.vectors import turn_normals_stored

_STRIP_PX = 1 << 18  # one MiB of float32


def split(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture in strips of equal numbers of pixels, the last one of the rest."""
    step = max(1, _STRIP_PX // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


@dataclass(frozen=True)
class Strips:
    """An upright map on its way into files; may be gone through many times.

    Attributes:
        whole: The map.
        orientation: EXIF 1..8 of the grid that is written; 1: it stays upright.
        is_inverted: Whether affine values are turned around.
    """

    whole: AnyMap
    orientation: int = 1
    is_inverted: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width as written [px]."""
        height, width = self.whole.shape
        return (width, height) if is_sideways(self.orientation) else (height, width)

    @property
    def corner(self) -> DepthMap:
        """The first pixel, which shows what all have in common: kind, channels, meaning."""
        return self._take(slice(0, 1), slice(0, 1))

    def spread(self) -> Strips:
        """Those of the ensemble's spread.

        Raises:
            ValueError: a map without uncertainty, made by a single member.
        """
        return replace(self, whole=self.whole.spread())

    def __iter__(self) -> Iterator[DepthMap]:
        for rows in split(*self.size):
            yield self._take(*upright_part(rows, self.whole.shape, self.orientation))

    def _take(self, rows: slice, columns: slice) -> DepthMap:
        """A part of the upright map, as it is written."""
        part = _turn(self.whole.cut(rows, columns), self.orientation)
        return part.invert() if self.is_inverted else part


def _turn(depth: DepthMap, orientation: int) -> DepthMap:
    is_vectors = depth.kind is DepthKind.NORMALS and not depth.is_spread
    values = (turn_normals_stored if is_vectors else turn_stored)(depth.values, orientation)
    valid = None if depth.valid is None else turn_stored(depth.valid, orientation)
    return replace(depth, values=values, valid=valid)
