"""From a file's bytes to upright sRGB pixels, or to one ImageError that says what is wrong.

What a photo is, is told by its first bytes, never by its name; only camera raw files, many of which
look like TIFF, go by their suffix. Knows nothing of paths: the name is for messages alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from marigold_cli.errors import ImageError, Kind
from marigold_cli.files import heif, pillow, raw
from marigold_cli.files.extras import EXTRAS, RAW
from marigold_cli.files.icc import to_srgb
from marigold_cli.files.orientation import is_sideways, turn_upright
from marigold_cli.files.png import SIGNATURE as PNG_SIGNATURE
from marigold_cli.files.png import read_png
from marigold_cli.files.raster import DecodePolicy, Pixels, Raster
from marigold_cli.files.source import Source
from marigold_cli.files.tiff import read_tiff
from marigold_cli.files.webp import read_webp

_ALWAYS = ".jpg .jpeg .jpe .jfif .mpo .png .tif .tiff .webp .avif .jp2 .j2k .jpx .jpf .bmp"
SUFFIXES = frozenset(_ALWAYS.split()).union(
    *(extra.suffixes for extra in EXTRAS if extra.is_installed)
)

_READABLE = "JPEG, PNG, TIFF, WebP, AVIF, JPEG 2000, BMP, HEIC or camera raw"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CUT = ("truncated", "too small", "premature", "unexpected end", "end of", "input/output error")

Reader = Callable[[bytes, DecodePolicy], Raster]


@dataclass(frozen=True)
class Photo:
    """One photograph, ready to be looked at.

    Attributes:
        pixels: [H, W, 3] sRGB, upright, contiguous; uint8 and uint16 span their full range,
            float32 lies in [0, 1]. May be smaller than `size`, see `DecodePolicy.long_edge`.
        size: Height and width of the stored file when turned upright [px].
        orientation: EXIF 1..8 that was undone.
        digest: sha256 of the file's bytes.
    """

    pixels: Pixels
    size: tuple[int, int]
    orientation: int
    digest: str


def decode(source: Source, name: str, policy: DecodePolicy) -> Photo:
    """Decode a photo; a pure function of its bytes.

    Transparency is laid over white. Of several frames or pages it is the first.

    Raises:
        ImageError: "empty", "format", "truncated", "too-large" or "memory".
    """
    try:
        return _develop(_choose(source.data, name)(source.data, policy), source.digest)
    except ImageError as error:
        raise ImageError(error.kind, f"{name}: {error}") from error
    except MemoryError as error:
        raise ImageError(Kind.MEMORY, f"{name}: needs more memory than there is") from error
    except Exception as error:  # damaged bytes come out of decoders as nearly any exception
        raise _explain(error, name) from error


def _develop(raster: Raster, digest: str) -> Photo:
    height, width = raster.size
    upright = turn_upright(to_srgb(raster.pixels, raster.profile), raster.orientation)
    return Photo(
        pixels=np.require(upright, requirements=("C", "W")),
        size=(width, height) if is_sideways(raster.orientation) else (height, width),
        orientation=raster.orientation,
        digest=digest,
    )


def _choose(data: bytes, name: str) -> Reader:
    if not data:
        raise ImageError(Kind.EMPTY, "the file is empty; copy it again")
    if PurePosixPath(name).suffix.lower() in RAW.suffixes:
        return raw.read_raw
    for starts, reader in _READERS:
        if data.startswith(starts):
            return reader
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return read_webp
    if data[4:8] == b"ftyp":
        return _choose_heif(data)
    raise ImageError(Kind.FORMAT, f"is not {_READABLE}; leave it out with --exclude")


def _choose_heif(data: bytes) -> Reader:
    """AVIF and HEIC share a container; the brands in its first box tell them apart."""
    (length,) = struct.unpack_from(">I", data)
    brands = {data[at : at + 4] for at in (8, *range(16, min(length, 256), 4))}
    return pillow.read_avif if brands & {b"avif", b"avis"} else heif.read_heif


_READERS: tuple[tuple[tuple[bytes, ...], Reader], ...] = (
    ((b"\xff\xd8\xff",), pillow.read_jpeg),
    ((PNG_SIGNATURE,), read_png),
    (_TIFF_STARTS, read_tiff),
    ((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), pillow.read_jpeg2000),
    ((b"BM",), pillow.read_bmp),
)


def _explain(error: Exception, name: str) -> ImageError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if any(sign in reason.lower() for sign in _CUT):
        return ImageError(Kind.TRUNCATED, f"{name}: cut off ({reason}); copy it again")
    return ImageError(Kind.FORMAT, f"{name}: damaged or unsupported ({reason}); try to convert it")
