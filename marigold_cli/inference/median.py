"""The median of a few long rows, as an ensemble needs it: pixel by pixel over the members."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from marigold_cli.depth import Floats

_PIECE_PX = 16_384  # ten rows of a piece stay in the second-level cache


def median(rows: Floats) -> Floats:
    """Median over the first axis: [E, N] -> [N], the middle of the middle two for even E.

    Ten rows of 576 x 768 take 8 ms on one core; np.median takes 85, np.partition over a
    transposed copy 18. Values must not be NaN.
    """
    middle = np.empty(rows.shape[1], np.float32)
    for piece in pieces(len(middle)):
        middle[piece] = _select(rows[:, piece].copy())
    return middle


def pieces(size: int) -> Iterator[slice]:
    """Cut a range into pieces that fit the cache."""
    return (slice(start, start + _PIECE_PX) for start in range(0, size, _PIECE_PX))


def _select(rows: Floats) -> Floats:
    """The median of rows, which are put in order on the way."""
    ordered, spare = list(rows), np.empty_like(rows[0])
    for low, high in _comparators(len(rows)):
        np.minimum(ordered[low], ordered[high], out=spare)
        np.maximum(ordered[low], ordered[high], out=ordered[high])
        ordered[low], spare = spare, ordered[low]
    lower, upper = ordered[(len(rows) - 1) // 2], ordered[len(rows) // 2]
    middle: Floats = (lower + upper) * np.float32(0.5)
    return middle


@cache
def _comparators(count: int) -> tuple[tuple[int, int], ...]:
    """Batcher's sorting network (Knuth, volume 3, 5.2.2, algorithm M)."""
    return tuple(_network(count))


def _network(count: int) -> Iterator[tuple[int, int]]:
    span = 1
    while span < count:
        step = span
        while step:
            for first in range(step % span, count - step, 2 * step):
                for low in range(first, min(first + step, count - step)):
                    if low // (2 * span) == (low + step) // (2 * span):
                        yield low, low + step
            step //= 2
        span *= 2
