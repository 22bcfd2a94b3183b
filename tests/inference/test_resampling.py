from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from marigold_cli.inference.options import Resample
from marigold_cli.inference.resampling import Resizing, find_taps

MODES = {
    Resample.BILINEAR: "bilinear",
    Resample.BICUBIC: "bicubic",
    Resample.NEAREST: "nearest-exact",
}
EVERY = pytest.mark.parametrize("resample", Resample)
SIZES = [
    ((57, 76), (300, 400)),
    ((96, 128), (1001, 333)),
    ((30, 40), (30, 333)),
    ((1, 5), (200, 30)),
    ((300, 220), (137, 61)),
]


def everywhere(size: tuple[int, int]) -> tuple[slice, slice]:
    return slice(0, size[0]), slice(0, size[1])


@EVERY
@pytest.mark.parametrize(("size", "new"), SIZES)
def test_a_whole_map_is_resized_as_by_interpolate(
    size: tuple[int, int], new: tuple[int, int], resample: Resample
) -> None:
    planes = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))

    resized = Resizing.of(size, new, resample).cut(planes, *everywhere(new))

    expected = functional.interpolate(planes[None], new, mode=MODES[resample])[0]
    assert (resized - expected).abs().max() < 5e-5  # of a place, where nothing is fused
    assert (resized == expected).float().mean() > (0.7 if resample is Resample.BICUBIC else 0.99)


@EVERY
@pytest.mark.parametrize(("size", "new"), SIZES)
def test_every_part_is_to_the_bit_what_it_is_of_the_whole(
    size: tuple[int, int], new: tuple[int, int], resample: Resample
) -> None:
    planes = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    resizing = Resizing.of(size, new, resample)
    whole = resizing.cut(planes, *everywhere(new))

    for top, height, left, width in ((0, 7, 0, new[1]), (20, 1, 5, 9), (0, new[0], 7, 3)):
        rows, columns = slice(top, top + height), slice(left, left + width)
        part = resizing.cut(planes, rows, columns)

        assert torch.equal(part, whole[:, rows, columns])


@EVERY
@pytest.mark.parametrize(("size", "new"), [(5, 64), (64, 5), (9, 9), (1, 7)])
def test_weights_of_a_pixel_sum_to_one(size: int, new: int, resample: Resample) -> None:
    taps = find_taps(size, new, resample)

    assert torch.allclose(taps.weights.sum(0), torch.ones(new), atol=1e-6)
    assert (int(taps.indices.min()), int(taps.indices.max())) >= (0, 0)
    assert int(taps.indices.max()) < size
