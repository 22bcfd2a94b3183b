from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.inference.options import Resample
from marigold_cli.inference.preprocess import Restored, restore
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


@EVERY
@pytest.mark.parametrize(
    "kind", [DepthKind.AFFINE_DEPTH, DepthKind.METRIC, DepthKind.NORMALS, DepthKind.INTRINSICS]
)
def test_parts_of_a_restored_map_are_the_whole_in_pieces(
    kind: DepthKind, resample: Resample
) -> None:
    rng = np.random.default_rng(0)
    channels = {DepthKind.NORMALS: (3,), DepthKind.INTRINSICS: (6,)}.get(kind, ())
    values = rng.standard_normal((30, 40, *channels)).astype(np.float32)
    depth = DepthMap(values, kind, valid=rng.random((30, 40)) > 0.2, uncertainty=3 * np.abs(values))
    if kind is DepthKind.NORMALS:
        depth = replace(depth, uncertainty=rng.random((30, 40), np.float32))

    restored, whole = Restored(depth, (91, 77), resample), restore(depth, (91, 77), resample)
    parts = [restored.cut(slice(y, y + 7), slice(0, 77)) for y in range(0, 91, 7)]
    spreads = [restored.spread().cut(slice(0, 91), slice(x, x + 7)) for x in range(0, 77, 7)]

    assert np.array_equal(np.concatenate([part.values for part in parts]), whole.values)
    assert np.array_equal(np.concatenate([part.valid for part in parts]), whole.valid)
    spread = np.concatenate([part.values for part in spreads], axis=1)
    assert np.array_equal(spread, whole.uncertainty)
    if not channels:
        assert whole.values.max() <= 1 or kind is DepthKind.METRIC
        assert spread.max() > 1  # a spread has no ceiling


def test_a_spread_smaller_than_its_depth_is_brought_to_the_same_size() -> None:
    rng = np.random.default_rng(0)
    depth = DepthMap(rng.random((40, 60), np.float32), uncertainty=rng.random((8, 12), np.float32))

    restored = restore(depth, (40, 60), Resample.BILINEAR)

    assert np.array_equal(restored.values, depth.values)
    assert restored.uncertainty is not None
    assert restored.uncertainty.shape == (40, 60)
