"""Noise and targets of the diffusion process that training teaches to undo."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = 10
STRENGTH = 0.9  # of the second level at the noisiest timestep


def multi_resolution_noise(like: Tensor, strength: Tensor, random: torch.Generator) -> Tensor:
    """Gaussian noise with some of its power moved to coarser levels, scaled to unit deviation.

    Each level i is drawn at the size divided by r**i, r uniform in [2, 4), and added with
    weight strength**i (Marigold, section 3.2).

    Args:
        like: [B, C, h, w].
        strength: [B], 0 gives plain noise.
        random: Where the numbers come from.
    """
    noise = torch.randn(like.shape, generator=random)
    height, width = like.shape[-2:]
    for level in range(LEVELS):
        ratio = float(torch.rand((), generator=random)) * 2 + 2
        height, width = max(1, int(height / ratio**level)), max(1, int(width / ratio**level))
        coarse = torch.randn((*like.shape[:2], height, width), generator=random)
        spread = F.interpolate(coarse, like.shape[-2:], mode="bilinear")
        noise = noise + spread * strength.view(-1, 1, 1, 1) ** level
        if height == 1 or width == 1:
            break
    return noise / noise.std()


def add_noise(clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """The forward process: sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise."""
    return alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise


def velocity(clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """What v-prediction asks for: sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x0."""
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * clean


def normalise_depth(depth: Tensor, sky: float) -> Tensor:
    """Depth [B, 1, H, W] to [-1, 1] between the 2nd and 98th percentile of what is not sky.

    Args:
        depth: z-depth [m].
        sky: From here on a pixel is sky: not counted, and put at the far end.
    """
    known = depth.float().flatten(1)
    known = known.masked_fill(known >= sky, torch.nan)
    low, high = torch.nanquantile(known, torch.tensor([0.02, 0.98]), dim=1).nan_to_num().unbind()
    low, high = low.view(-1, 1, 1, 1), high.view(-1, 1, 1, 1)
    return ((depth - low) / (high - low).clamp_min(1e-5) * 2 - 1).clamp(-1, 1)
