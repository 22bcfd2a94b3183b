from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, MarigoldIntrinsicsPipeline, UNet2DConditionModel
from PIL import Image

from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.predictor import open_predictor
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.depth import DepthKind, Intrinsic, Modality, Space
from marigold_cli.errors import ModelError
from marigold_cli.files.decode import Photo
from marigold_cli.inference.options import PredictOptions
from marigold_cli.inference.predict import noise_stream

INDEX = "model_index.json"
APPEARANCE, LIGHTING = (f"prs-eth/marigold-iid-{name}-v1-1" for name in ("appearance", "lighting"))
PROPERTIES: dict[str, dict[str, Any]] = {  # as the published checkpoints have them
    APPEARANCE: {
        "target_names": ["albedo", "material"],
        "albedo": {"prediction_space": "srgb"},
        "material": {
            "prediction_space": "stack",
            "sub_target_names": ["roughness", "metallicity", None],
        },
        "roughness": {"prediction_space": "linear", "up_to_scale": False},
        "metallicity": {"prediction_space": "linear", "up_to_scale": False},
    },
    LIGHTING: {
        "target_names": ["albedo", "shading", "residual"],
        "albedo": {"prediction_space": "linear", "up_to_scale": False},
        "shading": {"prediction_space": "linear", "up_to_scale": True},
        "residual": {"prediction_space": "linear", "up_to_scale": True},
    },
}
SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "trailing",
    "rescale_betas_zero_snr": True,
}
STACK = ("roughness", "metallicity", None)
EXPECTED = {
    APPEARANCE: (Intrinsic("albedo"), Intrinsic("material", Space.STACK, channels=STACK)),
    LIGHTING: (
        Intrinsic("albedo", Space.LINEAR),
        Intrinsic("shading", Space.LINEAR, is_up_to_scale=True),
        Intrinsic("residual", Space.LINEAR, is_up_to_scale=True),
    ),
}


@pytest.fixture(scope="session")
def decompositions(forge: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small checkpoints that diffusers itself wrote in the layout of the published ones."""
    folder, written = tmp_path_factory.mktemp("intrinsics"), {}
    torch.manual_seed(0)
    for name, properties in PROPERTIES.items():
        count = len(properties["target_names"])
        channels = {"in_channels": 4 + 4 * count, "out_channels": 4 * count}
        pipeline = MarigoldIntrinsicsPipeline(
            UNet2DConditionModel.from_config({**forge.unet.config, **channels}),
            forge.vae,
            DDIMScheduler(**SCHEDULER),
            forge.text_encoder,
            forge.tokenizer,
            prediction_type="intrinsics",
            target_properties=properties,
            default_denoising_steps=4,
            default_processing_resolution=768,
        )
        written[name] = folder / name.rpartition("/")[2]
        pipeline.save_pretrained(written[name])
    return written


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_published_layout_is_read_with_its_images_and_their_spaces(
    name: str, decompositions: dict[str, Path]
) -> None:
    card = resolve(str(decompositions[name]))

    assert card.intrinsics == EXPECTED[name]
    assert (card.kind, card.steps, card.resolution) == (DepthKind.INTRINSICS, 4, 768)


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("steps", [1, 4])
def test_a_loaded_checkpoint_gives_what_diffusers_gives(
    name: str, steps: int, decompositions: dict[str, Path], photo: Photo
) -> None:
    pipeline = MarigoldIntrinsicsPipeline.from_pretrained(decompositions[name])
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        Image.fromarray(photo.pixels),
        num_inference_steps=steps,
        processing_resolution=0,
        generator=noise_stream(0, photo.digest, member=0),
    ).prediction
    card = resolve(str(decompositions[name]))
    recipe = card.decide(PredictOptions(steps=steps, resolution=0))

    (images,) = open_predictor(card, recipe, "cpu", "float32").predict([photo], lambda *_: None)

    assert theirs.std() > 0.01
    assert np.abs(images.values - np.concatenate(list(theirs), axis=-1)).max() < 1e-4
    assert images.intrinsics == EXPECTED[name]


def test_without_a_name_the_one_at_hand_is_taken(
    cache: Callable[..., Path], decompositions: dict[str, Path]
) -> None:
    with pytest.raises(ModelError, match=f"marigold models pull {APPEARANCE}"):
        resolve(None, modality=Modality.IID)

    cache(LIGHTING, decompositions[LIGHTING])
    first = resolve(None, modality=Modality.IID).name
    cache(APPEARANCE, decompositions[APPEARANCE])
    second = resolve(None, modality=Modality.IID).name

    assert (first, second) == (LIGHTING, APPEARANCE)
    assert resolve("marigold-iid-lighting", modality=Modality.IID).name == LIGHTING
    with pytest.raises(ModelError, match="it estimates iid, not depth"):
        resolve(LIGHTING, modality=Modality.DEPTH)


@pytest.fixture
def altered(decompositions: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy with other properties."""

    def alter(properties: object) -> Path:
        source, folder = decompositions[LIGHTING], tmp_path / "altered"
        shutil.copytree(source, folder)
        index = json.loads((folder / INDEX).read_text())
        (folder / INDEX).write_text(json.dumps({**index, "target_properties": properties}))
        return folder

    return alter


def test_images_without_properties_are_pictures_and_stacks_are_known_by_their_names(
    altered: Callable[..., Path],
) -> None:
    names = ["albedo", "material", "normal"]
    stack = {"sub_target_names": list(STACK)}

    card = resolve(str(altered({"target_names": names, "material": stack})))

    assert [one.space for one in card.intrinsics] == [Space.SRGB, Space.STACK, Space.SRGB]
    assert card.intrinsics[1].channels == STACK


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (None, "names no intrinsic images"),
        ({"target_names": []}, "names no intrinsic images"),
        ({"target_names": ["a/../../b", "b", "c"]}, "refused as unsafe"),
        ({"target_names": ["a_uncertainty", "b", "c"]}, "refused as unsafe"),
        ({"target_names": ["a", 7, "c"]}, "refused as unsafe"),
        ({"target_names": ["a", "b", "A"]}, "names an image twice"),
        ({"target_names": ["a"] * 17}, "refused as damaged"),
        ({"target_names": ["a", "b"]}, "takes 16 channels where Marigold's takes 3 x 4"),
        ({"target_names": ["a", "b", "c"], "b": {"prediction_space": "hsv"}}, "unknown .* 'hsv'"),
        ({"target_names": ["a", "b", "c"], "b": {"sub_target_names": ["x"]}}, "are not 3 maps"),
    ],
)
def test_what_cannot_be_read_is_refused(
    altered: Callable[..., Path], properties: object, message: str
) -> None:
    folder = altered(properties)

    with pytest.raises(ModelError, match=message):
        resolve(str(folder))


def test_a_network_that_gives_too_few_latents_is_refused(
    decompositions: dict[str, Path], altered: Callable[..., Path], edit: Callable[..., None]
) -> None:
    folder = altered(PROPERTIES[LIGHTING])
    edit(folder / "unet/config.json", {"out_channels": 4})

    with pytest.raises(ModelError, match="gives 4 channels where Marigold's gives 3 x 4"):
        resolve(str(folder))


def test_the_model_knows_how_many_latents_it_denoises(decompositions: dict[str, Path]) -> None:
    assert load(resolve(str(decompositions[LIGHTING]))).channels == 12
