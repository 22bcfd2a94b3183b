"""Procedural textures: wood, bricks, fabric, print, leaves, windows.

A texel says how much of a material's second and third colour it shows and how bright it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from marigold_cli.scenes.noise import (
    SIZE,
    fractal,
    grid,
    joints,
    nearest_points,
    per_cell,
    smooth,
    white,
)
from marigold_cli.scenes.scene import Texture

Texels = tuple[Tensor, Tensor, Tensor]  # second colour, third colour, brightness; [SIZE, SIZE]


def _plain(random: Generator) -> Texels:
    none = torch.zeros(SIZE, SIZE)
    return none, none, 1 + 0.04 * (fractal(random) - 0.5)


def _cloudy(random: Generator) -> Texels:
    return fractal(random), fractal(random, 8) ** 3, 0.9 + 0.2 * fractal(random, 16)


def _marble(random: Generator) -> Texels:
    veins = 1 - (fractal(random, 4) - 0.5).abs() * 6
    return fractal(random, 4, 16), veins.clamp(0, 1) ** 2, torch.ones(SIZE, SIZE)


def _speckle(random: Generator) -> Texels:
    grains = white(random)
    return (grains > 0.7).float(), (grains < 0.1).float(), 0.8 + 0.4 * white(random)


def _wood_grain(random: Generator) -> Tensor:
    rings = smooth(random, 2, 16) * 6 + smooth(random, 4, 64)
    return 0.5 + 0.5 * torch.sin(rings * 5) * fractal(random, 16, 128, 8)


def _planks(random: Generator) -> Texels:
    u, v = grid(2, 8)
    u = u + per_cell(white(random, 1, 8), u * 0, v)
    tone = per_cell(white(random, 2, 8), u, v)
    joint = joints(u, v, 0.008, 0.05)
    return (0.6 * tone + 0.4 * _wood_grain(random)).clamp(0, 1), tone * 0.3, 1 - 0.5 * joint


def _wood(random: Generator) -> Texels:
    grain = _wood_grain(random)
    return grain, fractal(random, 4, 8) * 0.5, 0.9 + 0.2 * fractal(random, 32, 128, 8)


def _tiles(random: Generator) -> Texels:
    u, v = grid(4, 4)
    joint = joints(u, v, 0.04, 0.04)
    tone = per_cell(white(random, 4, 4), u, v)
    return 0.5 * tone * (1 - joint), joint, 0.95 + 0.1 * fractal(random)


def _bricks(random: Generator) -> Texels:
    u, v = grid(4, 12)
    u = u + 0.5 * (v.floor() % 2)
    joint = joints(u, v, 0.05, 0.13)
    tone = per_cell(white(random, 4, 12), u, v)
    return tone * (1 - joint), joint, 0.85 + 0.3 * fractal(random, 16)


def _stripes(random: Generator) -> Texels:
    u, v = grid(32, 1)
    tone = per_cell(white(random, 32, 1), u, v)
    third = ((tone > 0.4) & (tone < 0.6)).float()
    return (tone >= 0.6).float(), third, 0.95 + 0.1 * white(random)


def _checks(random: Generator) -> Texels:
    u, v = grid(8, 8)
    across, up = (u.floor() % 2), (v.floor() % 2)
    lines = (((u + 0.5) % 2 < 0.15) | ((v + 0.5) % 2 < 0.15)).float()
    return (across + up) / 2, lines * 0.8, 0.95 + 0.1 * white(random)


def _weave(random: Generator) -> Texels:
    u, v = grid(64, 64)
    threads = 0.5 + 0.5 * torch.sin(u * math.pi) * torch.sin(v * math.pi)
    return threads, fractal(random, 4, 16) * 0.3, 0.85 + 0.3 * white(random)


def _print(random: Generator) -> Texels:
    """A cover: blocks of colour with lines of writing."""
    second, third = torch.zeros(SIZE, SIZE), torch.zeros(SIZE, SIZE)
    for _ in range(26):
        x, y, width, height = (torch.rand(4, generator=random) * SIZE).long().tolist()
        area = (slice(y, y + 8 + height // 3), slice(x, x + 8 + width // 2))
        second[area], third[area] = torch.rand(2, generator=random)
    lines, _, _ = _text(random)
    return second, torch.where(smooth(random, 4) > 0.6, lines, third), torch.ones(SIZE, SIZE)


def _text(random: Generator) -> Texels:
    u, v = grid(64, 20)
    written = (per_cell(white(random, 64, 20), u, v) > 0.2) & (v % 1 < 0.5) & (v % 1 > 0.1)
    length = per_cell(white(random, 1, 20), u * 0, v)
    written &= (u / 64 > 0.08) & (u / 64 < 0.4 + 0.55 * length.sqrt())
    return torch.zeros(SIZE, SIZE), written.float() * 0.8, torch.ones(SIZE, SIZE)


def _gravel(random: Generator) -> Texels:
    distance, which = nearest_points(random, 300)
    tone, hue = torch.rand(2, 300, generator=random)
    return tone[which], hue[which] ** 2, (1.2 - distance * 0.9).clamp(0.3, 1.1)


def _grass(random: Generator) -> Texels:
    blades = fractal(random, 64, 128)
    return fractal(random, 4, 64), 0.6 * fractal(random, 8) ** 2, 0.5 + 0.9 * blades


def _leaves(random: Generator) -> Texels:
    distance, which = nearest_points(random, 200)
    tone, light = torch.rand(2, 200, generator=random)
    deep = 0.25 + 0.9 * fractal(random, 8)
    return tone[which], light[which] ** 3, deep * (1.1 - 0.5 * distance)


def _windows(random: Generator) -> Texels:
    """A facade: glass in frames, floor by floor."""
    u, v = grid(4, 4)
    a, b = u % 1, v % 1
    glass = ((a > 0.25) & (a < 0.75) & (b > 0.25) & (b < 0.8)).float()
    frame = ((a > 0.21) & (a < 0.79) & (b > 0.2) & (b < 0.84)).float() - glass
    bars = glass * (((a - 0.5).abs() < 0.02) | ((b - 0.6).abs() < 0.02)).float()
    curtain = per_cell(white(random, 4, 4), u, v) * 0.5
    shade = 1 - 0.25 * (b > 0.95).float() + glass * (curtain + 0.3 * fractal(random))
    return glass - bars, (frame + bars).clamp(0, 1), shade


def _spots(random: Generator) -> Texels:
    distance, which = nearest_points(random, 60)
    size, hue = torch.rand(2, 60, generator=random)
    spot = (distance < 0.15 + 0.4 * size[which]).float()
    return spot * (hue[which] < 0.6), spot * (hue[which] >= 0.6), 0.95 + 0.1 * white(random)


def _ribs(random: Generator) -> Texels:
    u, _ = grid(16, 1)
    wave = torch.sin(u * 2 * math.pi)
    return torch.zeros(SIZE, SIZE), fractal(random, 4, 32) ** 3 * 0.5, 0.85 + 0.25 * wave


def _cracks(random: Generator) -> Texels:
    """Old asphalt: patches, cracks, stones."""
    cracks = ((fractal(random, 4, 64) - 0.5).abs() < 0.012).float()
    patches = (smooth(random, 4) > 0.7).float()
    return patches * 0.6 + 0.3 * white(random), torch.zeros(SIZE, SIZE), 1 - 0.5 * cracks


def _books(random: Generator) -> Texels:
    u, v = grid(24, 2)
    column = u.floor() + 24 * v.floor()
    height, tone, hue = torch.rand(3, 48, generator=random)
    index = column.long().clamp(0, 47)
    spine = (v % 1 < 0.7 + 0.25 * height[index]).float()
    title = ((v % 1 > 0.3) & (v % 1 < 0.5) & (u % 1 > 0.3) & (u % 1 < 0.7)).float()
    shade = spine * (1 - 0.5 * joints(u, v * 0 + 0.5, 0.08, 0)) + 0.15
    return tone[index], (hue[index] ** 2 + 0.5 * title).clamp(0, 1), shade


def _painting(random: Generator) -> Texels:
    """A view: something bright above, hills and things below."""
    _, v = grid(1, 1)
    ridge = 0.5 + 0.25 * (fractal(random, 4, 32)[:1] - 0.5)
    land = (v < ridge).float()
    blobs = fractal(random, 8, 64)
    return land * (0.4 + 0.6 * blobs), (1 - land) * blobs**2, 1 - 0.4 * land * blobs


def _ornament(random: Generator) -> Texels:
    """A carpet: noise mirrored into rosettes, with a border."""
    quarter = torch.stack((fractal(random, 8, 32), fractal(random, 8, 32)))[:, ::2, ::2]
    half = torch.cat((quarter, quarter.flip(1)), 1)
    second, third = (torch.cat((half, half.flip(2)), 2) > 0.55).float()
    return second, third, 0.85 + 0.3 * white(random)


def _shutters(random: Generator) -> Texels:
    """An office front: bands of glass."""
    u, v = grid(8, 8)
    glass = ((v % 1) > 0.4).float() * ((u % 1) > 0.08).float()
    tone = per_cell(white(random, 8, 8), u, v)
    return glass, (1 - glass) * 0.2 * tone, 0.8 + 0.4 * tone * glass


MAKERS: dict[Texture, Callable[[Generator], Texels]] = {
    Texture.PLAIN: _plain,
    Texture.CLOUDY: _cloudy,
    Texture.MARBLE: _marble,
    Texture.SPECKLE: _speckle,
    Texture.PLANKS: _planks,
    Texture.WOOD: _wood,
    Texture.TILES: _tiles,
    Texture.BRICKS: _bricks,
    Texture.STRIPES: _stripes,
    Texture.CHECKS: _checks,
    Texture.WEAVE: _weave,
    Texture.PRINT: _print,
    Texture.TEXT: _text,
    Texture.GRAVEL: _gravel,
    Texture.GRASS: _grass,
    Texture.LEAVES: _leaves,
    Texture.WINDOWS: _windows,
    Texture.SPOTS: _spots,
    Texture.RIBS: _ribs,
    Texture.CRACKS: _cracks,
    Texture.BOOKS: _books,
    Texture.PAINTING: _painting,
    Texture.ORNAMENT: _ornament,
    Texture.SHUTTERS: _shutters,
}
