"""NumPy's files when several threads read them."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from marigold_cli.files.npy import decode_npy, encode_npy, parse_header

MAP = np.arange(12, dtype=np.float32).reshape(3, 4)
DATA = encode_npy(MAP)


class Lingering:
    """Garbage that lets other threads go on while it is collected."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        time.sleep(0.0005)


@pytest.fixture
def thresholds() -> Iterator[range]:
    """Of garbage collection, so that it comes at nearly every place of what is done."""
    before = gc.get_threshold()
    yield range(3, 60, 4)
    gc.set_threshold(*before)


def test_many_threads_may_read_at_a_time(thresholds: range) -> None:
    def read(number: int) -> np.ndarray:
        Lingering()
        Lingering()
        header = parse_header(DATA[10:128]) if number % 2 else None
        assert header in (None, (MAP.shape, MAP.dtype))
        return decode_npy(DATA)

    for threshold in thresholds:
        gc.set_threshold(threshold)
        with ThreadPoolExecutor(4) as pool:
            maps = list(pool.map(read, range(40)))
        assert all(np.array_equal(values, MAP) for values in maps)


@pytest.mark.parametrize("text", [b"", b"{", b"{'shape': 3}", b"[]", b"{'shape': (3, 4)}"])
def test_a_damaged_header_is_told_so(text: bytes) -> None:
    with pytest.raises(ValueError, match="damaged in its header"):
        parse_header(text)
