from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    LCMScheduler,
    MarigoldDepthPipeline,
)
from PIL import Image
from safetensors.torch import load_file, save_file

from marigold_cli.checkpoints import resolve as room
from marigold_cli.checkpoints.card import Card
from marigold_cli.checkpoints.load import load, move
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.errors import DeviceError, ModelError
from marigold_cli.files.decode import Photo
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import PredictOptions
from marigold_cli.inference.predict import noise_stream, predict

WEIGHTS = "diffusion_pytorch_model.safetensors"

Write = Callable[..., Path]
Edit = Callable[[Path, dict[str, object]], None]


def weights_of(model: DepthModel) -> dict[str, torch.Tensor]:
    parts = {"vae": model.vae, "unet": model.unet}
    return {
        f"{part}.{name}": w for part, net in parts.items() for name, w in net.state_dict().items()
    }


def same_weights(one: DepthModel, other: DepthModel) -> bool:
    ours, theirs = weights_of(one), weights_of(other)
    return ours.keys() == theirs.keys() and all(ours[k].equal(theirs[k]) for k in ours)


@pytest.mark.parametrize("layout", ["v1-1", "v1-0", "lcm"])
def test_depth_is_what_diffusers_makes_of_the_same_folder(
    published: dict[str, Path], photo: Photo, layout: str
) -> None:
    folder = published[layout]
    theirs = MarigoldDepthPipeline.from_pretrained(folder)
    theirs.set_progress_bar_config(disable=True)
    card = resolve(str(folder))
    recipe = card.decide(PredictOptions(resolution=0))  # 4, 10 and 1 step
    noise = torch.randn(1, 4, 24, 32, generator=noise_stream(0, photo.digest, 0))

    [depth] = predict(load(card), [photo], recipe)
    image = Image.fromarray(photo.pixels)
    reference = theirs(image, processing_resolution=0, latents=noise)

    assert np.abs(depth.values - reference.prediction[0, ..., 0]).max() < 1e-5


def test_the_empty_prompt_is_what_diffusers_sends(whole: Path, photo: Photo) -> None:
    theirs = MarigoldDepthPipeline.from_pretrained(whole)
    theirs.set_progress_bar_config(disable=True)
    theirs(Image.fromarray(photo.pixels), num_inference_steps=1, processing_resolution=0)

    model = load(resolve(str(whole)))

    assert model.empty_text.shape == (1, 2, 16)
    assert torch.equal(model.empty_text, theirs.empty_text_embedding)


def test_the_end_to_end_model_loads_with_its_own_schedule(published: dict[str, Path]) -> None:
    model = load(resolve(str(published["e2e"])))

    assert model.reading.rescale
    assert isinstance(model.scheduler, DDIMScheduler)
    assert not model.scheduler.config.rescale_betas_zero_snr
    assert model.scheduler.config.timestep_spacing == "trailing"


def test_the_consistency_model_loads_with_its_own_scheduler(published: dict[str, Path]) -> None:
    model = load(resolve(str(published["lcm"])))

    assert isinstance(model.scheduler, LCMScheduler)


def test_a_model_loads_from_the_hubs_cache_without_the_network(
    cache: Callable[..., Path], whole: Path
) -> None:
    cache("prs-eth/marigold-depth-v1-1", whole)

    model = load(resolve("prs-eth/marigold-depth-v1-1"))

    assert same_weights(model, load(resolve(str(whole))))


def test_a_model_is_ready_to_predict_and_not_to_learn(whole: Path) -> None:
    model = load(resolve(str(whole)))

    assert not model.vae.training
    assert not model.unet.training
    assert not any(weight.requires_grad for weight in model.unet.parameters())


def test_loading_says_nothing(
    whole: Path, tiny_vae: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    load(resolve(str(whole)), vae=str(tiny_vae))

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_sharded_weights_are_put_together(
    write: Write, whole: Path, tmp_path: Path, variant: str | None
) -> None:
    folder = write(tmp_path / "sharded", max_shard_size="20KB", variant=variant)

    model = load(resolve(str(folder)))

    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    assert same_weights(model, load(resolve(str(whole))))


def test_the_half_precision_twin_is_taken_for_half_precision(two_precisions: Card) -> None:
    half = load(two_precisions, dtype=torch.float16)
    full = load(two_precisions)

    # The twin's bias is 2 and the plain file's is 1, so that it shows which one was read.
    assert half.unet.conv_in.bias.unique().tolist() == [2]
    assert full.unet.conv_in.bias.unique().tolist() == [1]


@pytest.fixture
def two_precisions(folder: Path) -> Card:
    path = folder / "unet" / WEIGHTS
    weights = load_file(path)
    weights["conv_in.bias"] = torch.full_like(weights["conv_in.bias"], 1)
    save_file(weights, path)
    weights["conv_in.bias"] = torch.full_like(weights["conv_in.bias"], 2)
    halves = {name: weight.half() for name, weight in weights.items()}
    save_file(halves, path.with_name("diffusion_pytorch_model.fp16.safetensors"))
    return resolve(str(folder))


def test_a_folder_with_half_precision_alone_serves_full_precision_too(
    write: Write, whole: Path, tmp_path: Path
) -> None:
    folder = write(tmp_path / "half", variant="fp16")

    model = load(resolve(str(folder)))

    assert not (folder / "unet" / WEIGHTS).exists()
    assert model.unet.dtype is torch.float32
    assert same_weights(model, load(resolve(str(whole))))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_networks_have_the_precision_that_was_asked_for(
    whole: Path, dtype: torch.dtype
) -> None:
    model = load(resolve(str(whole)), dtype=dtype)

    fine = torch.float32 if dtype is torch.bfloat16 else dtype  # its 8 bits would make bands
    assert (model.vae.dtype, model.unet.dtype, model.empty_text.dtype) == (fine, dtype, dtype)


def test_another_vae_takes_the_place_of_the_checkpoints_own(
    whole: Path, tiny_vae: Path, photo: Photo
) -> None:
    card = resolve(str(whole))
    recipe = card.decide(PredictOptions(steps=1, resolution=0))
    theirs = MarigoldDepthPipeline.from_pretrained(
        whole, vae=AutoencoderTiny.from_pretrained(tiny_vae)
    )
    theirs.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 4, 24, 32, generator=noise_stream(0, photo.digest, 0))

    model = load(card, vae=str(tiny_vae))
    [depth] = predict(model, [photo], recipe)
    image = Image.fromarray(photo.pixels)
    reference = theirs(image, num_inference_steps=1, processing_resolution=0, latents=noise)

    assert isinstance(model.vae, AutoencoderTiny)
    assert np.abs(depth.values - reference.prediction[0, ..., 0]).max() < 1e-5


def test_another_vae_is_loaded_without_an_identity_that_nobody_asks_for(
    whole: Path, tiny_vae: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = resolve(str(whole))
    monkeypatch.setattr(room, "identify", lambda *_: pytest.fail("read all of it for a hash"))

    assert isinstance(load(card, vae=str(tiny_vae)).vae, AutoencoderTiny)


def test_a_checkpoints_own_vae_may_be_a_tiny_one(folder: Path, tiny_vae: Path, edit: Edit) -> None:
    shutil.rmtree(folder / "vae")
    shutil.copytree(tiny_vae, folder / "vae")
    edit(folder / "model_index.json", {"vae": ["diffusers", "AutoencoderTiny"]})

    model = load(resolve(str(folder)))

    assert isinstance(model.vae, AutoencoderTiny)


def test_a_vae_of_other_latents_does_not_fit(whole: Path, tmp_path: Path) -> None:
    channels = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    AutoencoderTiny(latent_channels=16, **channels, **blocks).save_pretrained(tmp_path / "vae")

    with pytest.raises(ModelError, match="a VAE of 16 does not fit"):
        load(resolve(str(whole)), vae=str(tmp_path / "vae"))


def test_weights_that_lack_a_tensor_are_refused_and_not_made_up(folder: Path) -> None:
    path = folder / "unet" / WEIGHTS
    weights = load_file(path)
    del weights["conv_out.weight"]
    save_file(weights, path)

    with pytest.raises(ModelError, match=r"unet: 1 tensors are missing, conv_out\.weight"):
        load(resolve(str(folder)))


def test_a_text_encoder_that_lacks_a_tensor_is_refused_too(folder: Path) -> None:
    path = folder / "text_encoder" / "model.safetensors"
    weights = load_file(path)
    weights.pop(next(name for name in weights if name.endswith("final_layer_norm.weight")))
    save_file(weights, path)

    with pytest.raises(ModelError, match="text_encoder: 1 tensors are missing"):
        load(resolve(str(folder)))


def test_weights_of_other_shapes_are_refused_in_one_line(folder: Path, edit: Edit) -> None:
    edit(folder / "unet" / "config.json", {"block_out_channels": [8, 32]})

    with pytest.raises(ModelError, match="unet cannot be loaded") as caught:
        load(resolve(str(folder)))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction_type": "flow"}, "its scheduler predicts 'flow'; known: v_prediction"),
        ({"thresholding": True}, "its scheduler asks for dynamic thresholding"),
    ],
)
def test_a_scheduler_without_a_sound_reading_is_refused_by_name(
    folder: Path, edit: Edit, changes: dict[str, object], message: str
) -> None:
    edit(folder / "scheduler" / "scheduler_config.json", changes)

    with pytest.raises(ModelError, match=message) as caught:
        load(resolve(str(folder)))

    assert str(caught.value).startswith(f"{folder}: ")


class Unmovable(torch.nn.Linear):
    """A network that a device turns down."""

    error: Exception

    def _apply(self, *_: object) -> torch.nn.Module:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "no room for big"),
        (RuntimeError("CUDA error: device busy\nmore lines"), "cannot be used: CUDA error"),
        (RuntimeError(), "cannot be used: RuntimeError"),
    ],
)
def test_a_device_that_cannot_hold_the_model_is_named_with_what_to_do(
    error: Exception, message: str
) -> None:
    network = Unmovable(1024, 1024)
    network.error = error

    with pytest.raises(DeviceError, match=message) as caught:
        move(network, torch.device("cuda:0"), "big", torch.channels_last)

    assert str(caught.value).startswith("cuda:0 ")
    assert "\n" not in str(caught.value)


def test_the_weights_of_convolutions_are_laid_as_they_are_moved() -> None:
    network = move(torch.nn.Conv2d(3, 4, 3), torch.device("cpu"), "small", torch.channels_last)

    assert network.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
def test_diffusers_is_told_to_run_no_remote_code_before_it_is_imported() -> None:
    program = (
        "import marigold_cli.checkpoints.load; from diffusers.utils import constants;"
        "print(constants.DIFFUSERS_DISABLE_REMOTE_CODE)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DIFFUSERS_DISABLE_REMOTE_CODE"}

    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True
    )

    assert told.stdout == b"True\n"


def test_attention_weights_under_their_old_names_are_understood(folder: Path, whole: Path) -> None:
    """Stable Diffusion's VAE was first saved with query, key, value and proj_attn."""
    path = folder / "vae" / WEIGHTS
    weights = load_file(path)
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, old in names.items():
        for name in [name for name in weights if f".{new}." in name]:
            weights[name.replace(new, old)] = weights.pop(name)
    save_file(weights, path)

    model = load(resolve(str(folder)))

    assert any("proj_attn" in name for name in weights)
    assert same_weights(model, load(resolve(str(whole))))
