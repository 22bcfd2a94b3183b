"""The embedded checkpoint: what it weighs, who can load it, and how good it is."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from diffusers import MarigoldDepthPipeline
from safetensors.torch import load_file

from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import DEFAULT_E2E, EMBEDDED, resolve
from marigold_cli.checkpoints.scores import average, read_scores
from marigold_cli.depth import Floats, Mask
from marigold_cli.files.decode import Photo
from marigold_cli.fit import fit_affine
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import PredictOptions
from marigold_cli.inference.predict import noise_stream, predict
from marigold_cli.metrics import SMALLEST_DEPTH, abs_rel
from marigold_cli.training.datasets import open_source
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import depth_image

CARD = resolve("tiny")


@pytest.fixture(scope="module")
def model() -> DepthModel:
    return load(CARD)


@pytest.fixture(scope="module")
def fast() -> DepthModel:
    """What `--fast` takes."""
    return load(resolve(DEFAULT_E2E))


@pytest.fixture(scope="module")
def pipeline() -> MarigoldDepthPipeline:
    """diffusers' pipeline from the folder as it stands."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        loaded = MarigoldDepthPipeline.from_pretrained(EMBEDDED["tiny"])
    loaded.set_progress_bar_config(disable=True)
    return loaded


def draw_scenes(source: str, count: int, size: tuple[int, int] = (144, 192)) -> Samples:
    return open_source(source, size).read(range(count))


def photos_of(scenes: Samples) -> list[Photo]:
    arrays = scenes.rgb.permute(0, 2, 3, 1).numpy()
    return [Photo(array, array.shape[:2], 1, f"{i}") for i, array in enumerate(arrays)]


def aligned_error(guess: Floats, truth: Floats, known: Mask) -> float:
    """AbsRel after the best scale and shift."""
    guess, truth = guess[known], truth[known]
    return abs_rel(np.maximum(fit_affine(guess, truth)(guess), SMALLEST_DEPTH), truth)


def mean_errors(model: DepthModel, count: int, seen: int) -> tuple[float, float]:
    """AbsRel on held-out scenes: of the model at one step, and of the mean depth of seen scenes."""
    training, held_out = draw_scenes("synthetic", seen), draw_scenes("held-out", count)
    mean_map = depth_image(training.depth, training.valid)[0].mean((0, 1)).numpy()
    options = PredictOptions(fast=True, resolution=held_out.rgb.shape[-1])
    recipe = resolve(DEFAULT_E2E).decide(options)
    depths = predict(model, photos_of(held_out), recipe)
    truths = list(zip(held_out.depth[:, 0].numpy(), held_out.valid[:, 0].numpy(), strict=True))
    ours = [aligned_error(depth.values, *one) for depth, one in zip(depths, truths, strict=True)]
    theirs = [aligned_error(mean_map, *truth) for truth in truths]
    return float(np.mean(ours)), float(np.mean(theirs))


@pytest.mark.parametrize("name", list(EMBEDDED))
def test_a_checkpoint_is_small_and_float16(name: str) -> None:
    files = [path for path in EMBEDDED[name].rglob("*") if path.is_file()]
    networks = [load_file(path) for path in files if path.name.startswith("diffusion_")]

    assert sum(path.stat().st_size for path in files) < 24e6
    assert len(networks) == 2
    assert {value.dtype for weights in networks for value in weights.values()} == {torch.float16}


def test_both_checkpoints_have_the_same_vae() -> None:
    first, second = (EMBEDDED[name] / "vae" for name in ("tiny", DEFAULT_E2E))

    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


@pytest.mark.parametrize("name", list(EMBEDDED))
def test_a_checkpoint_s_scores_are_better_than_those_of_a_guess(name: str) -> None:
    means = {mean.set: mean for mean in average(read_scores(EMBEDDED[name]))}

    assert means["photographs indoor"].count == 25
    assert means["scenes"].abs_rel < 0.4 < means["scenes"].delta1


@pytest.mark.parametrize("steps", [1, 4, 50])
def test_depth_equals_that_of_diffusers_from_the_same_noise(
    model: DepthModel, pipeline: MarigoldDepthPipeline, steps: int
) -> None:
    (photo,) = photos_of(draw_scenes("held-out", 1, (75, 100)))
    recipe = CARD.decide(PredictOptions(steps=steps, resolution=96))
    noise = torch.randn(1, 16, 9, 12, generator=noise_stream(0, photo.digest, 0))

    (ours,) = predict(model, [photo], recipe)

    theirs = pipeline(
        torch.from_numpy(photo.pixels).movedim(-1, 0)[None] / 255,
        num_inference_steps=steps,
        processing_resolution=96,
        match_input_resolution=False,
        latents=noise,
    ).prediction[0, ..., 0]
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4)


def test_held_out_scenes_are_understood_better_than_by_their_mean(fast: DepthModel) -> None:
    ours, mean_map = mean_errors(fast, count=20, seen=20)

    assert ours < 0.6 * mean_map


@pytest.mark.slow
def test_two_hundred_held_out_scenes_are_understood_twice_as_well_as_by_their_mean(
    fast: DepthModel,
) -> None:
    ours, mean_map = mean_errors(fast, count=200, seen=512)

    print(f"AbsRel {ours:.3f}, the mean depth map's {mean_map:.3f}")
    assert ours < mean_map / 2
