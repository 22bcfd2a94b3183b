"""What colour a surface has at a point: textures, stains and grain, batched over pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from marigold_cli.scenes.atlas import ALL, LEVELS, MIX, SHADE, Atlas
from marigold_cli.scenes.noise import SIZE
from marigold_cli.scenes.scene import Texture


@dataclass(frozen=True)
class Materials:
    """One material a surface or a pixel: the values of `scene.Material` as rows, [17, M]."""

    table: Tensor

    def pick(self, index: Tensor) -> Materials:
        """The material at each of P pixels."""
        return Materials(self.table.index_select(1, index))

    @property
    def colours(self) -> Tensor:
        """[3, 3, M], three linear albedos."""
        return self.table[:9].view(3, 3, -1)

    @property
    def texture(self) -> Tensor:
        """[M], which one."""
        return self.table[9].int()

    @property
    def scale(self) -> Tensor:
        """[M], repetitions per metre."""
        return self.table[10]

    @property
    def stretch(self) -> Tensor:
        """[M], width of a repetition over its height."""
        return self.table[11]

    @property
    def gloss(self) -> Tensor:
        """[M], strength of highlight and mirror image."""
        return self.table[12]

    @property
    def sharpness(self) -> Tensor:
        """[M], log2 of the highlight's exponent."""
        return self.table[13]

    @property
    def glow(self) -> Tensor:
        """[M], light given off."""
        return self.table[14]

    @property
    def dirt(self) -> Tensor:
        """[M], strength of stains."""
        return self.table[15]

    @property
    def grain(self) -> Tensor:
        """[M], strength of fine noise."""
        return self.table[16]


def albedo(
    atlas: Atlas, materials: Materials, point: Tensor, normal: Tensor, footprint: Tensor
) -> Tensor:
    """Linear colour of surface points.

    Args:
        atlas: Where textures are.
        materials: One a pixel, [P].
        point: Where, in a frame that moves with the surface, [3, P] in metres.
        normal: The surface's normal in the same frame, of any length, [3, P].
        footprint: Size of the pixel on the surface [m]; finer patterns fade out, [P].

    Returns:
        [3, P] in [0, 1].
    """
    u, v = _unfold(point, normal)
    level = (footprint * materials.scale * SIZE).clamp_min_(1e-3).log2_()
    a, b = u * materials.scale, v * materials.scale
    pattern = atlas.look_up(materials.texture, (a / materials.stretch, b), _whole(level), ALL)
    stains = atlas.look_up(Texture.CLOUDY, (b * 0.23, a * 0.23), _whole(level - 2.1), MIX)[0]
    grains = atlas.look_up(Texture.SPECKLE, (a * 3.1, b * 3.1), _whole(level + 1.6), SHADE)[0]
    first, second, third = materials.colours
    colour = torch.lerp(torch.lerp(first, second, pattern[0]), third, pattern[1])
    shade = 1 + materials.dirt * (stains - 0.5)
    shade *= 1 + materials.grain * (grains - 1)
    return (colour * shade.mul_(pattern[2])).clamp_(0, 1)


def _whole(level: Tensor) -> Tensor:
    return (level + 0.3).round_().clamp_(0, LEVELS - 1).int()


def _unfold(point: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Two coordinates on the surface: the ones across the normal's largest component."""
    x, y, z = point
    across, along, upright = normal.abs()
    sideways = (across >= along) & (across >= upright)
    flat = ~sideways & (upright >= along)
    return torch.where(sideways, y, x), torch.where(flat, y, z)
