"""The values of a map as the numbers of a picture, strip by strip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import DepthKind, DepthMap, Floats, normalise
from marigold_cli.files.raster import from_unit
from marigold_cli.files.strips import Strips

_DARKEST = np.float32(1e-6)  # an image without any light stays black


def to_grey(strip: DepthMap, scale: int) -> NDArray[np.uint16]:
    """Values times a scale in 16 bits, rounded and cut; 0 where nothing is known."""
    share = strip.values if scale == 65535 else strip.values * np.float32(scale / 65535)
    pixels = from_unit(share, np.dtype(np.uint16)).astype(np.uint16, copy=False)
    if strip.valid is not None:
        pixels[~strip.valid] = 0
    return pixels


def to_bytes(share: Floats) -> NDArray[np.uint8]:
    """[0, 1] as 0 to 255."""
    return from_unit(share, np.dtype(np.uint8)).astype(np.uint8, copy=False)


def to_index(strip: DepthMap, ends: tuple[np.float32, np.float32] | None) -> NDArray[np.uint8]:
    """Places in a palette that grow with the distance, or fall if the map was inverted.

    Args:
        strip: The values; where some are not known, they take the last place.
        ends: The nearest and the farthest of the whole map; None: 0 and 1.
    """
    share = normalise(strip.values, *ends) if ends else strip.values
    is_disparity = strip.kind is DepthKind.AFFINE_DISPARITY
    indices = to_bytes(1 - share if is_disparity else share)
    if strip.valid is None:
        return indices
    return np.where(strip.valid, np.minimum(indices, 254), np.uint8(255))


def range_of(strips: Strips) -> tuple[np.float32, np.float32]:
    """The smallest and the largest value that is known; 0 where nothing is."""
    known = (s.values if s.valid is None else s.values[s.valid] for s in strips)
    ends = [(values.min(), values.max()) for values in known if values.size]
    lows, highs = zip(*ends, strict=True) if ends else ((np.float32(0),), (np.float32(0),))
    return min(lows), max(highs)


def brightest(strips: Strips) -> np.float32:
    """The largest value up to 1."""
    return max(_DARKEST, *(np.clip(strip.values, 0, 1).max() for strip in strips))
