"""PNG: 16-bit pixels that stay 16 bits, and the two kinds that this program writes.

Pillow and imageio cut 16-bit RGB to 8 bits without a word, so these go through libpng itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from marigold_cli.files import pillow
from marigold_cli.files.icc import SRGB_PRIMARIES, gamma_profile
from marigold_cli.files.orientation import exif_block, orientation_of
from marigold_cli.files.raster import DecodePolicy, Raster, without_alpha

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH = 24  # where in the file the header says it
_MAX_PROFILE = 16 << 20  # [bytes]; real profiles are under 3 MB
_UNIT = 100_000  # of gAMA and cHRM
_SRGB_GAMMA = 0.45455  # what programs write that mean sRGB
_SAME_GAMMA = 0.05  # as near as libpng takes for the same
_SAME_COLOUR = 0.01
_SUB, _UP = 1, 2  # row filters
_GREY16, _RGB8, _PALETTE8 = b"\x10\x00", b"\x08\x02", b"\x08\x03"  # bit depth, colour type


def read_png(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode a PNG of any depth; without a profile its gamma counts, as in every browser."""
    is_deep = len(data) > _BIT_DEPTH and data[_BIT_DEPTH] == 16
    raster = _read_16_bit(data, policy) if is_deep else pillow.read_png(data, policy)
    if raster.profile:
        return raster
    return replace(raster, profile=_described_colours(data, is_grey=raster.pixels.ndim == 2))


def _read_16_bit(data: bytes, policy: DecodePolicy) -> Raster:
    width, height = struct.unpack_from(">II", data, 16)
    policy.admit(height, width)
    samples: NDArray[np.uint16] = imagecodecs.png_decode(data)  # [H, W] or [H, W, 2..4]
    if samples.dtype != np.uint16 or samples.shape[:2] != (height, width):
        raise ValueError("header and pixels disagree")
    chunks = dict(_chunks(data))
    return Raster(
        pixels=without_alpha(samples),
        size=(height, width),
        orientation=orientation_of(chunks.get(b"eXIf", b""), _xmp(data)),
        profile=_profile(chunks.get(b"iCCP", b"")),
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk over name and content of every chunk but the pixels."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name != b"IDAT":
            yield name, data[place + 8 : place + 8 + length]
        place += 12 + length


def _profile(chunk: bytes) -> bytes:
    _, _, packed = chunk.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], _MAX_PROFILE)
    except zlib.error:
        return b""


def _xmp(data: bytes) -> bytes:
    """The XMP packet, which is one of any number of texts."""
    texts = (content for name, content in _chunks(data) if name == b"iTXt")
    return next((text for text in texts if text.startswith(b"XML:com.adobe.xmp\0")), b"")


def _described_colours(data: bytes, is_grey: bool) -> bytes:
    """A profile made of the chunks gAMA and cHRM; empty where they mean sRGB or are not there."""
    chunks = dict(_chunks(data))
    if b"sRGB" in chunks or b"cICP" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return b""
    gamma = int.from_bytes(chunks[b"gAMA"], "big") / _UNIT
    primaries = SRGB_PRIMARIES
    if len(chunks.get(b"cHRM", b"")) == 32 and not is_grey:
        primaries = tuple(value / _UNIT for value in struct.unpack(">8I", chunks[b"cHRM"]))
    shift = max(abs(one - other) for one, other in zip(primaries, SRGB_PRIMARIES, strict=True))
    is_srgb = abs(gamma / _SRGB_GAMMA - 1) < _SAME_GAMMA and shift < _SAME_COLOUR
    return b"" if is_srgb else gamma_profile(gamma, primaries, is_grey)


def encode_grey16(pixels: NDArray[np.uint16], text: str, orientation: int) -> bytes:
    """Make a 16-bit grey PNG of pixels [H, W]; the rest as for `stream_grey16`."""
    height, width = pixels.shape
    return b"".join(stream_grey16((height, width), [pixels], text, orientation))


def stream_grey16(
    size: tuple[int, int], strips: Iterable[NDArray[np.uint16]], text: str, orientation: int
) -> Iterator[bytes | bytearray]:
    """Make a 16-bit grey PNG.

    Args:
        size: Height and width [px].
        strips: Its rows in order, [n, W].
        text: ASCII, kept in a tEXt chunk "marigold".
        orientation: EXIF 1..8 that viewers should apply.
    """
    rows = (np.ascontiguousarray(strip, ">u2").view(np.uint8) for strip in strips)
    yield from _assemble(size, _GREY16, _filter_sub(size, rows, 2), _notes(text, orientation))


def stream_rgb8(
    size: tuple[int, int], strips: Iterable[NDArray[np.uint8]], text: str, orientation: int
) -> Iterator[bytes | bytearray]:
    """Make an 8-bit colour PNG of rows [n, W, 3]; the rest as for `stream_grey16`."""
    rows = (np.ascontiguousarray(strip).reshape(len(strip), -1) for strip in strips)
    yield from _assemble(size, _RGB8, _filter_sub(size, rows, 3), _notes(text, orientation))


def stream_palette(
    size: tuple[int, int],
    strips: Iterable[NDArray[np.uint8]],
    colours: NDArray[np.uint8],
    opacity: bytes,
    text: str,
    orientation: int,
) -> Iterator[bytes | bytearray]:
    """Make a palette PNG.

    Args:
        size: Height and width [px].
        strips: Indices, its rows in order, [n, W].
        colours: [256, 3] sRGB.
        opacity: Alpha of the colours, one byte each from the first; missing ones are opaque.
        text: ASCII, kept in a tEXt chunk "marigold".
        orientation: EXIF 1..8 that viewers should apply.
    """
    table = _chunk(b"PLTE", colours.tobytes()) + (_chunk(b"tRNS", opacity) if opacity else b"")
    chunks = _notes(text, orientation) + table
    yield from _assemble(size, _PALETTE8, _filter_up(size, strips), chunks)


def _filter_sub(
    size: tuple[int, int], strips: Iterable[NDArray[np.uint8]], depth: int
) -> NDArray[np.uint8]:
    """Rows of bytes [n, depth W], each byte less the one a pixel to the left.

    Half the bytes of no filter once they are packed, twice as fast.
    """
    filtered = np.empty((size[0], 1 + depth * size[1]), np.uint8)
    filtered[:, 0] = _SUB
    top = 0
    for rows in strips:
        part = filtered[top : top + len(rows), 1:]
        part[:, :depth] = rows[:, :depth]
        np.subtract(rows[:, depth:], rows[:, :-depth], out=part[:, depth:])
        top += len(rows)
    return filtered


def _filter_up(size: tuple[int, int], strips: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Rows of bytes [n, W], each less the one above."""
    filtered = np.empty((size[0], 1 + size[1]), np.uint8)
    filtered[:, 0] = _UP
    above, top = np.zeros(size[1], np.uint8), 0
    for rows in strips:
        part = filtered[top : top + len(rows), 1:]
        np.subtract(rows[0], above, out=part[0])
        np.subtract(rows[1:], rows[:-1], out=part[1:])
        above, top = rows[-1], top + len(rows)
    return filtered


def _notes(text: str, orientation: int) -> bytes:
    turn = _chunk(b"eXIf", exif_block(orientation)) if orientation != 1 else b""
    return _chunk(b"tEXt", b"marigold\0" + text.encode("ascii")) + turn


def _assemble(
    size: tuple[int, int], kind: bytes, filtered: NDArray[np.uint8], chunks: bytes
) -> Iterator[bytes | bytearray]:
    """The pieces of a file.

    Its pixels are packed at once: libdeflate's level 1 is up to twice as fast as zlib's in strips,
    and smaller, but makes no streams. So they are held as bytes, one to three for each.
    """
    height, width = size
    header = struct.pack(">II", width, height) + kind + b"\0\0\0"
    packed = imagecodecs.deflate_encode(filtered.data, 1)  # type: ignore[arg-type]
    del filtered  # it is large
    yield b"".join((SIGNATURE, _chunk(b"IHDR", header), chunks))
    yield from _pieces(b"IDAT", packed)
    yield _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return b"".join(_pieces(name, content))


def _pieces(name: bytes, content: bytes | bytearray) -> Iterator[bytes | bytearray]:
    yield struct.pack(">I4s", len(content), name)
    yield content
    yield struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
