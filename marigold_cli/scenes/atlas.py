"""All textures in one table, with smaller versions for far surfaces."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.scenes.noise import SIZE
from marigold_cli.scenes.scene import Texture
from marigold_cli.scenes.textures import MAKERS

LEVELS = 7  # the last one has 4 x 4 texels
MIX, SHADE, ALL = slice(0, 1), slice(2, 3), slice(0, 3)  # channels


@dataclass(frozen=True)
class Atlas:
    """All textures with their smaller versions.

    Attributes:
        texels: [3, N]: second, third colour in [0, 1] and brightness around 1.
        starts: [LEVELS], where each level begins.
    """

    texels: Tensor
    starts: Tensor

    def look_up(
        self, texture: Tensor | int, place: tuple[Tensor, Tensor], level: Tensor, channels: slice
    ) -> Tensor:
        """Texels between the four around a place: [C, ...].

        Args:
            texture: Which one, integers [...].
            place: To the right and upwards in repetitions, [...] each.
            level: 0 is the finest; integers [...].
            channels: Which of the three.
        """
        (u, v), texels = place, self.texels[channels]
        level = level.clamp(0, LEVELS - 1)
        size = torch.bitwise_right_shift(SIZE, level)
        x, y = (u - u.floor()) * size, (v - v.floor()) * size
        left, low = x.int(), y.int()
        mask = size - 1
        base = self.starts.index_select(0, level.view(-1)).view_as(level) + texture * size * size
        left, low = left & mask, low & mask
        right, high = base + ((left + 1) & mask), ((low + 1) & mask) * size
        left, low = base + left, low * size
        x, y = x - x.floor(), y - y.floor()
        corners = (low + left, low + right, high + left, high + right)
        a, b, c, d = (_take(texels, corner) for corner in corners)
        return torch.lerp(torch.lerp(a, b, x), torch.lerp(c, d, x), y)


def _take(texels: Tensor, index: Tensor) -> Tensor:
    return texels.index_select(1, index.view(-1)).view(-1, *index.shape)


@functools.lru_cache(maxsize=4)
def atlas(device: torch.device) -> Atlas:
    """The atlas, always the same, on a device."""
    random = torch.Generator().manual_seed(20)
    level = torch.stack([torch.stack(MAKERS[texture](random)) for texture in Texture], 1)
    levels, sizes = [], []
    for _ in range(LEVELS):
        levels.append(level.reshape(3, -1))
        sizes.append(levels[-1].shape[1])
        level = F.avg_pool2d(level, 2)
    starts = torch.tensor([0, *sizes[:-1]]).cumsum(0).int()
    return Atlas(torch.cat(levels, 1).to(device), starts.to(device))
