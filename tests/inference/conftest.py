"""Tiny but whole Marigold networks, made from a seed on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    LCMScheduler,
    MarigoldDepthPipeline,
    UNet2DConditionModel,
)
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from marigold_cli.depth import Floats
from marigold_cli.files.decode import Photo
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Noise, Recipe, Reduction, Resample, Spacing

MakePhoto = Callable[..., Photo]
MakeEnsemble = Callable[..., tuple[Floats, Floats]]
Pipelines = dict[str, MarigoldDepthPipeline]

_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
_COMMON = _BETAS | {
    "prediction_type": "v_prediction",
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
}


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def schedulers() -> dict[str, DDIMScheduler | LCMScheduler]:
    """The schedules of the published checkpoints: v1-1, v1-0, LCM, end-to-end fine-tuned."""
    return {
        "trailing": DDIMScheduler(
            **_COMMON, timestep_spacing="trailing", rescale_betas_zero_snr=True
        ),
        "leading": DDIMScheduler(**_COMMON, timestep_spacing="leading"),
        "lcm": LCMScheduler(**_COMMON),
        "e2e": DDIMScheduler(**_COMMON, timestep_spacing="trailing"),
    }


@pytest.fixture(scope="session")
def pipelines(schedulers: dict[str, DDIMScheduler | LCMScheduler]) -> Pipelines:
    """diffusers' own pipeline around the same networks, one per scheduler."""
    torch.manual_seed(0)
    unet = _unet()
    vae = _vae()
    text_encoder = _text_encoder()
    tokenizer = CLIPTokenizer(
        vocab={"<|startoftext|>": 0, "<|endoftext|>": 1}, merges=[], model_max_length=77
    )
    return {
        name: MarigoldDepthPipeline(
            unet, vae, scheduler, text_encoder, tokenizer, prediction_type="depth"
        )
        for name, scheduler in schedulers.items()
    }


@pytest.fixture(scope="session")
def models(pipelines: Pipelines) -> dict[str, DepthModel]:
    """Our model around the same networks."""
    models = {}
    for name, pipeline in pipelines.items():
        pipeline.set_progress_bar_config(disable=True)
        tokens = torch.tensor([[0, 1]])  # begin and end: the empty prompt
        with torch.no_grad():
            empty_text = pipeline.text_encoder(tokens)[0]
        models[name] = DepthModel(pipeline.vae, pipeline.unet, pipeline.scheduler, empty_text)
    return models


@pytest.fixture(scope="session")
def make_photo() -> MakePhoto:
    """Photos of given size and dtype with structure at every scale."""

    def make(height: int = 40, width: int = 56, seed: int = 0, dtype: str = "uint8") -> Photo:
        rng = np.random.default_rng(seed)
        ramp = np.linspace(0, 1, height)[:, None, None] * rng.random(3)
        pixels = 0.5 * ramp + 0.5 * rng.random((height, width, 3))
        if dtype != "float32":
            pixels = np.round(pixels * np.iinfo(dtype).max)
        digest = hashlib.sha256(f"photo {seed}".encode()).hexdigest()
        return Photo(pixels.astype(dtype), (height, width), 1, digest)

    return make


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A plain recipe to vary with dataclasses.replace."""
    return Recipe(
        steps=2,
        ensemble=1,
        resolution=48,
        seed=7,
        timesteps=Spacing.TRAILING,
        noise=Noise.GAUSSIAN,
        resample=Resample.BILINEAR,
        reduction=Reduction.MEDIAN,
    )


@pytest.fixture(scope="session")
def make_unet() -> Callable[[int], UNet2DConditionModel]:
    """A U-Net that predicts so many latents."""
    return _unet


def _unet(latents: int = 1) -> UNet2DConditionModel:
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=4 + 4 * latents,
        out_channels=4 * latents,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=32,
        use_linear_projection=True,
    )
    return unet.eval()


def _vae() -> AutoencoderKL:
    vae = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[16] * 4,
        norm_num_groups=16,
        latent_channels=4,
    )
    with torch.no_grad():  # fresh weights overshoot [-1, 1]; errors would hide in the clipping
        vae.decoder.conv_out.weight *= 0.3
    return vae.eval()


def _text_encoder() -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=10,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        bos_token_id=0,
        eos_token_id=1,
    )
    return CLIPTextModel(config).eval()


@pytest.fixture(scope="session")
def make_ensemble() -> MakeEnsemble:
    """A scene with ground and boxes, and 3 to 10 noisy members of it on lines of their own."""

    def make(seed: int, height: int = 48, width: int = 64) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(seed)
        truth = np.linspace(0.7, 0, height)[:, None] + 0.2 * _bumps(rng, height, width)
        for _ in range(4):
            top, left = rng.integers(0, height - 10), rng.integers(0, width - 10)
            truth[top : top + rng.integers(6, 20), left : left + 15] = rng.random() * 0.7
        truth = (truth - truth.min()) / np.ptp(truth)
        members = []
        for _ in range(3 + seed % 8):
            level = (0.02, 0.06, 0.15)[seed % 3] * rng.uniform(0.5, 1.5)
            grain = 0.2 * rng.standard_normal((height, width))
            noisy = truth + level * (_bumps(rng, height, width) + grain)
            members.append(noisy * 10 ** rng.uniform(-1, 1) + rng.uniform(-2, 2))
        return truth.astype(np.float32), np.stack(members).astype(np.float32)

    return make


def _bumps(rng: np.random.Generator, height: int, width: int) -> Floats:
    coarse = torch.from_numpy(rng.standard_normal((1, 1, 6, 6)))
    fine = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return fine[0, 0].numpy()
