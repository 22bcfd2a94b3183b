"""NumPy's own file format, in strips or in memory."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterable, Iterator
from io import BytesIO

import numpy as np

from marigold_cli.depth import Floats

SIGNATURE = b"\x93NUMPY"

# Headers are Python literals, and Python before 3.11.8 fails where two threads parse at a time.
_PARSING = threading.Lock()


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
    with _PARSING:
        values: np.ndarray = np.load(BytesIO(data), allow_pickle=False)
    return values


def parse_header(text: bytes) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Read the text of a header: the shape and type of its array.

    Raises:
        ValueError: cut off or damaged.
    """
    try:
        with _PARSING:
            fields = ast.literal_eval(text.decode("latin-1").strip())
        return tuple(fields["shape"]), np.dtype(fields["descr"])
    except (ValueError, SyntaxError, TypeError, KeyError) as error:
        raise ValueError("is cut off or damaged in its header") from error
