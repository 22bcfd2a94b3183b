"""What is learned: each protocol holds its networks and turns a batch into one loss."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol as Interface

import torch
from diffusers import AutoencoderKL, DDIMScheduler, ModelMixin, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F

from marigold_cli.training.data import Library, Pictures, depth_image, rgb_image
from marigold_cli.training.latents import LatentLibrary
from marigold_cli.training.noise import (
    STRENGTH,
    add_noise,
    multi_resolution_noise,
    velocity,
)

_STEPS_A_SHARD = 64


class Protocol(Interface):
    """A way to train one network.

    Attributes:
        name: Short, for file names.
        network: What is trained.
    """

    name: str
    network: nn.Module

    def loss(self, random: torch.Generator) -> Tensor:
        """Draw a batch and return what to minimise, a scalar."""

    def save(self, folder: Path) -> None:
        """Write the trained network in diffusers format, float16."""


class AutoencoderProtocol:
    """Teaches a VAE's decoder to give back depth maps, and pictures, from a frozen encoder."""

    name = "autoencoder"
    crop = 64  # [px]; the decoder is convolutional, many small crops teach it best
    depth_share = 0.75
    blur = 0.05  # deviation of the noise on latents, so that a denoiser's small errors are forgiven

    def __init__(self, autoencoder: AutoencoderKL, library: Library, batch: int) -> None:
        self.network = autoencoder
        autoencoder.encoder.requires_grad_(False)
        autoencoder.quant_conv.requires_grad_(False)
        self._library, self._batch = library, batch
        self._pictures: Pictures | None = None
        self._left = 0

    def loss(self, random: torch.Generator) -> Tensor:
        """L1 of values and of their slopes."""
        target = self._draw(random)
        with torch.no_grad():
            latent = self.network.encode(target).latent_dist.mean
            latent = latent + self.blur * torch.randn(latent.shape, generator=random)
        with torch.autocast("cpu", torch.bfloat16):
            back = self.network.decode(latent).sample
        error = back.float() - target
        slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        loss: Tensor = error.abs().mean() + 0.5 * slopes
        return loss

    def save(self, folder: Path) -> None:
        """Write the VAE."""
        _save_half(self.network, folder / "vae")

    def _draw(self, random: torch.Generator) -> Tensor:
        """Crops [B, 3, crop, crop] in [-1, 1], depth maps and pictures."""
        pictures = self._pick(random)
        index = torch.randint(len(pictures), (self._batch,), generator=random)
        maps = round(self.depth_share * self._batch)
        depth = depth_image(pictures.depth[index[:maps]])
        both = torch.cat((depth, rgb_image(pictures.rgb[index[maps:]])))
        top = int(torch.randint(both.shape[2] - self.crop + 1, (), generator=random))
        left = int(torch.randint(both.shape[3] - self.crop + 1, (), generator=random))
        crops = both[..., top : top + self.crop, left : left + self.crop]
        return crops.flip(-1) if torch.rand((), generator=random) < 0.5 else crops

    def _pick(self, random: torch.Generator) -> Pictures:
        """A file of pictures, the same for some steps, since reading it takes as long as one."""
        if self._pictures is None or not self._left:
            shard = int(torch.randint(self._library.shards, (), generator=random))
            self._pictures, self._left = self._library.shard(shard), _STEPS_A_SHARD
        self._left -= 1
        return self._pictures


class MarigoldProtocol:
    """Marigold's fine-tuning: denoise depth latents given the picture's latent.

    v-prediction, t uniform, multi-resolution noise annealed over t; everything happens in the
    latent space of a frozen VAE, so the pictures are encoded once.
    """

    name = "marigold"

    def __init__(
        self,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        latents: LatentLibrary,
        empty_text: Tensor,
        batch: int,
        last_share: float = 0.6,
    ) -> None:
        """Take networks and data.

        Args:
            unet: The network to train, conv_in already taking two latents.
            scheduler: Noise levels.
            latents: Encoded pictures and depth.
            empty_text: [1, T, C], the empty prompt.
            batch: Pictures a step.
            last_share: Share of pictures shown at the last timestep, pure noise: what a
                single step starts from.
        """
        self.network = unet
        self._alpha_bar = scheduler.alphas_cumprod
        self._latents, self._empty_text = latents, empty_text
        self._batch, self._last_share = batch, last_share

    def loss(self, random: torch.Generator) -> Tensor:
        """Mean squared error of the predicted velocity."""
        image, depth = self._latents.draw(self._batch, random)
        last = len(self._alpha_bar) - 1
        timestep = torch.randint(last + 1, (self._batch,), generator=random)
        is_last = torch.rand(self._batch, generator=random) < self._last_share
        timestep = torch.where(is_last, last, timestep)
        noise = multi_resolution_noise(depth, STRENGTH * timestep / (last + 1), random)
        alpha_bar = self._alpha_bar[timestep].view(-1, 1, 1, 1)
        noisy = add_noise(depth, noise, alpha_bar)
        with torch.autocast("cpu", torch.bfloat16):
            text = self._empty_text.expand(self._batch, -1, -1)
            predicted = self.network(torch.cat((image, noisy), 1), timestep, text).sample
        return F.mse_loss(predicted.float(), velocity(depth, noise, alpha_bar))

    def save(self, folder: Path) -> None:
        """Write the U-Net."""
        _save_half(self.network, folder / "unet")


def _save_half(network: ModelMixin, folder: Path) -> None:
    """Write a network as float16 and leave it as float32."""
    nn.Module.to(network, torch.float16)
    network.save_pretrained(folder)
    nn.Module.to(network, torch.float32)
