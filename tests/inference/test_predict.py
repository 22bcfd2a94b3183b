from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from marigold_cli.depth import DepthKind
from marigold_cli.errors import ImageError
from marigold_cli.inference.ensemble import merge
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Noise, Spacing
from marigold_cli.inference.predict import merge_members, noise_stream, predict, predict_members
from marigold_cli.inference.reading import Reading
from marigold_cli.inference.restoring import restore

SPACINGS = {"trailing": Spacing.TRAILING, "leading": Spacing.LEADING, "lcm": None}


def theirs(pipeline, photo, recipe, **choices):
    """What diffusers' pipeline makes of the photo with this recipe's noise, [H, W]."""
    result = pipeline(
        photo.pixels,
        num_inference_steps=recipe.steps,
        processing_resolution=recipe.resolution,
        generator=noise_stream(recipe.seed, photo.digest, member=0),
        **choices,
    )
    return result.prediction[0, :, :, 0]


@pytest.mark.parametrize("steps", [1, 4, 50])
@pytest.mark.parametrize("scheduler", ["trailing", "leading", "lcm"])
def test_one_member_equals_diffusers(
    scheduler, steps, models, pipelines, make_photo, recipe
) -> None:
    photo = make_photo(40, 56)
    recipe = replace(recipe, steps=steps, timesteps=SPACINGS[scheduler])

    (depth,) = predict(models[scheduler], [photo], recipe)

    reference = theirs(pipelines[scheduler], photo, recipe)
    assert reference.std() > 0.02
    assert np.abs(restore(depth, photo.size, recipe.resample).values - reference).max() < 1e-4


@pytest.mark.parametrize("size", [(61, 83), (97, 41), (24, 200), (200, 9)])
@pytest.mark.parametrize("resolution", [0, 56, 72])  # latents of odd and even sizes
def test_any_size_equals_diffusers(size, resolution, models, pipelines, make_photo, recipe) -> None:
    photo = make_photo(*size)
    recipe = replace(recipe, steps=1, resolution=resolution)

    (depth,) = predict(models["trailing"], [photo], recipe)

    reference = theirs(pipelines["trailing"], photo, recipe, match_input_resolution=False)
    assert depth.values.shape == reference.shape
    assert np.abs(depth.values - reference).max() < 1e-4


def test_given_latents_of_an_ensemble_give_diffusers_members(
    models, pipelines, make_photo, recipe
) -> None:
    photo = make_photo(48, 48)
    recipe = replace(recipe, ensemble=3)
    latents = torch.cat(
        [torch.randn(1, 4, 6, 6, generator=noise_stream(7, photo.digest, m)) for m in range(3)]
    )
    picture = Image.fromarray(photo.pixels)
    members = [
        pipelines["trailing"](
            picture, num_inference_steps=2, processing_resolution=48, latents=latent[None]
        ).prediction[0, :, :, 0]
        for latent in latents
    ]

    (depth,) = predict(models["trailing"], [photo], recipe, batch_size=3)

    merged = merge(np.stack(members), DepthKind.AFFINE_DEPTH, recipe.reduction)
    assert np.abs(depth.values - merged.depth).max() < 1e-4
    assert np.abs(depth.uncertainty - merged.spread).max() < 1e-4


def test_a_resolution_that_is_no_multiple_of_eight_is_predicted_at_that_resolution(
    models, make_photo, recipe
) -> None:
    (depth,) = predict(models["trailing"], [make_photo(30, 61)], replace(recipe, resolution=45))

    assert depth.shape == (30 * 45 // 61, 45)


@pytest.mark.parametrize("scheduler", ["trailing", "lcm"])
def test_a_result_depends_on_neither_batch_nor_neighbours_nor_order(
    scheduler, models, make_photo, recipe
) -> None:
    photos = [make_photo(40, 56, 1), make_photo(33, 56, 2), make_photo(80, 112, 3)]
    recipe = replace(recipe, ensemble=3, timesteps=SPACINGS[scheduler])
    alone = [predict(models[scheduler], [photo], recipe)[0] for photo in photos]

    together = predict(models[scheduler], photos, recipe, batch_size=4)
    backwards = predict(models[scheduler], photos[::-1], recipe, batch_size=7)[::-1]

    for one, other, another in zip(alone, together, backwards, strict=True):
        assert np.abs(one.values - other.values).max() < 1e-4
        assert np.abs(one.values - another.values).max() < 1e-4


def test_the_bytes_of_the_photo_and_the_seed_decide_the_noise(models, make_photo, recipe) -> None:
    photo = make_photo()
    model = models["trailing"]
    (first,) = predict(model, [photo], recipe)

    (again,) = predict(model, [photo], recipe)
    (other_file,) = predict(model, [replace(photo, digest="0" * 64)], recipe)
    (other_seed,) = predict(model, [photo], replace(recipe, seed=8))

    assert np.array_equal(first.values, again.values)
    assert np.abs(first.values - other_file.values).max() > 1e-3
    assert np.abs(first.values - other_seed.values).max() > 1e-3


def test_two_files_of_equal_bytes_get_equal_depth(models, make_photo, recipe) -> None:
    photo = make_photo()

    one, other = predict(models["trailing"], [photo, photo], recipe, batch_size=2)

    assert np.abs(one.values - other.values).max() < 1e-5


def test_noise_is_standard_normal_and_unrelated_between_members() -> None:
    digest = hashlib.sha256(b"a photo").hexdigest()
    draws = torch.stack(
        [torch.randn(40_000, generator=noise_stream(0, digest, member)) for member in range(6)]
    )

    assert draws.mean(dim=1).abs().max() < 5 / 200
    assert (draws.std(dim=1) - 1).abs().max() < 5 / 280
    off_diagonal = torch.corrcoef(draws) - torch.eye(6)
    assert off_diagonal.abs().max() < 5 / 200


def test_seed_digest_and_member_do_not_run_into_each_other() -> None:
    names = [(1, "23", 4), (12, "3", 4), (1, "2", 34), (1, "23", 5), (2, "23", 4)]

    seeds = {noise_stream(*name).initial_seed() for name in names}

    assert len(seeds) == len(names)


def test_zeros_as_noise_leave_nothing_to_the_seed(models, make_photo, recipe) -> None:
    recipe = replace(recipe, steps=1, noise=Noise.ZEROS)
    (first,) = predict(models["e2e"], [make_photo()], recipe)

    (second,) = predict(models["e2e"], [make_photo()], replace(recipe, seed=99))

    assert np.array_equal(first.values, second.values)


def test_one_step_from_zeros_decodes_the_clean_estimate_at_the_last_timestep(
    models, pipelines, make_photo, recipe
) -> None:
    pipeline = pipelines["e2e"]
    photo = make_photo(48, 48)
    image = torch.from_numpy(photo.pixels).permute(2, 0, 1)[None] / 255 * 2 - 1
    zeros = torch.zeros(1, 4, 6, 6)
    with torch.no_grad():
        image_latent = pipeline.vae.encode(image).latent_dist.mean * 0.18215
        text = models["e2e"].empty_text
        v = pipeline.unet(torch.cat([image_latent, zeros], 1), 999, text).sample
        clean = -((1 - pipeline.scheduler.alphas_cumprod[999]) ** 0.5) * v
        decoded = pipeline.vae.decode(clean / 0.18215).sample.mean(1)[0]

    (depth,) = predict(models["e2e"], [photo], replace(recipe, steps=1, noise=Noise.ZEROS))

    assert np.abs(depth.values - (decoded.clamp(-1, 1).numpy() + 1) / 2).max() < 1e-5


def test_a_single_prediction_is_stretched_only_where_the_model_asks_for_it(
    models, make_photo, recipe
) -> None:
    plain = models["trailing"]
    reading = Reading(rescale=True)
    stretching = DepthModel(plain.vae, plain.unet, plain.scheduler, plain.empty_text, reading)

    (as_it_is,) = predict(plain, [make_photo()], recipe)
    (stretched,) = predict(stretching, [make_photo()], recipe)

    low, high = as_it_is.values.min(), as_it_is.values.max()
    assert (low, high) != (0, 1)
    assert np.allclose(stretched.values, (as_it_is.values - low) / (high - low), atol=1e-5)


@pytest.mark.parametrize("refine", [False, True])
def test_members_made_apart_are_merged_to_what_one_call_gives(
    models, make_photo, recipe, refine
) -> None:
    model, photo = models["trailing"], make_photo()
    recipe = replace(recipe, ensemble=5, refine=refine)
    seen: list[tuple[int, int]] = []

    (whole,) = predict(model, [photo], recipe, batch_size=2)
    apart = [
        predict_members(model, photo, recipe, members, 2, lambda *steps: seen.append(steps))
        for members in (range(2), range(2, 4), range(4, 5))
    ]
    merged = merge_members(model, photo, np.concatenate(apart), recipe)

    assert np.array_equal(merged.values, whole.values)
    assert np.array_equal(merged.uncertainty, whole.uncertainty)
    assert [len(members) for members in apart] == [2, 2, 1]
    assert seen == [(2, 4), (4, 4), (2, 4), (4, 4), (1, 2), (2, 2)]


def test_progress_counts_every_step_of_every_unit(models, make_photo, recipe) -> None:
    photos = [make_photo(40, 56, 1), make_photo(40, 56, 2), make_photo(56, 40, 3)]
    seen: list[tuple[int, int]] = []

    predict(
        models["trailing"],
        photos,
        replace(recipe, ensemble=2, steps=3),
        batch_size=3,
        on_step=lambda done, total: seen.append((done, total)),
    )

    assert [done for done, _ in seen] == [3, 6, 9, 10, 11, 12, 14, 16, 18]
    assert {total for _, total in seen} == {18}


def test_the_kind_of_the_model_is_the_kind_of_the_depth(models, make_photo, recipe) -> None:
    plain = models["trailing"]
    reading = Reading(DepthKind.AFFINE_DISPARITY)
    model = DepthModel(plain.vae, plain.unet, plain.scheduler, plain.empty_text, reading)

    (depth,) = predict(model, [make_photo()], recipe)

    assert depth.kind is DepthKind.AFFINE_DISPARITY
    assert depth.values.dtype == np.float32
    assert depth.uncertainty is None


@pytest.mark.parametrize("ensemble", [1, 2])
def test_a_network_that_overflows_is_a_named_failure(models, make_photo, recipe, ensemble) -> None:
    plain = models["trailing"]
    broken = DepthModel(
        plain.vae, plain.unet, plain.scheduler, torch.full_like(plain.empty_text, torch.nan)
    )

    with pytest.raises(ImageError) as caught:
        predict(broken, [make_photo()], replace(recipe, ensemble=ensemble))

    assert caught.value.kind == "not-finite"
