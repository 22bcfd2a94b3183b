"""NumPy's own file format, in strips or in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

import numpy as np

from marigold_cli.depth import Floats

SIGNATURE = b"\x93NUMPY"


def stream_npy(shape: tuple[int, ...], strips: Iterable[Floats]) -> Iterator[bytes | memoryview]:
    """Make a float32 file piece by piece.

    Args:
        shape: Of the array.
        strips: Its first rows, the next, and so on to the last.
    """
    header = BytesIO()
    facts = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, facts)
    yield header.getvalue()
    for strip in strips:
        yield np.ascontiguousarray(strip, "<f4").data


def encode_npy(values: Floats) -> bytes:
    """Make a float32 file."""
    return b"".join(stream_npy(values.shape, [values]))


def decode_npy(data: bytes) -> np.ndarray:
    """Read an array of any type but objects.

    Raises:
        ValueError: damaged, or with objects, which would be code.
    """
    values: np.ndarray = np.load(BytesIO(data), allow_pickle=False)
    return values
