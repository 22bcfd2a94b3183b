"""TIFF of every usual kind, 1 to 32 bits and float, without libtiff, which talks on stderr.

Read is what cameras and editors write; written is float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from marigold_cli.depth import Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.orientation import ORIENTATION_TAG, orientation_of
from marigold_cli.files.raster import (
    DecodePolicy,
    Pixels,
    Raster,
    from_unit,
    full_scale,
    over_white,
    over_white_premultiplied,
    spread,
)

_PROFILE, _XMP = 34675, 700  # tags
_MIN_IS_WHITE, _PALETTE, _YCBCR = 0, 3, 6
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # channels by photometric interpretation
_JPEG = (6, 7)  # compressions; decoding them turns YCbCr into RGB
_PREMULTIPLIED, _STRAIGHT = 1, 2  # kinds of extra sample that are alpha
_MAX_SAMPLES = 16  # more channels than this is no photograph
_PIXEL_BYTES = 8  # of an unpacked photo: RGBA of 16 bits
_SHORT = 3  # a type of tags


def read_tiff(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode the first page of a TIFF or BigTIFF.

    Values of 1 to 15 bits are spread over the full range of 8 or 16. Floats are taken as they are;
    what is above 1 counts as highlight and is cut off.
    """
    with tifffile.TiffFile(BytesIO(data)) as file:
        page = _first_page(file)
        _admit(page, policy)
        _check_complete(page, len(data))
        samples: NDArray[np.generic] = page.asarray()
        if page.axes == "SYX":  # one plane per channel
            samples = np.moveaxis(samples, 0, -1)
        return Raster(
            pixels=_colours(page, samples.reshape(page.imagelength, page.imagewidth, -1)),
            size=(page.imagelength, page.imagewidth),
            orientation=_orientation(page),
            profile=_profile(page),
        )


def _first_page(file: tifffile.TiffFile) -> tifffile.TiffPage:
    try:
        return file.pages[0]
    except IndexError as error:  # it may stand at the end of the file
        raise ImageError(Kind.TRUNCATED, "its directory is missing; copy it again") from error


def _admit(page: tifffile.TiffPage, policy: DecodePolicy) -> None:
    policy.admit(page.imagelength, page.imagewidth)
    if page.is_tiled:
        policy.admit(page.tilelength, page.tilewidth)  # a tile is unpacked whole
    colours = _COLOURS.get(page.photometric, 0)
    if page.photometric == _YCBCR and page.compression not in _JPEG:
        colours = 0
    if not colours <= page.samplesperpixel <= _MAX_SAMPLES or not colours:
        raise ImageError(
            Kind.FORMAT, f"TIFF of a rare kind ({page.photometric!r}); convert it to RGB first"
        )
    if page.imagedepth != 1 or page.dtype is None or page.dtype.kind not in "buf":
        raise ImageError(
            Kind.FORMAT, f"TIFF of {page.dtype} values; convert it to unsigned integers or floats"
        )
    size = page.imagelength * page.imagewidth * page.samplesperpixel * page.dtype.itemsize
    if size > _PIXEL_BYTES * policy.max_pixels:
        raise ImageError(Kind.TOO_LARGE, f"unpacks to {size / 1e9:.1f} GB; raise --max-pixels")


def _check_complete(page: tifffile.TiffPage, length: int) -> None:
    """Find a cut file before tifffile fills what is missing with zeros."""
    if not all(page.dataoffsets) or not all(page.databytecounts):
        raise ImageError(Kind.TRUNCATED, "has parts without data; copy it again")
    ends = (at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=True))
    if (end := max(ends, default=0)) > length:
        raise ImageError(Kind.TRUNCATED, f"has {length} of at least {end} bytes; copy it again")


def _colours(page: tifffile.TiffPage, samples: NDArray[np.generic]) -> Pixels:
    """Grey, RGB or CMYK over the full range of its type, without alpha; samples are [H, W, S]."""
    channels = _COLOURS[page.photometric]
    if page.photometric == _PALETTE:
        return _look_up(page.colormap, samples[..., 0])
    kinds = tuple(page.extrasamples)
    has_alpha = samples.shape[2] > channels and kinds[:1] in ((_PREMULTIPLIED,), (_STRAIGHT,))
    full = _unpack(samples[..., : channels + has_alpha], page.bitspersample)
    colours = full[..., 0] if channels == 1 else full[..., :channels]
    if page.photometric == _MIN_IS_WHITE:
        colours = full_scale(colours.dtype) - colours
    if has_alpha and channels < 4:  # paper is white already
        lay = over_white_premultiplied if kinds[0] == _PREMULTIPLIED else over_white
        return lay(colours, full[..., channels])
    return colours


def _look_up(colormap: NDArray[np.uint16], indices: NDArray[np.generic]) -> Pixels:
    """RGB of palette entries; some writers filled the 16-bit table with 8-bit values."""
    table = colormap >> 8 if colormap.max() > 255 else colormap
    colours: Pixels = table.T.astype(np.uint8)[indices.astype(np.intp)]
    return colours


def _unpack(samples: NDArray[np.generic], bits: int) -> Pixels:
    """Bring any unsigned integer or float type to uint8, uint16 or float32 over its full range."""
    kind, width = samples.dtype.kind, samples.dtype.itemsize * 8
    if kind == "b":
        return samples.astype(np.uint8) * np.uint8(255)
    if kind == "f":
        return _check_range(samples.astype(np.float32, copy=False))
    if width > 16:
        share: Pixels = (samples.astype(np.float64) / (2**bits - 1)).astype(np.float32)
        return share
    return spread(samples.astype(np.uint8 if width == 8 else np.uint16, copy=False), bits)


def _check_range(values: NDArray[np.float32]) -> Pixels:
    """Cut floats to [0, 1]; refuse those that were plainly never meant to lie there."""
    if np.count_nonzero(np.isnan(values)) * 2 > values.size:
        raise ImageError(Kind.FORMAT, "most float values are no numbers (NaN)")
    if np.count_nonzero(values > 1) * 2 > values.size:
        raise ImageError(
            Kind.FORMAT,
            f"float values reach {np.nanmax(values):.4g}, most are above 1; scale them to 0..1",
        )
    return from_unit(values, values.dtype)


def _orientation(page: tifffile.TiffPage) -> int:
    value = page.tags.valueof(ORIENTATION_TAG)
    if value is None:
        packet = page.tags.valueof(_XMP, b"")
        return orientation_of(b"", packet if isinstance(packet, bytes) else b"")
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def _profile(page: tifffile.TiffPage) -> bytes:
    value = page.tags.valueof(_PROFILE, b"")
    return value if isinstance(value, bytes) else b""


def stream_tiff(
    shape: tuple[int, ...], strips: Iterable[Floats], text: str, orientation: int
) -> Iterator[bytes | memoryview]:
    """Make a float32 TIFF, deflate with the predictor for floats.

    It comes in one piece: its first bytes say where its last ones lie, which is known when all
    strips are packed. They are held until then, a quarter or half of the map.

    Args:
        shape: [H, W] or [H, W, 3].
        strips: Its rows in order, so many in each but the last one.
        text: ASCII, its ImageDescription.
        orientation: EXIF 1..8 that viewers should apply.
    """
    rest = iter(strips)
    first = next(rest)
    turn = (ORIENTATION_TAG, _SHORT, 1, orientation, True)
    file = BytesIO()
    tifffile.imwrite(
        file,
        map(_pack, chain([first], rest)),
        shape=shape,
        dtype=np.float32,
        rowsperstrip=len(first),
        photometric="minisblack" if len(shape) == 2 else "rgb",
        compression="zlib",
        predictor=True,
        description=text,
        metadata=None,
        software=False,
        extratags=[turn] if orientation != 1 else [],
    )
    yield file.getbuffer()


def _pack(strip: Floats) -> bytes:
    """Differences from pixel to pixel, then deflate at level 1; [n, W] or [n, W, C]."""
    pixels = np.atleast_3d(np.ascontiguousarray(strip, np.float32))
    differences = imagecodecs.floatpred_encode(pixels, axis=-2)
    return bytes(imagecodecs.deflate_encode(differences.data, 1))  # type: ignore[arg-type]
