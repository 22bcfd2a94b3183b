from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import MarigoldNormalsPipeline

from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.errors import ImageError
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.normals import merge_normals, to_unit_length
from marigold_cli.inference.options import Reduction, Resample
from marigold_cli.inference.predict import noise_stream, predict
from marigold_cli.inference.reading import NormalsCode, Reading
from marigold_cli.inference.restoring import restore


@pytest.fixture(scope="module", params=[True, False], ids=["full-z", "half-z"])
def pair(request, pipelines, models):
    """diffusers' pipeline for normals and our model, around the same networks."""
    depth, ours = pipelines["trailing"], models["trailing"]
    pipeline = MarigoldNormalsPipeline(
        depth.unet,
        depth.vae,
        depth.scheduler,
        depth.text_encoder,
        depth.tokenizer,
        prediction_type="normals",
        use_full_z_range=request.param,
    )
    pipeline.set_progress_bar_config(disable=True)
    model = DepthModel(
        ours.vae,
        ours.unet,
        ours.scheduler,
        ours.empty_text,
        Reading(DepthKind.NORMALS, normals=NormalsCode(has_full_z=request.param)),
    )
    return pipeline, model


@pytest.mark.parametrize("size", [(40, 56), (61, 83), (24, 90)])
def test_one_member_equals_diffusers(size, pair, make_photo, recipe) -> None:
    pipeline, model = pair
    photo = make_photo(*size)
    theirs = pipeline(
        photo.pixels,
        num_inference_steps=2,
        processing_resolution=48,
        generator=noise_stream(recipe.seed, photo.digest, member=0),
    ).prediction[0]

    (normals,) = predict(model, [photo], recipe)

    restored = restore(normals, photo.size, recipe.resample)
    assert theirs.std() > 0.1
    assert np.abs(restored.values - theirs).max() < 1e-4
    assert restored.kind is DepthKind.NORMALS
    assert restored.uncertainty is None


@pytest.mark.parametrize(("reduction", "name"), [("median", "closest"), ("mean", "mean")])
def test_an_ensemble_equals_diffusers(reduction, name, pair, make_photo, recipe) -> None:
    pipeline, model = pair
    photo = make_photo(40, 56)
    streams = [noise_stream(recipe.seed, photo.digest, member) for member in range(4)]
    theirs = pipeline(
        photo.pixels,
        num_inference_steps=2,
        processing_resolution=48,
        ensemble_size=4,
        ensembling_kwargs={"reduction": name},
        output_uncertainty=True,
        generator=streams,
    )
    recipe = replace(recipe, ensemble=4, reduction=Reduction(reduction))

    (normals,) = predict(model, [photo], recipe, batch_size=4)

    restored = restore(normals, photo.size, recipe.resample)
    assert theirs.uncertainty.max() > 0.01
    assert np.abs(restored.values - theirs.prediction[0]).max() < 1e-4
    assert np.abs(restored.uncertainty - theirs.uncertainty[0, :, :, 0]).max() < 1e-4


def test_end_to_end_normals_are_read_mirrored_and_before_they_are_cut(
    pair,
) -> None:
    _, model = pair
    vae = copy.deepcopy(model.vae)
    with torch.no_grad():
        vae.decoder.conv_out.weight *= 4  # beyond 1, where cutting changes directions
    code = NormalsCode(is_clipped=False, has_x_left=True)
    e2e = DepthModel(
        vae,
        model.unet,
        model.scheduler,
        model.empty_text,
        Reading(DepthKind.NORMALS, normals=code),
    )
    latent = torch.randn(1, 4, 5, 7, generator=torch.Generator().manual_seed(1))

    normals = e2e.decode(latent)[0]

    with torch.no_grad():
        decoded = vae.decode(latent / vae.config.scaling_factor).sample[0]
    assert decoded.abs().max() > 1.5
    expected = decoded / decoded.norm(dim=0) * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    assert torch.allclose(normals, expected, atol=1e-5)


def random_normals(*shape: int, seed: int = 0):
    values = np.random.default_rng(seed).standard_normal((*shape[:-3], *shape[-3:]))
    lengths = np.linalg.norm(values, axis=-3, keepdims=True)
    return (values / lengths).astype(np.float32)


def test_the_member_closest_to_the_mean_is_taken_of_each_pixel() -> None:
    members = random_normals(5, 3, 6, 7)
    mean = members.mean(axis=0)
    angles = np.arccos(np.clip((members * mean / np.linalg.norm(mean, axis=0)).sum(axis=1), -1, 1))

    merged = merge_normals(members, Reduction.MEDIAN)

    for row, column in np.ndindex(6, 7):
        closest = members[angles[:, row, column].argmin(), :, row, column]
        assert np.array_equal(merged.normals[:, row, column], closest)
    assert np.abs(merged.spread - angles.mean(axis=0) / np.pi).max() < 1e-6


def test_what_has_no_direction_stays_zero() -> None:
    assert np.array_equal(to_unit_length(np.zeros((3, 2), np.float32)), np.zeros((3, 2)))


@pytest.mark.parametrize("resample", Resample)
def test_restored_normals_have_length_one(resample) -> None:
    values = np.moveaxis(random_normals(3, 12, 16), 0, -1)
    spread = np.random.default_rng(0).random((12, 16)).astype(np.float32)
    normals = DepthMap(values, DepthKind.NORMALS, uncertainty=spread)

    restored = restore(normals, (31, 45), resample)

    assert restored.shape == (31, 45)
    assert np.abs(np.linalg.norm(restored.values, axis=-1) - 1).max() < 1e-5
    assert restored.values.min() < -0.5  # directions are not cut to [0, 1]
    assert restored.uncertainty.shape == (31, 45)


def test_normals_have_no_near_end_and_cannot_be_inverted() -> None:
    normals = DepthMap(np.zeros((2, 2, 3), np.float32), DepthKind.NORMALS)

    assert normals.near_is is None
    with pytest.raises(ValueError, match="cannot be inverted"):
        normals.invert()


def test_a_network_that_overflows_is_a_named_failure(pair, make_photo, recipe) -> None:
    _, plain = pair
    text = torch.full_like(plain.empty_text, torch.nan)
    broken = DepthModel(plain.vae, plain.unet, plain.scheduler, text, plain.reading)

    with pytest.raises(ImageError, match="no usable values"):
        predict(broken, [make_photo()], recipe)
