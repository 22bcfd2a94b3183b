"""Cameras, batched over scenes: pinholes, and parallel ones for the sun's shadows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Cameras:
    """One camera a scene; at distance z it sees a width of 2 * (extent + z * spread).

    Attributes:
        position: [B, 3] in metres (x right, y forward, z up).
        axes: [B, 3, 3], unit vectors to the right of the picture, up the picture and forward.
        spread: [B], tangent of half the horizontal field of view; 0 for parallel rays.
        extent: [B], half the width of the bundle of rays at the camera [m]; 0 for a pinhole.
    """

    position: Tensor
    axes: Tensor
    spread: Tensor
    extent: Tensor

    def to_frame(self, vector: Tensor) -> Tensor:
        """World directions [B, 3] in the cameras' axes (right, up, forward)."""
        return (self.axes @ vector[..., None])[..., 0]


def dot(one: Tensor, other: Tensor) -> Tensor:
    """Products of vectors [3, ...], plane by plane: no wide temporary."""
    total = one[0] * other[0]
    return total.addcmul_(one[1], other[1]).addcmul_(one[2], other[2])


def unit(vector: Tensor) -> Tensor:
    """Vectors [3, ...] at length 1."""
    return vector * dot(vector, vector).clamp_min_(1e-20).rsqrt_()


def look_along(heading: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Axes [B, 3, 3] of cameras by their angles [rad].

    Heading 0 looks along +y and grows to the right, pitch upwards, roll clockwise.
    """
    zero = torch.zeros_like(heading)
    right = torch.stack((heading.cos(), -heading.sin(), zero), -1)
    flat = torch.stack((heading.sin(), heading.cos(), zero), -1)
    z = torch.stack((zero, zero, zero + 1), -1)
    cos, sin = pitch.cos()[:, None], pitch.sin()[:, None]
    forward, up = cos * flat + sin * z, cos * z - sin * flat
    cos, sin = roll.cos()[:, None], roll.sin()[:, None]
    return torch.stack((cos * right + sin * up, cos * up - sin * right, forward), 1)


def look_at(position: Tensor, target: Tensor) -> Tensor:
    """Axes [B, 3, 3] of cameras at a position [B, 3] that look at a target [B, 3]."""
    forward = F.normalize(target - position, dim=-1)
    steep = forward[:, 2:].abs() > 0.99
    up = torch.where(steep, forward.new_tensor([0.0, 1, 0]), forward.new_tensor([0.0, 0, 1]))
    right = F.normalize(torch.linalg.cross(forward, up), dim=-1)
    return torch.stack((right, torch.linalg.cross(right, forward), forward), 1)


def picture_plane(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pixel centres over half the width: x [1, W] to the right and y [H, 1] upwards."""
    x = (torch.arange(width, device=device) + 0.5) * (2 / width) - 1
    y = (1 - (torch.arange(height, device=device) + 0.5) * (2 / height)) * (height / width)
    return x[None], y[:, None]
