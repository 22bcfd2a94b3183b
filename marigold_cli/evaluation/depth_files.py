"""One file of true depth, normals or a mask, in the data set's own unit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from marigold_cli.depth import Mask
from marigold_cli.errors import DataSetError
from marigold_cli.files.png import SIGNATURE as PNG_SIGNATURE
from marigold_cli.files.readers import read_numbers, read_plane, read_vectors
from marigold_cli.files.vectors import from_picture
from marigold_cli.metrics import Array


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Name the file of what is found wrong with it.

    Raises:
        DataSetError: something is.
    """
    try:
        yield
    except ValueError as error:
        raise DataSetError(f"{name}: {error}") from error


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
    with blaming(name):
        values = read_plane(data)
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
        [H, W, 3], as stored, or from a picture's -1 to 1; length 0 or not finite: unknown.

    Raises:
        DataSetError: no normals that can be read.
    """
    with blaming(name):
        if data.startswith(PNG_SIGNATURE):
            return from_picture(read_numbers(data))
        return read_vectors(data)


def read_mask(data: bytes, name: str) -> Mask:
    """Decode a mask: what is not 0 is to be trusted.

    Raises:
        DataSetError: no mask that can be read.
    """
    with blaming(name):
        mask: Mask = read_plane(data) != 0
    return mask
