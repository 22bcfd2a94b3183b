from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from marigold_cli.training.datasets.frame import (
    Frame,
    Resampling,
    Window,
    cover,
    crop_bottom,
    resize,
)

HYPERSIM = (768, 1024)


def numbered(height: int, width: int, normals: NDArray[np.float32] | None = None) -> Frame:
    """A frame whose depth counts its pixels."""
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    depth = np.arange(height * width, dtype=np.float32).reshape(height, width)
    return Frame(rgb, depth, depth % 3 > 0, normals)


@pytest.mark.parametrize(
    ("stored", "size", "window"),
    [
        (HYPERSIM, (480, 640), Window(0, 0, 768, 1024)),
        ((352, 1216), (192, 256), Window(0, 373 + 1 / 3, 352, 469 + 1 / 3)),
        ((100, 30), (20, 10), Window(20, 0, 60, 30)),
        ((5, 5), (10, 20), Window(1.25, 0, 2.5, 5)),
    ],
)
def test_the_largest_part_in_the_middle_is_shown(
    stored: tuple[int, int], size: tuple[int, int], window: Window
) -> None:
    found = cover(stored, size)

    assert vars(found) == pytest.approx(vars(window))


def test_a_frame_that_has_the_size_is_left_alone() -> None:
    frame = numbered(4, 6)

    assert resize(frame, (4, 6)) is frame


def test_depth_is_taken_from_the_nearest_pixel_as_torch_does_it_for_marigold() -> None:
    frame = numbered(*HYPERSIM)
    torchs = F.interpolate(
        torch.from_numpy(frame.depth)[None, None], (480, 640), mode="nearest-exact"
    )

    small = resize(frame, (480, 640))

    assert_array_equal(small.depth, torchs[0, 0].numpy())
    assert_array_equal(small.valid, small.depth % 3 > 0)


def test_a_depth_of_four_by_six_halves_to_the_pixels_below_the_centres() -> None:
    small = resize(numbered(4, 6), (2, 3))

    assert small.depth.tolist() == [[7, 9, 11], [19, 21, 23]]


def test_a_part_is_cut_from_the_middle() -> None:
    small = resize(numbered(4, 6), (2, 2))  # the middle 4 x 4, halved

    assert small.depth.tolist() == [[8, 10], [20, 22]]


def test_colours_are_averaged_as_pillow_does_it_for_e2e_fine_tuning() -> None:
    frame = numbered(*HYPERSIM)
    pillows = Image.fromarray(frame.rgb).resize((640, 480), Image.Resampling.BILINEAR)

    assert_array_equal(resize(frame, (480, 640)).rgb, np.asarray(pillows))


def test_colours_may_come_from_the_nearest_pixel() -> None:
    frame = numbered(4, 6)

    assert_array_equal(resize(frame, (2, 3), Resampling.NEAREST).rgb, frame.rgb[1::2, 1::2])


def test_averaged_normals_have_unit_length_and_unknown_ones_do_not_count() -> None:
    normals = np.zeros((4, 8, 3), np.float32)
    normals[:, :4] = [0.6, 0, 0.8]
    normals[:2, 2:4] = 0  # not known
    normals[:, 4:6] = [0, 0, 1]

    small = resize(numbered(4, 8, normals), (2, 4)).normals

    assert small is not None
    assert_allclose(np.linalg.norm(small, axis=-1), [[1, 0, 1, 0], [1, 1, 1, 0]], atol=1e-6)
    assert_allclose(small[:, 0], [[0.6, 0, 0.8]] * 2, atol=1e-6)
    assert 0 < small[1, 2, 0] < small[1, 1, 0] < 0.6  # blended where they meet


def test_opposite_normals_make_none() -> None:
    normals = np.zeros((2, 2, 3), np.float32)
    normals[..., 2] = [[1, -1], [-1, 1]]

    assert_array_equal(resize(numbered(2, 2, normals), (1, 1)).normals, [[[0, 0, 0]]])


def test_normals_keep_their_place_and_order() -> None:
    normals = np.zeros((4, 4, 3), np.float32)
    normals[:2, :2, 0] = normals[:2, 2:, 1] = normals[2:, :, 2] = 1

    large = resize(numbered(4, 4, normals), (8, 8)).normals

    assert large is not None
    assert_array_equal(large[0, 0], [1, 0, 0])
    assert_array_equal(large[0, 7], [0, 1, 0])
    assert_array_equal(large[7, 3], [0, 0, 1])


def test_kittis_crop_keeps_the_bottom_and_the_middle() -> None:
    frame = numbered(375, 1242)

    part = crop_bottom(frame, (352, 1216))

    assert part.size == (352, 1216)
    assert part.depth[0, 0] == 23 * 1242 + 13
    assert part.depth[-1, -1] == 374 * 1242 + 13 + 1215
    assert_array_equal(part.rgb[0, 0], frame.rgb[23, 13])


@pytest.mark.parametrize(("width", "left"), [(4, 0), (5, 0), (6, 1), (7, 1)])
def test_an_odd_pixel_stays_out_on_the_right(width: int, left: int) -> None:
    assert crop_bottom(numbered(1, width), (1, 4)).depth[0, 0] == left


def test_a_crop_takes_the_normals_along(picture: Callable[..., NDArray[np.uint8]]) -> None:
    normals = picture(5, 7).astype(np.float32)

    part = crop_bottom(numbered(5, 7, normals), (3, 3))

    assert_array_equal(part.normals, normals[2:, 2:5])
