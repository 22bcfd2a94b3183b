"""A frozen VAE between images and latents."""

from __future__ import annotations

from functools import cached_property

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from marigold_cli.training.patches import Trunk, fold_trunk


class Codec(nn.Module):
    """Encodes exactly and without gradient; decodes with it."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        # Channels last: on two cores the decoder takes 0.75 of the time, there and back.
        self.vae = vae.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.channels: int = vae.config.latent_channels
        self.multiple: int = 1 << (len(vae.config.block_out_channels) - 1)  # pixels per cell
        self._scaling: float = vae.config.scaling_factor

    @cached_property
    def _trunk(self) -> Trunk | None:
        """Folded when first needed, for a state may bring the weights after this was made."""
        return fold_trunk(self.vae)

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """Image [B, 3, H, W] in [-1, 1] -> latent [B, C, h, w]: the posterior's mean, float32.

        In float32 whatever the training's precision is: targets deserve it.
        """
        with torch.autocast(image.device.type, enabled=False):
            latent = self._encode(image.float())
        return latent * self._scaling

    def _encode(self, image: Tensor) -> Tensor:
        if self._trunk is None:
            latent: Tensor = self.vae.encode(image).latent_dist.mode()
            return latent
        encoder = self.vae.encoder
        signal = encoder.conv_act(encoder.conv_norm_out(self._trunk(image)))
        moments: Tensor = self.vae.quant_conv(encoder.conv_out(signal))
        return moments[:, : self.channels]

    def decode(self, latent: Tensor) -> Tensor:
        """Latent [B, C, h, w] -> image [B, 3, H, W] float32, about [-1, 1]."""
        image: Tensor = self.vae.decode(latent / self._scaling).sample
        return image.float()
