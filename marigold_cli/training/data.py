"""Pictures with their depth to train on, from seeds, kept on disk once rendered."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from marigold_cli.scenes.render import SKY_DEPTH, render
from marigold_cli.training.noise import normalise_depth

HELD_OUT = 1_000_000_000  # seeds from here on are never trained on
SHARD = 256  # pictures a file, in memory at once while a VAE is trained
_RENDER_BATCH = 4  # larger ones fall out of the processor's cache


@dataclass(frozen=True)
class Pictures:
    """A batch to learn from.

    Attributes:
        rgb: uint8 [B, 3, H, W], sRGB.
        depth: float16 [B, 1, H, W], z-depth [m].
    """

    rgb: Tensor
    depth: Tensor

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.rgb)


def draw_pictures(first_seed: int, count: int, height: int, width: int) -> Pictures:
    """Render the scenes of consecutive seeds."""
    seeds = range(first_seed, first_seed + count)
    views = [
        render(seeds[i : i + _RENDER_BATCH], height, width) for i in range(0, count, _RENDER_BATCH)
    ]
    rgb = torch.cat([view.rgb for view in views])
    depth = torch.cat([view.depth for view in views])
    return Pictures((rgb * 255).round().to(torch.uint8), depth.to(torch.float16))


def rgb_image(rgb: Tensor) -> Tensor:
    """Pictures uint8 [B, 3, H, W] as the VAE sees them, float32 in [-1, 1]."""
    return rgb.float() / 127.5 - 1


def depth_image(depth: Tensor) -> Tensor:
    """Depth [B, 1, H, W] in metres as the VAE sees it: [B, 3, H, W] in [-1, 1]."""
    return normalise_depth(depth.float(), SKY_DEPTH).expand(-1, 3, -1, -1)


@dataclass(frozen=True)
class Library:
    """Rendered pictures in a folder, a file for so many seeds; missing ones are rendered."""

    folder: Path
    shards: int
    height: int = 144
    width: int = 192
    size: int = SHARD  # pictures a file

    def shard(self, index: int) -> Pictures:
        """The pictures of seeds [index * size, (index + 1) * size)."""
        name = f"scenes-{self.height}x{self.width}-{self.size}-{index:05d}.safetensors"
        path = self.folder / name
        if not path.exists():
            drawn = draw_pictures(index * self.size, self.size, self.height, self.width)
            save_whole({"rgb": drawn.rgb, "depth": drawn.depth}, path)
        tensors = load_file(path)
        return Pictures(tensors["rgb"], tensors["depth"])


def save_whole(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a safetensors file that is whole from the moment it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    save_file(tensors, partial)
    partial.replace(path)
