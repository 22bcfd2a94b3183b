"""OpenEXR with float32 channels that are not compressed, written row by row.

OpenEXR's own library takes the whole picture at once. A file of scan lines is simple: attributes,
a table of where every row begins, the rows; each of them its number, its length in bytes, and
channel after channel in the order of the alphabet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Floats

_MAGIC = bytes.fromhex("762f3101")
_VERSION = struct.pack("<I", 2)
_FLOAT = 2  # a type of pixel
_ROW = np.dtype([("number", "<i4"), ("bytes", "<i4")])


def stream_exr(
    size: tuple[int, int], channels: str, note: str, strips: Iterable[Floats]
) -> Iterator[bytes | memoryview]:
    """Make a file piece by piece.

    Args:
        size: Height and width [px].
        channels: One letter each, in the order of the strips' last axis.
        note: ASCII, kept in an attribute "marigold".
        strips: The picture's rows in order, [n, W] or [n, W, C].
    """
    height, width = size
    order = np.argsort(list(channels))
    head = _MAGIC + _VERSION + _header(size, sorted(channels), note)
    length = _ROW.itemsize + 4 * len(channels) * width
    first = len(head) + 8 * height
    yield head
    yield (first + length * np.arange(height, dtype="<u8")).data
    top = 0
    for strip in strips:
        values = strip.reshape(len(strip), width, -1)[..., order]  # [n, W, C]
        yield _rows(top, np.moveaxis(values, -1, 1)).data
        top += len(strip)


def _rows(top: int, values: Floats) -> NDArray[np.void]:
    """Rows [n, C, W] with their numbers, the first of which is *top*."""
    count = len(values)
    rows = np.empty(count, [*_ROW.descr, ("values", "<f4", values.shape[1:])])
    rows["number"] = np.arange(top, top + count)
    rows["bytes"] = rows["values"].itemsize * values[0].size
    rows["values"] = values
    return rows.view(np.uint8)


def _header(size: tuple[int, int], channels: list[str], note: str) -> bytes:
    """All attributes, by name, and the end of them."""
    height, width = size
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    kinds = [name.encode() + b"\0" + struct.pack("<iIii", _FLOAT, 0, 1, 1) for name in channels]
    return b"".join(
        (
            _attribute("channels", "chlist", b"".join(kinds) + b"\0"),
            _attribute("compression", "compression", b"\0"),
            _attribute("dataWindow", "box2i", window),
            _attribute("displayWindow", "box2i", window),
            _attribute("lineOrder", "lineOrder", b"\0"),
            _attribute("marigold", "string", note.encode("ascii")),
            _attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            _attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            _attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            _attribute("type", "string", b"scanlineimage"),
            b"\0",
        )
    )


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    length = struct.pack("<i", len(value))
    return b"\0".join((name.encode(), kind.encode(), length + value))
