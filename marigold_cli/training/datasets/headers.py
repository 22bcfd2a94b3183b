"""What a file holds, and whether it is whole, by reading a few bytes of it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np

from marigold_cli.files.npy import SIGNATURE as NPY_SIGNATURE
from marigold_cli.files.npy import parse_header
from marigold_cli.files.orientation import is_sideways, orientation_of
from marigold_cli.files.png import SIGNATURE as PNG_SIGNATURE
from marigold_cli.files.storage import OpenFile
from marigold_cli.training.datasets import exr

_APPLICATION = 0xE1  # JPEG's marker of segments with EXIF or XMP, by the names they begin with
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


class Format(Enum):
    """Kinds of file that are read."""

    PNG = PNG_SIGNATURE
    JPEG = b"\xff\xd8\xff"
    NPY = NPY_SIGNATURE
    EXR = exr.SIGNATURE


@dataclass(frozen=True)
class Header:
    """What a file says of its pixels.

    Attributes:
        format: How they are stored.
        height: [px].
        width: [px].
        channels: Values a pixel; 0 for EXR, whose channels have names.
        dtype: Of a value.
    """

    format: Format
    height: int
    width: int
    channels: int
    dtype: np.dtype[np.generic]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.height, self.width


def read_header(file: OpenFile) -> Header:
    """Look at the beginning of a file, and at its end where that tells of a missing one.

    A JPEG's end proves nothing, since cameras put things behind it.

    Raises:
        ValueError: what is wrong with the file, in a few words.
    """
    start = file.read(0, 32)
    if not start:
        raise ValueError("is empty")
    for kind in Format:
        if start.startswith(kind.value):
            return _READERS[kind](file)
    raise ValueError("is no PNG, JPEG, NumPy or EXR file")


def _read_png(file: OpenFile) -> Header:
    start = file.read(0, 26)
    if len(start) < 26:
        raise ValueError("is cut off")
    width, height, bits, colour = struct.unpack_from(">IIBB", start, 16)
    if b"IEND" not in file.read(file.length - 12, 12):
        _check_chunks(file)
    dtype = np.dtype(np.uint16 if bits == 16 else np.uint8)
    return Header(Format.PNG, height, width, {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 0), dtype)


def _check_chunks(file: OpenFile) -> None:
    """Look for a PNG's last chunk where something else stands at the end."""
    at = len(PNG_SIGNATURE)
    while at + 8 <= file.length:
        length, name = struct.unpack(">I4s", file.read(at, 8))
        at += 12 + length
        if name == b"IEND":
            return
    raise ValueError("is cut off")


def _read_jpeg(file: OpenFile) -> Header:
    """Its size is that of the upright picture, which is what decoding gives."""
    exif = xmp = b""
    for marker, at, length in _jpeg_segments(file):
        if marker == _APPLICATION:
            notes = file.read(at, length)
            exif = exif or (notes if notes.startswith(_EXIF) else b"")
            xmp = xmp or (notes if notes.startswith(_XMP) else b"")
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            frame = file.read(at, 6)
            if len(frame) == 6:
                _, height, width, channels = struct.unpack(">BHHB", frame)
                if is_sideways(orientation_of(exif, xmp)):
                    height, width = width, height
                return Header(Format.JPEG, height, width, channels, np.dtype(np.uint8))
    raise ValueError("is cut off or damaged")


def _jpeg_segments(file: OpenFile) -> Iterator[tuple[int, int, int]]:
    """Marker, and place and length of the content, of every segment before the pixels."""
    at = 2
    while len(start := file.read(at, 4)) == 4 and start[0] == 0xFF:
        if start[1] == 0xFF:  # a byte of padding
            at += 1
            continue
        length = int.from_bytes(start[2:], "big")  # these two bytes are counted, too
        yield start[1], at + 4, length - 2
        at += 2 + length


def _read_npy(file: OpenFile) -> Header:
    start = file.read(0, 12)
    wide = len(start) == 12 and start[6] > 1  # from format 2 on, four bytes tell the length
    text_at = 12 if wide else 10
    length = int.from_bytes(start[8:text_at], "little")
    shape, dtype = _parse_npy(file.read(text_at, length))
    if text_at + length + math.prod(shape) * dtype.itemsize > file.length:
        raise ValueError("is cut off")
    if len(shape) not in (2, 3):
        raise ValueError(f"holds an array of shape {shape}; it must be [H, W] or [H, W, C]")
    return Header(Format.NPY, shape[0], shape[1], shape[2] if len(shape) == 3 else 1, dtype)


@lru_cache(maxsize=64)  # files of a set mostly say the same, and parsing takes the longest
def _parse_npy(text: bytes) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    shape, dtype = parse_header(text)
    if dtype.kind not in "buif":
        raise ValueError(f"holds {dtype} instead of numbers")
    return shape, dtype


def _read_exr(file: OpenFile) -> Header:
    header = exr.read_header(file)
    return Header(Format.EXR, header.height, header.width, 0, np.dtype(np.float32))


_READERS = {
    Format.PNG: _read_png,
    Format.JPEG: _read_jpeg,
    Format.NPY: _read_npy,
    Format.EXR: _read_exr,
}
