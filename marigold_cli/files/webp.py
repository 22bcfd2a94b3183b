"""WebP: its chunks by hand and its pixels by libwebp, which knows no limit but the format's own."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.orientation import orientation_of
from marigold_cli.files.raster import DecodePolicy, Raster, without_alpha


def read_webp(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode a WebP, lossy or lossless, or the first frame of an animation."""
    (length,) = struct.unpack_from("<I", data, 4)
    if 8 + length > len(data):
        raise ImageError(Kind.TRUNCATED, f"has {len(data)} of {8 + length} bytes; copy it again")
    chunks = dict(_chunks(data))
    height, width = _size(chunks)
    policy.admit(height, width)
    samples: NDArray[np.uint8] = imagecodecs.webp_decode(data)  # [H, W, 3 or 4]
    if samples.shape[:2] != (height, width):
        raise ValueError("header and pixels disagree")
    return Raster(
        pixels=without_alpha(samples),
        size=(height, width),
        orientation=orientation_of(chunks.get(b"EXIF", b""), chunks.get(b"XMP ", b"")),
        profile=chunks.get(b"ICCP", b""),
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk over name and content of the chunks, of pixels only the beginning."""
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        kept = min(length, 32) if name in (b"VP8 ", b"VP8L", b"ANMF", b"ALPH") else length
        yield name, data[place + 8 : place + 8 + kept]
        place += 8 + length + length % 2


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Height and width [px] as the header of one of the three kinds of WebP says them."""
    if extended := chunks.get(b"VP8X"):
        width = int.from_bytes(extended[4:7], "little") + 1
        return int.from_bytes(extended[7:10], "little") + 1, width
    if lossless := chunks.get(b"VP8L"):
        (bits,) = struct.unpack_from("<I", lossless, 1)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", chunks[b"VP8 "], 6)
    return height & 0x3FFF, width & 0x3FFF
