"""More than 8 bits out of AVIF and JPEG 2000: Pillow cuts these to 8 without a word."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from marigold_cli.files.raster import DecodePolicy, Pixels, spread, without_alpha

_START = b"\xff\x4f\xff\x51"  # a JPEG 2000 codestream begins with its size marker
_SIZE = struct.Struct(">2H8IH")  # length, profile; extent, offset, tile, its offset; components
_SYCC = 18  # enumerated colour space that nobody but Pillow turns into RGB here


def avif_bits(data: bytes) -> int:
    """Bits per channel of an AVIF's main picture: 8, 10 or 12."""
    place = data.find(b"av1C")
    flags = data[place + 6] if 0 <= place < len(data) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def decode_avif(data: bytes) -> Pixels:
    """Decode an AVIF of 10 or 12 bits to 16, not turned yet: [H, W] or [H, W, 3]."""
    samples: NDArray[np.uint8 | np.uint16] = imagecodecs.avif_decode(data)
    first = samples[0] if samples.ndim == 4 else samples  # of an animation
    return without_alpha(_spread(first, avif_bits(data)))


def jpeg2000_bits(data: bytes) -> int:
    """Bits per channel of a JPEG 2000; 8 also for kinds that are better left to Pillow."""
    header, _, stream = data.partition(_START)
    if len(stream) < _SIZE.size or b"pclr" in header or _colour_space(header) == _SYCC:
        return 8
    channels = _SIZE.unpack_from(stream)[-1]
    kinds = {stream[at : at + 3] for at in _places(channels)}
    bits, across, down = kinds.pop().ljust(3, b"\0") if channels <= 4 else (0, 0, 0)
    is_plain = not kinds and (across, down) == (1, 1) and 8 <= bits <= 15  # stored less one
    return bits + 1 if is_plain else 8


def decode_jpeg2000(data: bytes, policy: DecodePolicy) -> Pixels:
    """Decode a JPEG 2000 of 9 to 16 bits to 16: [H, W] or [H, W, 3]."""
    _, _, stream = data.partition(_START)
    _, _, right, bottom, left, top, *_ = _SIZE.unpack_from(stream)
    policy.admit(bottom - top, right - left)  # it may be larger than the box around it says
    samples: NDArray[np.uint8 | np.uint16] = imagecodecs.jpeg2k_decode(data)
    return without_alpha(_spread(samples, jpeg2000_bits(data)))


def _spread(samples: NDArray[np.uint8 | np.uint16], bits: int) -> Pixels:
    if samples.dtype != np.uint16 or int(samples.max()) >> bits:
        raise ValueError("header and pixels disagree")
    return spread(samples, bits)


def _places(channels: int) -> range:
    return range(_SIZE.size, _SIZE.size + 3 * max(1, channels), 3)


def _colour_space(header: bytes) -> int:
    """The enumerated colour space of the box around a codestream; 0: none is named."""
    place = header.find(b"colr\1")
    return int.from_bytes(header[place + 7 : place + 11], "big") if place >= 0 else 0
