from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, MarigoldIntrinsicsPipeline

from marigold_cli.depth import DepthKind, DepthMap, Intrinsic, Modality
from marigold_cli.errors import ImageError
from marigold_cli.inference.ensemble import merge
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Reduction, Resample
from marigold_cli.inference.predict import noise_stream, predict
from marigold_cli.inference.reading import Reading
from marigold_cli.inference.restoring import restore

NAMES = {2: ("albedo", "material"), 3: ("albedo", "shading", "residual")}


@pytest.fixture(scope="module", params=NAMES, ids=["appearance", "lighting"])
def pair(request, pipelines, models, make_unet):
    """diffusers' pipeline for intrinsic images and our model, around the same networks."""
    depth, ours = pipelines["trailing"], models["trailing"]
    torch.manual_seed(request.param)
    unet, names = make_unet(request.param), NAMES[request.param]
    pipeline = MarigoldIntrinsicsPipeline(
        unet,
        depth.vae,
        depth.scheduler,
        depth.text_encoder,
        depth.tokenizer,
        prediction_type="intrinsics",
        target_properties={"target_names": list(names)},
    )
    pipeline.set_progress_bar_config(disable=True)
    reading = Reading(DepthKind.INTRINSICS, intrinsics=tuple(map(Intrinsic, names)))
    return pipeline, DepthModel(ours.vae, unet, ours.scheduler, ours.empty_text, reading)


def side_by_side(theirs):
    """[N, H, W, 3] -> [H, W, 3 N]."""
    return np.concatenate(list(theirs), axis=-1)


@pytest.mark.parametrize("size", [(40, 56), (61, 83)])
@pytest.mark.parametrize("steps", [1, 4])
def test_one_member_equals_diffusers(size, steps, pair, make_photo, recipe) -> None:
    pipeline, model = pair
    photo = make_photo(*size)
    theirs = pipeline(
        photo.pixels,
        num_inference_steps=steps,
        processing_resolution=48,
        generator=noise_stream(recipe.seed, photo.digest, member=0),
    ).prediction

    (images,) = predict(model, [photo], replace(recipe, steps=steps))

    restored = restore(images, photo.size, recipe.resample)
    assert theirs.std() > 0.01
    assert np.abs(restored.values - side_by_side(theirs)).max() < 1e-4
    assert restored.kind.modality is Modality.IID
    assert restored.uncertainty is None
    assert restored.intrinsics == model.reading.intrinsics


@pytest.mark.parametrize("reduction", Reduction)
def test_an_ensemble_equals_diffusers(reduction, pair, make_photo, recipe) -> None:
    pipeline, model = pair
    photo = make_photo(40, 56)
    theirs = pipeline(
        photo.pixels,
        num_inference_steps=1,
        processing_resolution=48,
        ensemble_size=3,
        batch_size=3,
        ensembling_kwargs={"reduction": reduction.value},
        output_uncertainty=True,
        generator=[noise_stream(recipe.seed, photo.digest, member) for member in range(3)],
    )
    recipe = replace(recipe, steps=1, ensemble=3, reduction=reduction)

    (images,) = predict(model, [photo], recipe, batch_size=2)

    restored = restore(images, photo.size, recipe.resample)
    assert theirs.uncertainty.max() > 0.001
    assert np.abs(restored.values - side_by_side(theirs.prediction)).max() < 1e-4
    assert np.abs(restored.uncertainty - side_by_side(theirs.uncertainty)).max() < 1e-4


def test_steps_that_mix_in_noise_draw_it_for_every_image(pair, make_photo, recipe) -> None:
    _, model = pair
    photo = make_photo(40, 56)
    scheduler = LCMScheduler.from_config(model.scheduler.config)
    quick = DepthModel(model.vae, model.unet, scheduler, model.empty_text, model.reading)
    recipe = replace(recipe, steps=2, timesteps=None)

    (images,) = predict(quick, [photo], recipe)

    assert images.values.shape == (*images.shape, 3 * len(model.reading.intrinsics))


def test_members_are_merged_channel_by_channel_without_a_common_range() -> None:
    members = np.random.default_rng(0).random((4, 6, 5, 7)).astype(np.float32) * 0.5 + 0.2

    merged = merge(members, DepthKind.INTRINSICS, Reduction.MEDIAN)

    assert np.abs(merged.depth - np.median(members, axis=0)).max() < 1e-6
    assert merged.depth.min() > 0.2


def test_one_image_is_taken_out_with_its_own_spread() -> None:
    values = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    both = DepthMap(
        values,
        DepthKind.INTRINSICS,
        uncertainty=values / 2,
        intrinsics=(Intrinsic("albedo"), Intrinsic("shading")),
    )

    shading = both.only("shading")

    assert np.array_equal(shading.values, values[..., 3:])
    assert np.array_equal(shading.uncertainty, values[..., 3:] / 2)
    assert shading.intrinsics == (Intrinsic("shading"),)
    assert both.only("") is both


@pytest.mark.parametrize("resample", Resample)
def test_restored_images_stay_within_their_range(resample) -> None:
    values = np.random.default_rng(0).integers(0, 2, (12, 16, 6)).astype(np.float32)
    images = DepthMap(values, DepthKind.INTRINSICS, uncertainty=values)

    restored = restore(images, (31, 45), resample)

    assert restored.values.shape == restored.uncertainty.shape == (31, 45, 6)
    assert (restored.values.min(), restored.values.max()) == (0, 1)


def test_a_network_that_overflows_is_a_named_failure(pair, make_photo, recipe) -> None:
    _, plain = pair
    text = torch.full_like(plain.empty_text, torch.nan)
    broken = DepthModel(plain.vae, plain.unet, plain.scheduler, text, plain.reading)

    with pytest.raises(ImageError, match="no usable values"):
        predict(broken, [make_photo()], recipe)
