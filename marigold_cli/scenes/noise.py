"""Repeating noise and lattices that textures are made of, all [SIZE, SIZE]."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

SIZE = 256  # texels along a repetition


def grid(columns: float, rows: float) -> tuple[Tensor, Tensor]:
    """Column and row coordinates [SIZE, SIZE] that count cells."""
    step = (torch.arange(SIZE) + 0.5) / SIZE
    v, u = torch.meshgrid(step * rows, step * columns, indexing="ij")
    return u, v


def white(random: Generator, columns: int = SIZE, rows: int = SIZE) -> Tensor:
    """A random value in [0, 1) for each cell, [rows, columns]."""
    return torch.rand(rows, columns, generator=random)


def smooth(random: Generator, columns: int, rows: int | None = None) -> Tensor:
    """Soft noise in [0, 1] with so many bumps along each side, repeating."""
    small = white(random, columns, rows or columns)
    padded = F.pad(small[None, None], (2, 2, 2, 2), mode="circular")
    height, width = padded.shape[2:]
    scale = (SIZE // (height - 4), SIZE // (width - 4))
    large = F.interpolate(padded, scale_factor=scale, mode="bicubic", align_corners=False)
    return large[0, 0, 2 * scale[0] : -2 * scale[0], 2 * scale[1] : -2 * scale[1]].clamp(0, 1)


def fractal(random: Generator, first: int = 4, last: int = 128, stretch: int = 1) -> Tensor:
    """Noise of doubling frequencies and falling strength, in [0, 1]."""
    total, weight, bumps = torch.zeros(SIZE, SIZE), 0.0, first
    while bumps <= last:
        total += smooth(random, bumps, max(2, bumps // stretch)) * (first / bumps) ** 0.7
        weight += (first / bumps) ** 0.7
        bumps *= 2
    return ((total / weight - 0.5) * 2 + 0.5).clamp(0, 1)


def per_cell(values: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The random value of each cell: values [rows, columns]."""
    return values[v.floor().long() % values.shape[0], u.floor().long() % values.shape[1]]


def joints(u: Tensor, v: Tensor, width: float, height: float) -> Tensor:
    """1 on the joints between cells, by width in cells."""
    return (((u % 1) < width) | ((v % 1) < height)).float()


def nearest_points(random: Generator, count: int) -> tuple[Tensor, Tensor]:
    """Distance to the nearest of random points (in mean distances), and which one it is."""
    points = torch.rand(count, 2, generator=random)
    u, v = grid(1, 1)
    du = (u[..., None] - points[:, 0]).abs()
    dv = (v[..., None] - points[:, 1]).abs()
    squares = torch.minimum(du, 1 - du) ** 2 + torch.minimum(dv, 1 - dv) ** 2
    nearest = squares.min(-1)
    return nearest.values.sqrt() * math.sqrt(count), nearest.indices
