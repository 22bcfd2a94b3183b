"""The eight EXIF orientations: finding the tag, turning pixels upright and back."""

from __future__ import annotations

import re
import struct
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ORIENTATION_TAG = 0x0112  # 274, in EXIF and in TIFF alike
_XMP_TAG = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)\s*([1-8])\b""")

Kind = TypeVar("Kind", bound=np.generic)


def turn_upright(array: NDArray[Kind], orientation: int) -> NDArray[Kind]:
    """Turn stored pixels as the photographer saw them; a view, nothing is copied.

    Args:
        array: [H, W] or [H, W, C].
        orientation: EXIF 1..8.
    """
    if orientation >= 5:  # rows and columns change places
        array = array.swapaxes(0, 1)
    down = -1 if orientation in (3, 4, 7, 8) else 1
    right = -1 if orientation in (2, 3, 6, 7) else 1
    return array[::down, ::right]


def turn_stored(array: NDArray[Kind], orientation: int) -> NDArray[Kind]:
    """Undo `turn_upright`: from upright pixels back to the file's own grid; a view.

    Args:
        array: [H, W] or [H, W, C].
        orientation: EXIF 1..8, the value that `turn_upright` was given.
    """
    return turn_upright(array, inverse_of(orientation))


def inverse_of(orientation: int) -> int:
    """The orientation that undoes another one."""
    return {6: 8, 8: 6}.get(orientation, orientation)  # the other six undo themselves


def upright_part(rows: slice, size: tuple[int, int], orientation: int) -> tuple[slice, slice]:
    """What of an upright picture becomes some rows of the file's own grid: its rows and columns.

    Args:
        rows: Of the stored picture, with start and stop.
        size: Upright height and width [px].
        orientation: EXIF 1..8.
    """
    height, width = size
    length = width if is_sideways(orientation) else height
    if orientation in (3, 4, 6, 7):  # the first stored row is the last upright one or column
        rows = slice(length - rows.stop, length - rows.start)
    if is_sideways(orientation):
        return slice(0, height), rows
    return rows, slice(0, width)


def is_sideways(orientation: int) -> bool:
    """Whether this orientation exchanges height and width."""
    return orientation >= 5


def orientation_of(exif: bytes, xmp: bytes) -> int:
    """Find the orientation in a photo's metadata.

    EXIF is read here rather than by Pillow, which parses every tag and warns about broken ones.

    Args:
        exif: Block with or without its "Exif" prefix; what it says holds.
        xmp: Packet that is asked only where EXIF has no such tag, as after some editors.

    Returns:
        1..8; 1 where nobody says, or what is said is damaged or out of range.
    """
    found = _search_exif(exif.removeprefix(b"Exif\0\0"))
    if found is None and (match := _XMP_TAG.search(xmp)):
        return int(match[1])
    return found or 1


def _search_exif(block: bytes) -> int | None:
    """The tag's value, 1 if it makes no sense; None: there is no such tag, or no whole block."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        return _search(block, order)
    except struct.error:
        return None


def _search(block: bytes, order: str) -> int | None:
    (first,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", block, entry)
        if tag == ORIENTATION_TAG:
            (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), block, entry + 8)
            return int(value) if 1 <= value <= 8 else 1
    return None


def exif_block(orientation: int) -> bytes:
    """Make an EXIF block of the orientation alone; the inverse of `orientation_of`."""
    entry = struct.pack(">HHIHH", ORIENTATION_TAG, 3, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
