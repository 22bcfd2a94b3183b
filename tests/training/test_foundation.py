from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.errors import ModelError
from marigold_cli.training.foundation import open_foundation, widen


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@torch.no_grad()
def test_the_widened_network_makes_of_a_latent_twice_what_it_made_of_it_once(
    stable_diffusion: Path,
) -> None:
    narrow = UNet2DConditionModel.from_pretrained(stable_diffusion / "unet")
    latent, text = torch.randn(2, 4, 8, 12), torch.randn(2, 2, 16)
    once = narrow(latent, 500, text).sample
    bias = narrow.conv_in.bias.clone()

    wide = widen(narrow)

    twice = wide(torch.cat((latent, latent), 1), 500, text).sample
    torch.testing.assert_close(twice, once)
    assert torch.equal(wide.conv_in.bias, bias)
    assert wide.config.in_channels == 8


def test_a_stable_diffusion_is_widened_and_a_marigold_taken_as_it_is(
    stable_diffusion: Path, marigold: Path
) -> None:
    original = UNet2DConditionModel.from_pretrained(marigold / "unet").state_dict()

    widened = open_foundation(str(stable_diffusion)).read_unet(seed=0)
    taken = open_foundation(str(marigold)).read_unet(seed=0)

    assert widened.config.in_channels == 8
    assert all(torch.equal(weight, original[name]) for name, weight in taken.state_dict().items())


def test_the_empty_prompt_is_what_diffusers_makes_of_it(stable_diffusion: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(
        stable_diffusion, safety_checker=None, feature_extractor=None
    )
    tokens = pipeline.tokenizer("", padding="do_not_pad", return_tensors="pt").input_ids

    text = open_foundation(str(stable_diffusion)).read_empty_text()

    assert text.shape == (1, 2, 16)
    torch.testing.assert_close(text, pipeline.text_encoder(tokens)[0].detach())


def test_the_embedded_checkpoint_is_read_like_for_predicting() -> None:
    model = load(resolve("tiny"))

    foundation = open_foundation("tiny")

    unet = foundation.read_unet(seed=0).state_dict()
    assert all(torch.equal(unet[name], it) for name, it in model.unet.state_dict().items())
    torch.testing.assert_close(foundation.read_empty_text(), model.empty_text)
    assert foundation.make_scheduler(zero_snr=False, trailing=False).config.rescale_betas_zero_snr


def test_without_a_base_a_new_network_learns_in_the_embedded_latents() -> None:
    foundation = open_foundation(None)

    unet, again = foundation.read_unet(seed=1), foundation.read_unet(seed=1)
    other = foundation.read_unet(seed=2)

    assert unet.config.in_channels == 2 * foundation.read_vae().config.latent_channels
    assert torch.equal(unet.conv_in.weight, again.conv_in.weight)
    assert not torch.equal(unet.conv_in.weight, other.conv_in.weight)


def test_what_an_autoencoder_training_left_gets_a_new_network(
    marigold: Path, tmp_path: Path
) -> None:
    for part in ("vae", "text_encoder", "tokenizer"):
        shutil.copytree(marigold / part, tmp_path / part)

    foundation = open_foundation(str(tmp_path))

    assert foundation.read_unet(seed=0).config.cross_attention_dim == 16
    assert foundation.read_unet(seed=0).config.in_channels == 8
    assert foundation.make_scheduler(zero_snr=False, trailing=False).alphas_cumprod[-1] < 1e-7


def test_noise_levels_are_the_bases_own_and_the_target_is_the_velocity(
    stable_diffusion: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "sd")
    change(
        folder / "scheduler" / "scheduler_config.json",
        _class_name="PNDMScheduler",
        skip_prk_steps=True,
        prediction_type="epsilon",
        beta_end=0.02,
    )

    scheduler = open_foundation(str(folder)).make_scheduler(zero_snr=False, trailing=False)

    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.config.timestep_spacing == "leading"
    assert scheduler.betas[-1].item() == pytest.approx(0.02)
    assert scheduler.alphas_cumprod[-1] > 1e-5


def test_zero_snr_is_the_schedule_of_v1_1(stable_diffusion: Path) -> None:
    scheduler = open_foundation(str(stable_diffusion)).make_scheduler(zero_snr=True, trailing=False)

    assert scheduler.alphas_cumprod[-1] < 1e-7
    assert scheduler.config.timestep_spacing == "trailing"


def test_float16_files_alone_will_do(stable_diffusion: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "sd")
    for part, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL)):
        network = kind.from_pretrained(folder / part).half()
        shutil.rmtree(folder / part)
        network.save_pretrained(folder / part, variant="fp16")
    CLIPTextModel.from_pretrained(folder / "text_encoder").save_pretrained(folder / "text_encoder")

    foundation = open_foundation(str(folder))

    assert foundation.read_unet(seed=0).dtype is torch.float32
    assert foundation.read_vae().dtype is torch.float32


def test_it_is_the_same_wherever_it_lies(stable_diffusion: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(stable_diffusion, tmp_path / "moved")

    assert open_foundation(str(moved)).identity == open_foundation(str(stable_diffusion)).identity


def test_other_weights_are_another_base(stable_diffusion: Path, marigold: Path) -> None:
    assert (
        open_foundation(str(marigold)).identity != open_foundation(str(stable_diffusion)).identity
    )


@pytest.mark.parametrize("name", ["nobody/nothing", "no-such-folder"])
def test_nothing_is_downloaded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(ModelError, match=name):
        open_foundation(name)


def test_other_pipelines_are_refused(stable_diffusion: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "other")
    change(folder / "model_index.json", _class_name="FluxPipeline")

    with pytest.raises(ModelError, match="FluxPipeline"):
        open_foundation(str(folder))


def test_pickles_are_refused(stable_diffusion: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "pickled")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))

    with pytest.raises(ModelError, match="pickle"):
        open_foundation(str(folder))


def test_a_network_that_does_not_fit_its_vae_is_refused(
    stable_diffusion: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "odd")
    change(folder / "vae" / "config.json", latent_channels=16)

    with pytest.raises(ModelError, match="VAE of 16"):
        open_foundation(str(folder)).read_unet(seed=0)


def test_missing_tensors_are_refused(stable_diffusion: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(stable_diffusion, tmp_path / "short")
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    del weights["conv_out.bias"]
    save_file(weights, path)

    with pytest.raises(ModelError, match=r"tensors are missing, conv_out\.bias"):
        open_foundation(str(folder)).read_unet(seed=0)
