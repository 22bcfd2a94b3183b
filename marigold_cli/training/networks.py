"""The project's own small networks, in plain diffusers classes, before any training."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

LATENT_CHANNELS = 16
TEXT_WIDTH = 32

_VOCABULARY = {"<|startoftext|>": 0, "<|endoftext|>": 1}


def new_autoencoder() -> AutoencoderKL:
    """A VAE that shrinks a side eight times.

    One group in its norms, since each group forgets its mean, and with it brightness and colour.
    Every residual block starts as the identity, which a short training needs. Latents come out of
    its closed-form encoder at unit deviation, so nothing is left to scale.
    """
    widths = (16, 32, 48, 64)
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=1,
        sample_size=192,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )
    for module in autoencoder.modules():
        if isinstance(module, ResnetBlock2D):
            nn.init.zeros_(module.conv2.weight)
            nn.init.zeros_(module.conv2.bias)
    return autoencoder


def new_unet(
    latent_channels: int = LATENT_CHANNELS, text_width: int = TEXT_WIDTH
) -> UNet2DConditionModel:
    """A denoiser of (picture's latent, depth latent) with attention at its two coarse levels."""
    widths = (64, 128, 192)
    return UNet2DConditionModel(
        sample_size=24,
        in_channels=2 * latent_channels,
        out_channels=latent_channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=(2, 4, 6),  # the number of heads, whatever its name says
        norm_num_groups=16,
        use_linear_projection=True,
    )


# Stable Diffusion's noise levels with a truly blank last one (zero SNR).
NOISE_LEVELS: dict[str, object] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}


def save_text_encoder(folder: Path) -> None:
    """Write a CLIP text encoder and tokenizer that only know the empty prompt."""
    config = CLIPTextConfig(
        vocab_size=len(_VOCABULARY),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=1,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir(parents=True, exist_ok=True)
    (tokenizer / "vocab.json").write_text(json.dumps(_VOCABULARY))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
