from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from marigold_cli.files.icc import to_srgb
from marigold_cli.files.raster import (
    full_scale,
    over_white,
    over_white_premultiplied,
    spread,
)

DTYPES = pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
SHAPE = (700, 801)  # more than two strips, and the last one shorter


def random(dtype: type[np.generic], *shape: int) -> NDArray[np.generic]:
    values = np.random.default_rng(0).random(shape, np.float32)
    return (values * full_scale(np.dtype(dtype))).astype(dtype)


def stored(values: NDArray[np.float64], dtype: type[np.generic]) -> NDArray[np.float64]:
    """What a type keeps of values in [0, 1], still as a share of its full range."""
    white = full_scale(np.dtype(dtype))
    return np.floor(np.clip(values, 0, 1) * white + 0.5) / white if white > 1 else values


@DTYPES
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("lay", [over_white, over_white_premultiplied])
def test_what_is_transparent_shows_a_white_page(
    lay: Callable[..., NDArray[np.generic]], channels: tuple[int, ...], dtype: type[np.generic]
) -> None:
    white = full_scale(np.dtype(dtype))
    colours, alpha = random(dtype, *SHAPE, *channels), random(dtype, *SHAPE)[::-1]

    laid = lay(colours, alpha)

    colour, share = colours / white, (alpha / white).reshape(*SHAPE, *(1 for _ in channels))
    own = colour * share if lay is over_white else colour
    assert laid.dtype == dtype
    assert np.abs(laid / white - stored(own + 1 - share, dtype).clip(0, 1)).max() <= 1.01 / white


@DTYPES
@pytest.mark.parametrize("lay", [over_white, over_white_premultiplied])
def test_what_is_opaque_costs_no_pixel(
    lay: Callable[..., NDArray[np.generic]], dtype: type[np.generic]
) -> None:
    colours = random(dtype, 4, 5, 3)

    assert lay(colours, np.full((4, 5), full_scale(np.dtype(dtype)), dtype)) is colours


@DTYPES
def test_ink_without_a_profile_takes_light_from_paper(dtype: type[np.generic]) -> None:
    white = full_scale(np.dtype(dtype))
    inks = random(dtype, *SHAPE, 4)

    seen = to_srgb(inks, b"")

    paper = 1 - inks / white
    assert seen.dtype == dtype
    assert np.abs(seen / white - paper[..., :3] * paper[..., 3:]).max() <= 1.01 / white


def test_samples_of_few_bits_fill_the_range() -> None:
    samples = random(np.uint16, *SHAPE) >> 4

    assert np.array_equal(spread(samples, 12), samples.astype(np.uint64) * 65535 // 4095)


@pytest.mark.parametrize(
    "finish",
    [
        lambda samples: over_white(samples[..., :3], samples[..., 3]),
        lambda samples: over_white_premultiplied(samples[..., :3], samples[..., 3]),
        lambda samples: to_srgb(samples, b""),
        lambda samples: spread(samples, 12),
    ],
)
def test_a_large_photo_takes_little_memory_besides_its_own(
    finish: Callable[[NDArray[np.uint16]], NDArray[np.uint16]],
) -> None:
    samples = np.full((1500, 2000, 4), 1000, np.uint16)  # 24 MB
    tracemalloc.start()

    result = finish(samples)

    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < result.nbytes + 16e6
