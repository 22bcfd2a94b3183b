"""One file of depth, normals or a mask, told by its first bytes: NumPy, PNG, OpenEXR, TIFF."""

from __future__ import annotations

from io import BytesIO

import imagecodecs
import numpy as np
import OpenEXR
import tifffile

from marigold_cli.depth import Mask
from marigold_cli.errors import DataSetError
from marigold_cli.files.png import SIGNATURE as PNG_SIGNATURE
from marigold_cli.metrics import Array

_NUMPY, _EXR, _TIFF = b"\x93NUMPY", b"\x76\x2f\x31\x01", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EXR_CHANNELS = ("Z", "Y", "R", "RGB")  # where depth or normals are, the first that is there


def read_depth(data: bytes, name: str, scale: float | None = None) -> Array:
    """Decode a depth map.

    Args:
        data: The file's bytes.
        name: For messages.
        scale: What one step of integers is [m]; floats are taken as they are.

    Returns:
        [H, W]; what is not positive and finite is unknown.

    Raises:
        DataSetError: no depth map that can be read, or integers without a scale.
    """
    values = _decode_map(data, name)
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind not in "iu":
        raise DataSetError(f"{name}: holds {values.dtype}, not numbers of depth; save float32")
    if scale is None:
        raise DataSetError(f"{name}: integers; say what one step is with --depth-scale")
    return values * np.float64(scale)


def read_normals(data: bytes, name: str) -> Array:
    """Decode a map of normals.

    Returns:
        [H, W, 3]; x right, y up, z to the viewer; length 0 or not finite: unknown.

    Raises:
        DataSetError: no normals that can be read.
    """
    values = _decode(data, name)
    if values.ndim != 3 or values.shape[-1] != 3 or values.dtype.kind != "f":
        raise DataSetError(f"{name}: {values.dtype} {values.shape}, not three floats a pixel")
    return values


def read_mask(data: bytes, name: str) -> Mask:
    """Decode a mask: what is not 0 is to be trusted.

    Raises:
        DataSetError: no mask that can be read.
    """
    mask: Mask = _decode_map(data, name) != 0
    return mask


def _decode_map(data: bytes, name: str) -> np.ndarray:
    values = _decode(data, name)
    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    if values.ndim != 2 or 0 in values.shape:
        raise DataSetError(f"{name}: shape {values.shape}, not one number for each pixel")
    return values


def _decode(data: bytes, name: str) -> np.ndarray:
    try:
        return _choose(data, name)
    except DataSetError:
        raise
    except Exception as error:  # damaged bytes come out of decoders as nearly any exception
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataSetError(f"{name}: damaged or unsupported ({reason}); copy it again") from error


def _choose(data: bytes, name: str) -> np.ndarray:
    if data.startswith(_NUMPY):
        return np.asarray(np.load(BytesIO(data), allow_pickle=False))
    if data.startswith(PNG_SIGNATURE):
        return np.asarray(imagecodecs.png_decode(data))
    if data.startswith(_EXR):
        channels = OpenEXR.File(BytesIO(data)).channels()
        for channel in _EXR_CHANNELS:
            if channel in channels:
                return np.asarray(channels[channel].pixels)
        raise DataSetError(f"{name}: channels {', '.join(channels)}; depth is looked for in Z")
    if data.startswith(_TIFF):
        return np.asarray(tifffile.imread(BytesIO(data)))
    raise DataSetError(f"{name}: is not .npy, PNG, OpenEXR or TIFF")
