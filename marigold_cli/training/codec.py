"""A frozen VAE between images and latents."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn


class Codec(nn.Module):
    """Encodes exactly and without gradient; decodes with it."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae.eval().requires_grad_(False)
        self.channels: int = vae.config.latent_channels
        self.multiple: int = 1 << (len(vae.config.block_out_channels) - 1)  # pixels per cell
        self._scaling: float = vae.config.scaling_factor

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """Image [B, 3, H, W] in [-1, 1] -> latent [B, C, h, w]: the posterior's mean, float32.

        In float32 whatever the training's precision is: targets deserve it.
        """
        with torch.autocast(image.device.type, enabled=False):
            latent: Tensor = self.vae.encode(image.float()).latent_dist.mode()
        return latent * self._scaling

    def decode(self, latent: Tensor) -> Tensor:
        """Latent [B, C, h, w] -> image [B, 3, H, W] float32, about [-1, 1]."""
        image: Tensor = self.vae.decode(latent / self._scaling).sample
        return image.float()
