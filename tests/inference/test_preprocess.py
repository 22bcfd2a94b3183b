from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from diffusers.pipelines.marigold.marigold_image_processing import MarigoldImageProcessor
from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.inference.options import Resample
from marigold_cli.inference.preprocess import (
    pad,
    processing_size,
    restore,
    to_model_frame,
    unpad,
)

SIDES = st.integers(1, 300)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("resample", [Resample.BILINEAR, Resample.BICUBIC])
@pytest.mark.parametrize("resolution", [0, 40, 96, 104])
def test_the_model_sees_what_diffusers_would_show_it(
    dtype, resample, resolution, make_photo
) -> None:
    photo = make_photo(67, 91, dtype=dtype)

    frame = to_model_frame(photo.pixels, processing_size(photo.size, resolution), resample)

    processor = MarigoldImageProcessor(vae_scale_factor=8)
    reference, _, _ = processor.preprocess(photo.pixels, resolution, str(resample))
    assert (pad(frame, 8) - reference.clamp(-1, 1)).abs().max() < 2e-6


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("resample", Resample)
def test_black_and_white_reach_the_ends_of_the_range(dtype, resample) -> None:
    white = 1 if dtype == "float32" else np.iinfo(dtype).max
    pixels = np.zeros((30, 40, 3), dtype)
    pixels[:, 20:] = white

    frame = to_model_frame(pixels, (12, 16), resample)

    assert (frame.min(), frame.max()) == (-1, 1)
    assert frame.dtype == torch.float32


def test_sixteen_bits_are_not_cut_to_eight() -> None:
    pixels = np.full((8, 8, 3), 0x8001, np.uint16)

    frame = to_model_frame(pixels, (8, 8), Resample.BILINEAR)

    assert frame.mean().item() == pytest.approx(0x8001 / 0xFFFF * 2 - 1, abs=1e-7)


def test_a_photo_decoded_at_half_size_is_processed_at_the_same_size(make_photo) -> None:
    full = make_photo(200, 300).pixels
    half = full.reshape(100, 2, 150, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    size = processing_size((200, 300), 48)

    frames = [to_model_frame(pixels, size, Resample.BILINEAR) for pixels in (full, half)]

    assert frames[0].shape == frames[1].shape == (1, 3, 32, 48)
    assert (frames[0] - frames[1]).abs().max() < 0.1


def test_read_only_pixels_are_fine(make_photo) -> None:
    pixels = make_photo().pixels.copy()
    pixels.flags.writeable = False

    assert to_model_frame(pixels, (20, 28), Resample.BILINEAR).shape == (1, 3, 20, 28)


@pytest.mark.parametrize(
    ("size", "resolution", "expected"),
    [
        ((3000, 4000), 768, (576, 768)),
        ((4000, 3000), 768, (768, 576)),
        ((480, 640), 768, (576, 768)),
        ((333, 500), 756, (503, 756)),  # down, as in diffusers
        ((333, 500), 0, (333, 500)),
        ((1, 5000), 768, (2, 768)),
    ],
)
def test_the_long_edge_is_the_resolution(size, resolution, expected) -> None:
    assert processing_size(size, resolution) == expected


@given(SIDES, SIDES, st.integers(1, 64))
@settings(max_examples=50, deadline=None)
def test_unpad_undoes_pad(height, width, multiple) -> None:
    image = torch.rand(1, 3, height, width)

    padded = pad(image, multiple)

    assert padded.shape[-2] % multiple == padded.shape[-1] % multiple == 0
    assert padded.shape[-2] - height < multiple
    assert padded.shape[-1] - width < multiple
    assert torch.equal(unpad(padded, (height, width)), image)


def test_padding_repeats_the_edge() -> None:
    padded = pad(torch.arange(6.0).reshape(1, 1, 2, 3), 4)

    assert padded[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]


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

    assert np.array_equal(restored.valid, (values > 0.5).repeat(2, 0).repeat(2, 1))
    assert np.abs(restored.uncertainty - restored.values / 10).max() < 1e-6
    assert (restored.kind, restored.inverted) == (depth.kind, True)


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
