"""Bytes of files as arrays: colours, depth, normals and masks, each in the forms it comes in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.decode import decode
from marigold_cli.files.npy import decode_npy
from marigold_cli.files.png import read_png
from marigold_cli.files.raster import DecodePolicy, from_unit, full_scale, to_unit
from marigold_cli.files.source import Source
from marigold_cli.training.datasets import exr
from marigold_cli.training.datasets.headers import Format, Header

Floats = NDArray[np.float32]

_NOWHERE = 1e9  # renderers write 1e10 where a ray meets nothing
_SHORT = 0.5  # normals below this length, stored or averaged, mean that there is none
_WORDS = {
    Kind.TRUNCATED: "is cut off",
    Kind.TOO_LARGE: "is larger than any picture to train on",
    Kind.MEMORY: "does not fit into memory",
}


def read_colour(data: bytes, header: Header) -> NDArray[np.uint8]:
    """Upright sRGB, [H, W, 3].

    Raises:
        ValueError: what is wrong with the file, in a few words; so for all functions here.
    """
    check_colour(header)
    if header.format is Format.EXR:
        return exr.read_colour(data)
    try:
        pixels = decode(Source(data, "", len(data), 0), "", DecodePolicy()).pixels
    except ImageError as error:
        raise ValueError(_WORDS.get(error.kind, "is damaged or of a rare kind")) from error
    if pixels.dtype != np.uint8:
        pixels = from_unit(to_unit(pixels), np.dtype(np.uint8))
    return pixels.astype(np.uint8, copy=False)


def check_colour(header: Header) -> None:
    """Refuse what cannot be a picture."""
    if header.format is Format.NPY:
        raise ValueError("is a NumPy array; colours are read from PNG, JPEG or EXR")


def read_depth(data: bytes, header: Header) -> NDArray[np.float64]:
    """Depth in the unit that it is stored in, [H, W]; infinite in the sky, NaN where not known.

    Not known is what is not a number or not above 0; the sky is what is too far to be anything.
    """
    check_depth(header)
    stored = _numbers(data, header).astype(np.float64)
    seen = np.where(stored < _NOWHERE, stored, np.inf)
    return np.where(stored > 0, seen, np.nan)


def check_depth(header: Header) -> None:
    """Refuse what cannot be a depth map."""
    if header.format is Format.JPEG:
        raise ValueError("is a JPEG, which keeps no depth; depth is read from PNG, NumPy or EXR")
    if header.format is Format.PNG and (header.dtype != np.uint16 or header.channels != 1):
        raise ValueError("is no 16-bit grey PNG, so it is no depth map")
    if header.format is Format.NPY and header.channels != 1:
        raise ValueError(f"has {header.channels} values a pixel; a depth map has one")


def read_normals(data: bytes, header: Header) -> Floats:
    """Normals as stored, [H, W, 3], unit length; zero where there is none.

    Integers span [-1, 1].
    """
    check_normals(header)
    stored = exr.read_normals(data) if header.format is Format.EXR else _numbers(data, header)
    vectors = stored.astype(np.float32)
    if stored.dtype.kind == "u":
        return unit_length(vectors * np.float32(2 / full_scale(stored.dtype)) - 1)
    vectors[~np.isfinite(vectors).all(-1)] = 0
    return unit_length(vectors)


def check_normals(header: Header) -> None:
    """Refuse what cannot be a map of normals."""
    if header.format is Format.JPEG:
        raise ValueError("is a JPEG, which keeps no normals; they are read from PNG, NumPy or EXR")
    if header.format is not Format.EXR and header.channels != 3:
        raise ValueError(f"has {header.channels} values a pixel; a normal has three")


def unit_length(vectors: Floats) -> Floats:
    """Normals [H, W, 3] at unit length; zero where they are much too short."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    length = np.sqrt(x * x + y * y + z * z)
    gain = np.divide(1, length, out=np.zeros_like(length), where=length > _SHORT)
    result: Floats = vectors * gain[..., None]
    return result


def read_mask(data: bytes, header: Header) -> NDArray[np.bool_]:
    """Where something is not 0, [H, W]."""
    check_mask(header)
    return _numbers(data, header).astype(np.bool_)


def check_mask(header: Header) -> None:
    """Refuse what cannot be a mask."""
    if header.format not in (Format.PNG, Format.NPY) or header.channels != 1:
        raise ValueError("is no grey PNG or NumPy array of one value a pixel, so it is no mask")


def _numbers(data: bytes, header: Header) -> NDArray[np.generic]:
    """Values as they are stored, [H, W] or [H, W, C]."""
    if header.format is Format.EXR:
        return exr.read_depth(data)
    try:
        if header.format is Format.PNG:
            return read_png(data, DecodePolicy()).pixels
        values = decode_npy(data)
    except Exception as error:  # damaged bytes come out of decoders as nearly any exception
        raise ValueError("is damaged") from error
    return values[..., 0] if values.ndim == 3 and header.channels == 1 else values
