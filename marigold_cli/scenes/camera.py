"""Pinhole cameras, batched over scenes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cameras:
    """One camera a scene.

    Attributes:
        position: [B, 3] in metres (x right, y forward, z up).
        heading: [B], rotation about z, 0 looks along +y [rad].
        pitch: [B], upwards [rad].
        roll: [B], clockwise picture [rad].
        field_of_view: [B], horizontal field of view [rad].
    """

    position: Tensor
    heading: Tensor
    pitch: Tensor
    roll: Tensor
    field_of_view: Tensor

    def rays(self, height: int, width: int) -> Tensor:
        """Directions through the pixel centres, [B, H*W, 3].

        Their component along the optical axis is 1, so that a distance along them is z-depth.
        """
        right, forward, up = self._axes()
        device = self.field_of_view.device
        reach = (self.field_of_view / 2).tan()[:, None]
        x = (torch.arange(width, device=device) + 0.5) / width * 2 - 1
        y = 1 - (torch.arange(height, device=device) + 0.5) / height * 2
        x = (x.repeat(height)[None] * reach)[..., None]
        y = (y.repeat_interleave(width)[None] * reach * height / width)[..., None]
        return forward[:, None] + x * right[:, None] + y * up[:, None]

    def _axes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Unit vectors [B, 3] to the right of the picture, along the axis and up the picture."""
        zero = torch.zeros_like(self.heading)
        level_right = torch.stack((self.heading.cos(), -self.heading.sin(), zero), -1)
        flat = torch.stack((self.heading.sin(), self.heading.cos(), zero), -1)
        z = torch.tensor([0.0, 0.0, 1.0], device=zero.device)
        cos, sin = self.pitch.cos()[:, None], self.pitch.sin()[:, None]
        forward = cos * flat + sin * z
        level_up = cos * z - sin * flat
        cos, sin = self.roll.cos()[:, None], self.roll.sin()[:, None]
        return cos * level_right + sin * level_up, forward, cos * level_up - sin * level_right
