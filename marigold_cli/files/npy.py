"""NumPy's own file format, in memory."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from marigold_cli.depth import Floats

SIGNATURE = b"\x93NUMPY"


def encode_npy(values: Floats) -> bytes:
    """Make a float32 file."""
    file = BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(values, np.float32), allow_pickle=False)
    return file.getvalue()


def decode_npy(data: bytes) -> np.ndarray:
    """Read an array of any type but objects.

    Raises:
        ValueError: damaged, or with objects, which would be code.
    """
    values: np.ndarray = np.load(BytesIO(data), allow_pickle=False)
    return values
