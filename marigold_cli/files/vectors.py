"""Surface normals turn with their pixels: to the right in a photo on its side may be up."""

from __future__ import annotations

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.files.orientation import turn_stored, turn_upright

_INVERSE = {6: 8, 8: 6}  # of the eight orientations; the other six undo themselves


def turn_normals_upright(normals: Floats, orientation: int) -> Floats:
    """Turn normals of stored pixels as the photographer saw them.

    Args:
        normals: [H, W, 3]; x points right, y up in the picture, z to the viewer.
        orientation: EXIF 1..8.
    """
    return _turn(turn_upright(normals, orientation), orientation)


def turn_normals_stored(normals: Floats, orientation: int) -> Floats:
    """Undo `turn_normals_upright`: from upright normals to those of the file's own grid."""
    return _turn(turn_stored(normals, orientation), _INVERSE.get(orientation, orientation))


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
