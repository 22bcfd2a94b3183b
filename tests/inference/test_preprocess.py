from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.pipelines.marigold.marigold_image_processing import MarigoldImageProcessor
from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.inference.options import Resample
from marigold_cli.inference.preprocess import (
    pad,
    processing_size,
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
