"""Surface normals of pixels: they turn with the photo, and are kept as pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Floats
from marigold_cli.files.orientation import inverse_of, turn_upright

_SHORTEST = 0.5  # of a vector in a picture: its steps leave length 1 nearly alone


def turn_normals_upright(normals: Floats, orientation: int) -> Floats:
    """Turn normals of stored pixels as the photographer saw them.

    Args:
        normals: [H, W, 3]; x points right, y up in the picture, z to the viewer.
        orientation: EXIF 1..8.
    """
    return _turn(turn_upright(normals, orientation), orientation)


def turn_normals_stored(normals: Floats, orientation: int) -> Floats:
    """Undo `turn_normals_upright`: from upright normals to those of the file's own grid."""
    return turn_normals_upright(normals, inverse_of(orientation))


def from_picture(pixels: NDArray[np.uint8 | np.uint16]) -> Floats:
    """Undo the picture of normals, -1 to 1 as 0 to the largest number.

    Returns:
        [H, W, 3], of nearly length 1; NaN where the picture is black or grey: no direction.

    Raises:
        ValueError: not three channels.
    """
    if pixels.ndim != 3 or pixels.shape[-1] != 3:
        raise ValueError(f"{pixels.dtype} {pixels.shape}, not three numbers a pixel")
    unit = np.float32(2 / np.iinfo(pixels.dtype.name).max)
    normals = pixels.astype(np.float32) * unit - 1
    is_known = pixels.any(axis=-1) & (np.linalg.norm(normals, axis=-1) > _SHORTEST)
    return np.where(is_known[..., None], normals, np.float32(np.nan))


def _turn(normals: Floats, orientation: int) -> Floats:
    """Give vectors the directions of pixels that were already turned upright."""
    x, y, z = np.moveaxis(normals, -1, 0)
    if orientation >= 5:  # rows and columns change places, and y points against the rows
        x, y = -y, -x
    if orientation in (3, 4, 7, 8):
        y = -y
    if orientation in (2, 3, 6, 7):
        x = -x
    return np.stack((x, y, z), axis=-1)
