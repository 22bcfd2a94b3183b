from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, MarigoldDepthPipeline

from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.predict import noise_stream, predict


@pytest.fixture(scope="module")
def small_vae() -> AutoencoderTiny:
    torch.manual_seed(1)
    return AutoencoderTiny(
        encoder_block_out_channels=(16, 16, 16, 16),
        decoder_block_out_channels=(16, 16, 16, 16),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    ).eval()


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1


@torch.no_grad()
def test_an_image_is_encoded_by_the_posteriors_mean(models, image) -> None:
    model = models["trailing"]

    latent = model.encode_image(image)

    assert torch.equal(latent, model.vae.encode(image).latent_dist.mean * 0.18215)
    assert torch.equal(latent, model.encode_image(image))


@torch.no_grad()
def test_depth_is_encoded_as_a_grey_image(models) -> None:
    depth = torch.rand(1, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    grey = torch.cat([depth * 2 - 1] * 3, dim=1)

    latent = models["trailing"].encode_depth(depth)

    assert torch.equal(latent, models["trailing"].encode_image(grey))


@torch.no_grad()
def test_decoding_averages_the_channels_before_clipping_them(models) -> None:
    model = models["trailing"]
    latent = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(0)) * 3
    picture = model.vae.decode(latent / 0.18215).sample

    depth = model.decode_depth(latent)

    expected = (picture.numpy().mean(axis=1, keepdims=True).clip(-1, 1) + 1) / 2
    assert np.abs(depth.numpy() - expected).max() < 1e-6
    assert depth.shape == (1, 1, 32, 32)


def test_pixels_per_latent_cell_come_from_the_vae(models, small_vae) -> None:
    plain = models["trailing"]

    assert plain.multiple == 8
    assert DepthModel(small_vae, plain.unet, plain.scheduler, plain.empty_text).multiple == 8


def test_the_tiny_autoencoder_gives_what_diffusers_makes_of_it(
    models, pipelines, small_vae, make_photo, recipe
) -> None:
    parts = pipelines["trailing"].components | {"vae": small_vae, "prediction_type": "depth"}
    pipeline = MarigoldDepthPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    plain = models["trailing"]
    model = DepthModel(small_vae, plain.unet, plain.scheduler, plain.empty_text)
    photo = make_photo(45, 51)

    (depth,) = predict(model, [photo], recipe)

    reference = pipeline(
        photo.pixels,
        num_inference_steps=recipe.steps,
        processing_resolution=recipe.resolution,
        match_input_resolution=False,
        generator=noise_stream(recipe.seed, photo.digest, member=0),
    )
    assert np.abs(depth.values - reference.prediction[0, :, :, 0]).max() < 1e-4


def test_half_precision_ends_at_the_decoder(models, make_photo, recipe) -> None:
    plain = models["trailing"]
    vae, unet = copy.deepcopy(plain.vae).bfloat16(), copy.deepcopy(plain.unet).bfloat16()
    half = DepthModel(vae, unet, plain.scheduler, plain.empty_text)
    photo = make_photo()

    (coarse,) = predict(half, [photo], recipe)
    (exact,) = predict(plain, [photo], recipe)

    in_bfloat16 = torch.from_numpy(coarse.values).bfloat16().float().numpy()
    assert (coarse.values != in_bfloat16).mean() > 0.3
    assert np.abs(coarse.values - exact.values).max() < 0.05


def test_networks_of_different_precision_work_together(models, make_photo, recipe) -> None:
    plain = models["trailing"]
    unet = copy.deepcopy(plain.unet).bfloat16()
    mixed = DepthModel(plain.vae, unet, plain.scheduler, plain.empty_text)

    (depth,) = predict(mixed, [make_photo()], replace(recipe, ensemble=2), batch_size=2)

    assert np.isfinite(depth.values).all()


def test_the_shared_scheduler_survives_two_recipes(models, make_photo, recipe) -> None:
    (before,) = predict(models["lcm"], [make_photo()], replace(recipe, timesteps=None))

    predict(models["lcm"], [make_photo()], replace(recipe, timesteps=None, steps=5))
    (after,) = predict(models["lcm"], [make_photo()], replace(recipe, timesteps=None))

    assert np.array_equal(before.values, after.values)
