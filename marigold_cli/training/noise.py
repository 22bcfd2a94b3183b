"""Noise and targets of the diffusion process that training teaches to undo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.training.lesson import Chance

LEVELS = 10
STRENGTH = 0.9  # of the second level at the noisiest timestep

Size = tuple[int, int]


def level_sizes(size: Size, ratios: Sequence[float]) -> list[Size]:
    """Height and width of each level of the noise, the finest first.

    Level i is r**i times smaller than the one before, r in [2, 4) drawn for each (Marigold,
    section 3.2); the last one is a single row or column.

    Args:
        size: Of the latents.
        ratios: In [0, 1), LEVELS of them.
    """
    sizes = []
    height, width = size
    for level, ratio in enumerate(ratios[:LEVELS]):
        shrink = (2 + 2 * ratio) ** level
        height, width = max(1, int(height / shrink)), max(1, int(width / shrink))
        sizes.append((height, width))
        if 1 in (height, width):
            break
    return sizes


def count_normals(channels: int, size: Size, ratios: Sequence[float]) -> int:
    """How many random numbers `multi_resolution_noise` takes for a picture."""
    return channels * sum(height * width for height, width in [size, *level_sizes(size, ratios)])


def multi_resolution_noise(like: Tensor, strength: Tensor, chance: Chance) -> Tensor:
    """Gaussian noise with some of its power moved to coarser levels, scaled to unit deviation.

    White noise, plus level i spread to full size with weight strength**i. It is divided by each
    picture's own deviation, not by the batch's, so that pictures do not depend on each other.

    Args:
        like: [B, C, h, w].
        strength: [B], 0 leaves it white.
        chance: `shared` are the ratios of the levels, `normal` is what `count_normals` asks for.
    """
    batch, channels, *size = like.shape
    sizes = [(size[0], size[1]), *level_sizes((size[0], size[1]), chance.shared)]
    white, *levels = torch.split(chance.normal, [channels * h * w for h, w in sizes], dim=1)
    noise = white.reshape(like.shape)
    for level, (coarse, level_size) in enumerate(zip(levels, sizes[1:], strict=True)):
        grid = coarse.reshape(batch, channels, *level_size)
        spread = F.interpolate(grid, size, mode="bilinear")
        noise = noise + spread * strength.view(-1, 1, 1, 1) ** level
    deviation: Tensor = noise.std(dim=(1, 2, 3), keepdim=True)
    return noise / deviation


def add_noise(clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """The forward process: sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise."""
    return alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise


def velocity(clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """What v-prediction asks for: sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x0."""
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * clean


def clean_of(noisy: Tensor, velocity: Tensor, alpha_bar: Tensor) -> Tensor:
    """The x0 that a velocity speaks of: sqrt(alpha_bar) x - sqrt(1 - alpha_bar) v."""
    return alpha_bar.sqrt() * noisy - (1 - alpha_bar).sqrt() * velocity
