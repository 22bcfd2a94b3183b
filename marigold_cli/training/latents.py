"""Pictures and their depth as latents of one VAE, encoded once and kept on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor

from marigold_cli.training.data import Library, depth_image, rgb_image, save_whole


class LatentLibrary:
    """The encoded pictures of a library, all in memory: 28 KB a picture of 144 x 192."""

    def __init__(self, library: Library, autoencoder: AutoencoderKL, folder: Path) -> None:
        """Read what `folder` holds and encode the rest; one folder for each VAE."""
        self._library, self._autoencoder, self._folder = library, autoencoder, folder
        shards = [self._shard(index) for index in range(library.shards)]
        self._image = torch.cat([image for image, _ in shards])
        self._depth = torch.cat([depth for _, depth in shards])

    def draw(self, batch: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random pictures' latents and depth latents, float32 [B, C, h, w] each."""
        index = torch.randint(len(self._image), (batch,), generator=random)
        return self._image[index].float(), self._depth[index].float()

    def _shard(self, index: int) -> tuple[Tensor, Tensor]:
        path = self._folder / f"latents-{index:05d}.safetensors"
        if not path.exists():
            pictures = self._library.shard(index)
            image = self._encode(rgb_image(pictures.rgb))
            depth = self._encode(depth_image(pictures.depth))
            save_whole({"image": image, "depth": depth}, path)
        tensors = load_file(path)
        return tensors["image"], tensors["depth"]

    @torch.inference_mode()
    def _encode(self, pixels: Tensor) -> Tensor:
        parts = [self._autoencoder.encode(part).latent_dist.mean for part in torch.split(pixels, 8)]
        scaling_factor: float = self._autoencoder.config.scaling_factor
        return (torch.cat(parts) * scaling_factor).to(torch.float16).contiguous()
