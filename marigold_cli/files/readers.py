"""The bytes of one file back into numbers: the inverse of the writers, and other programs' files.

Which of .npy, PNG, OpenEXR and TIFF it is, is told by the first bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import imagecodecs
import numpy as np
import OpenEXR
import tifffile
from numpy.typing import NDArray

from marigold_cli.depth import DepthKind, Floats, Modality
from marigold_cli.files.npy import SIGNATURE as NPY_SIGNATURE
from marigold_cli.files.npy import decode_npy
from marigold_cli.files.png import SIGNATURE as PNG_SIGNATURE

Numbers = np.ndarray  # of whatever type the file has

_EXR, _TIFF = b"\x76\x2f\x31\x01", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EXR_CHANNELS = ("Z", "Y", "R", "RGB")  # where depth or vectors are, the first that is there


def read_map(data: bytes, kind: DepthKind) -> Floats:
    """Undo what a writer does to the values of a map, or to their spread.

    Args:
        data: The file's bytes.
        kind: What the numbers mean.

    Returns:
        float32 [H, W], or [H, W, 3] of vectors; NaN where a metric PNG has 0, which is unknown.

    Raises:
        ValueError: what is wrong with the file, in a few words; so for all functions here.
    """
    if kind.modality is not Modality.DEPTH:
        return read_vectors(data).astype(np.float32, copy=False)
    values = read_plane(data)
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    steps = _steps(data, values).astype(np.float32)
    if kind is DepthKind.METRIC:
        return np.where(steps > 0, steps / np.float32(1000), np.float32(np.nan))
    return steps / np.float32(65535)


def read_steps(data: bytes) -> NDArray[np.uint16]:
    """The integers of a 16-bit grey PNG, [H, W]."""
    return _steps(data, read_plane(data))


def read_plane(data: bytes) -> Numbers:
    """One number for each pixel, [H, W], as stored."""
    values = read_numbers(data)
    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"shape {values.shape}, not one number for each pixel")
    return values


def read_vectors(data: bytes) -> Numbers:
    """Three floats for each pixel, [H, W, 3]."""
    values = read_numbers(data)
    if values.ndim != 3 or values.shape[-1] != 3 or values.dtype.kind != "f":
        raise ValueError(f"{values.dtype} {values.shape}, not three floats a pixel")
    return values


def read_numbers(data: bytes) -> Numbers:
    """The values of a file as they are stored, [H, W] or [H, W, C]."""
    fits = (decode for start, decode in _DECODERS.items() if data.startswith(start))
    decode = next(fits, None)
    if decode is None:
        raise ValueError("is not .npy, PNG, OpenEXR or TIFF")
    try:
        return np.asarray(decode(data))
    except Exception as error:  # damaged bytes come out of decoders as nearly any exception
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"is damaged or of a rare kind ({reason}); copy it again") from error


def _steps(data: bytes, values: Numbers) -> NDArray[np.uint16]:
    """The values of a file, if they are the integers of a 16-bit PNG."""
    if not data.startswith(PNG_SIGNATURE) or values.dtype != np.uint16:
        raise ValueError(f"holds {values.dtype}, neither floats nor the steps of a 16-bit PNG")
    return values.astype(np.uint16, copy=False)


def _decode_exr(data: bytes) -> Numbers:
    channels = OpenEXR.File(BytesIO(data)).channels()
    found = next((channels[name] for name in _EXR_CHANNELS if name in channels), None)
    if found is None:
        raise ValueError(f"it has {', '.join(channels)}; depth is looked for in Z")
    values: Numbers = found.pixels
    return values


def _decode_png(data: bytes) -> Numbers:
    values: Numbers = imagecodecs.png_decode(data)
    return values


def _decode_tiff(data: bytes) -> Numbers:
    values: Numbers = tifffile.imread(BytesIO(data))
    return values


_DECODERS: dict[bytes, Callable[[bytes], Numbers]] = {
    NPY_SIGNATURE: decode_npy,
    PNG_SIGNATURE: _decode_png,
    _EXR: _decode_exr,
    **dict.fromkeys(_TIFF, _decode_tiff),
}
