"""Procedural surfaces: what colour a point has, batched over scenes and pixels."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import torch
from torch import Tensor


class Pattern(IntEnum):
    """Ways to mix a material's two colours over a surface."""

    PLAIN = 0
    TILES = 1  # cells with joints; large ones look like window fronts
    BRICKS = 2
    STRIPES = 3  # planks, fabric, shutters
    MARBLE = 4  # large soft patches: stone, grass, dirt
    PRINT = 5  # a random colour for each cell: books, posters, gravel


@dataclass(frozen=True)
class Materials:
    """One material a surface, all [B, M] or [B, M, 3].

    Attributes:
        first: Linear albedo in [0, 1], [B, M, 3].
        second: The pattern's other albedo, [B, M, 3].
        pattern: Pattern as a number.
        scale: Pattern cells per metre.
        stretch: Width of a cell over its height.
        grain: Strength of the fine noise, 0 to 1.
        gloss: Strength of the highlight, 0 to 1.
        glow: Light that the surface gives off, in units of diffuse white.
    """

    first: Tensor
    second: Tensor
    pattern: Tensor
    scale: Tensor
    stretch: Tensor
    grain: Tensor
    gloss: Tensor
    glow: Tensor

    def pick(self, index: Tensor) -> Materials:
        """The material at each of P pixels: index [B, P]."""
        wide = index[..., None].expand(-1, -1, 3)
        picked = (
            value.gather(1, wide if value.dim() == 3 else index)
            for value in (getattr(self, field.name) for field in fields(self))
        )
        return Materials(*picked)


def albedo(materials: Materials, point: Tensor, normal: Tensor, footprint: Tensor) -> Tensor:
    """Linear colour of surface points.

    Args:
        materials: One a pixel, [B, P].
        point: Where, in a frame that moves with the surface, [B, P, 3] in metres.
        normal: The surface's normal in the same frame, [B, P, 3].
        footprint: Size of the pixel on the surface [m]; finer patterns fade out, [B, P].

    Returns:
        [B, P, 3] in [0, 1].
    """
    u, v = _unfold(point, normal)
    u, v = u * materials.scale / materials.stretch, v * materials.scale
    visible = 1 / (1 + (2 * footprint * materials.scale) ** 2)
    mix = _mix(materials.pattern, u, v) * visible + 0.5 * (1 - visible)
    noise = _noise(u * 4, v * 4, 3) - 0.5
    colour = torch.lerp(materials.first, materials.second, mix[..., None])
    shade = 1 + materials.grain * noise * (0.4 + 0.6 * visible)
    return (colour * shade[..., None]).clamp(0, 1)


def _unfold(point: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Two coordinates on the surface: the ones across the normal's largest component."""
    x, y, z = point.unbind(-1)
    axis = normal.abs().argmax(-1)
    return torch.where(axis == 0, y, x), torch.where(axis == 2, y, z)


def _mix(pattern: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """How much of the second colour each pattern shows, [B, P] in [0, 1]."""
    row = v.floor()
    shifted = u + 0.5 * (row % 2)
    choices = torch.stack(
        (
            torch.zeros_like(u),
            _joint(u, v) + 0.25 * _hash(u.floor(), row),
            0.8 * _joint(shifted, v) + 0.5 * _hash(shifted.floor(), row),
            0.6 * _hash(u.floor(), u.floor()) + 0.3 * _noise(u * 6, v * 0.5, 2),
            ((_noise(u * 0.7, v * 0.7, 4) - 0.5) * 2.5 + 0.5),
            _hash(u.floor(), row),
        )
    ).clamp(0, 1)
    return choices.gather(0, pattern[None].long())[0]


def _joint(u: Tensor, v: Tensor) -> Tensor:
    """1 on the lines between cells."""
    return ((u - u.floor() < 0.08) | (v - v.floor() < 0.08)).to(u)


def _hash(i: Tensor, j: Tensor) -> Tensor:
    """A repeatable random number in [0, 1) for each lattice point."""
    wave = torch.sin(i * 127.1 + j * 311.7) * 43758.547
    return wave - wave.floor()


def _noise(u: Tensor, v: Tensor, octaves: int) -> Tensor:
    """Value noise in [0, 1], halving in strength as it doubles in frequency."""
    total, weight = torch.zeros_like(u), 0.0
    for octave in range(octaves):
        total = total + _lattice_noise(u * 2**octave + 17 * octave, v * 2**octave) / 2**octave
        weight += 0.5**octave
    return total / weight


def _lattice_noise(u: Tensor, v: Tensor) -> Tensor:
    i, j = u.floor(), v.floor()
    a, b = u - i, v - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    low = torch.lerp(_hash(i, j), _hash(i + 1, j), a)
    high = torch.lerp(_hash(i, j + 1), _hash(i + 1, j + 1), a)
    return torch.lerp(low, high, b)


def clouds(direction: Tensor, cover: Tensor) -> Tensor:
    """Cloud density in [0, 1] of sky directions [B, P, 3]; cover [B, 1] in [0, 1]."""
    flat = direction[..., :2] / direction[..., 2:].clamp_min(0.05)
    density = _noise(flat[..., 0] * 1.5 + 7, flat[..., 1] * 1.5, 4)
    return ((density - 1 + cover) * 3).clamp(0, 1)
