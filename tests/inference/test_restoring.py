from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.pipelines.marigold.marigold_image_processing import MarigoldImageProcessor
from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.inference.options import Resample
from marigold_cli.inference.preprocess import processing_size, to_model_frame
from marigold_cli.inference.restoring import Restored, restore

SIDES = st.integers(1, 300)


@given(SIDES, SIDES, st.integers(8, 200), st.sampled_from(Resample))
@settings(max_examples=40, deadline=None)
def test_a_flat_photo_stays_flat_there_and_back(height, width, resolution, resample) -> None:
    pixels = np.full((height, width, 3), 51, np.uint8)
    size = processing_size((height, width), resolution)

    frame = to_model_frame(pixels, size, resample)
    depth = DepthMap((frame[0, 0].numpy() + 1) / 2)
    restored = restore(depth, (height, width), resample)

    assert restored.shape == (height, width)
    assert np.abs(restored.values - 0.2).max() < 1e-5


def test_a_smooth_depth_survives_the_way_there_and_back() -> None:
    y, x = np.mgrid[0:240, 0:320] / 320
    smooth = np.repeat((0.5 + 0.3 * np.sin(4 * x + 2 * y))[..., None], 3, 2).astype(np.float32)

    frame = to_model_frame(smooth, (72, 96), Resample.BILINEAR)
    restored = restore(DepthMap((frame[0, 0].numpy() + 1) / 2), (240, 320), Resample.BILINEAR)

    assert np.abs(restored.values - smooth[..., 0]).max() < 0.01


@pytest.mark.parametrize("size", [(97, 131), (20, 20), (48, 64)])
def test_restoring_equals_diffusers(size) -> None:
    values = np.random.default_rng(0).random((48, 64), dtype=np.float32)

    restored = restore(DepthMap(values), size, Resample.BILINEAR)

    reference = MarigoldImageProcessor.resize_antialias(
        torch.from_numpy(values)[None, None], size, "bilinear", is_aa=False
    )
    assert np.abs(restored.values - reference[0, 0].numpy()).max() < 1e-6


def test_restoring_by_nearest_repeats_pixels_without_a_shift() -> None:
    values = np.random.default_rng(0).random((5, 7), dtype=np.float32)

    restored = restore(DepthMap(values), (15, 21), Resample.NEAREST)

    assert np.array_equal(restored.values, values.repeat(3, axis=0).repeat(3, axis=1))


def test_nearest_favours_no_side() -> None:
    values = np.random.default_rng(0).random((5, 7), dtype=np.float32)

    restored = restore(DepthMap(values), (8, 11), Resample.NEAREST)
    turned = restore(DepthMap(values[::-1, ::-1]), (8, 11), Resample.NEAREST)

    assert np.array_equal(restored.values, turned.values[::-1, ::-1])


def test_bicubic_overshoot_is_cut_off_in_affine_depth_only() -> None:
    step = np.zeros((8, 8), np.float32)
    step[:, 4:] = 1

    affine = restore(DepthMap(step), (31, 31), Resample.BICUBIC)
    metric = restore(DepthMap(step * 9, DepthKind.METRIC), (31, 31), Resample.BICUBIC)

    assert (affine.values.min(), affine.values.max()) == (0, 1)
    assert metric.values.min() == 0
    assert metric.values.max() > 9


def test_everything_that_belongs_to_the_depth_is_restored_with_it() -> None:
    values = np.random.default_rng(0).random((6, 8), dtype=np.float32)
    depth = DepthMap(values, DepthKind.AFFINE_DISPARITY, values > 0.5, values / 10, inverted=True)

    restored = restore(depth, (12, 16), Resample.BILINEAR)

    nearest = (values > 0.5).repeat(2, 0).repeat(2, 1)
    assert restored.valid is not None
    assert restored.valid.any()
    assert nearest[restored.valid].all()
    assert np.abs(restored.uncertainty - restored.values / 10).max() < 1e-6
    assert (restored.kind, restored.inverted) == (depth.kind, True)


@pytest.mark.parametrize("resample", Resample)
@pytest.mark.parametrize("size", [(31, 45), (9, 7)])
def test_what_a_hole_hides_has_no_part_in_what_is_known_beside_it(
    resample: Resample, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    values, valid = rng.random((12, 16), np.float32), np.ones((12, 16), bool)
    valid[4:7, 5:9] = valid[0, 0] = False
    restored = [
        restore(DepthMap(np.where(valid, values, hidden), valid=valid), size, resample)
        for hidden in (np.float32(0), np.float32(1))
    ]

    known = restored[0].valid

    assert known is not None
    assert 0 < known.mean() < 1
    assert np.abs(restored[0].values - restored[1].values)[known].max() < 1e-3


def test_restoring_to_the_same_size_changes_nothing() -> None:
    depth = DepthMap(np.random.default_rng(0).random((6, 8), dtype=np.float32))

    assert restore(depth, (6, 8), Resample.BICUBIC) is depth


def test_threads_may_restore_read_only_depth_side_by_side() -> None:
    values = np.random.default_rng(0).random((48, 64), dtype=np.float32)
    values.flags.writeable = False
    sizes = [(100 + k, 130 + k) for k in range(12)]
    one_by_one = [restore(DepthMap(values), size, Resample.BILINEAR) for size in sizes]

    with ThreadPoolExecutor(4) as pool:
        side_by_side = list(
            pool.map(lambda size: restore(DepthMap(values), size, Resample.BILINEAR), sizes)
        )

    for one, other in zip(one_by_one, side_by_side, strict=True):
        assert np.array_equal(one.values, other.values)


@pytest.mark.parametrize("resample", Resample)
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
