"""What a camera makes of light: depth of field, exposure, noise, sRGB and JPEG."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)  # quantisation table of ITU-T T.81, K.1
_TO_RGB = ((1, 0, 1.402), (1, -0.344136, -0.714136), (1, 1.772, 0))
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


@dataclass(frozen=True)
class Lenses:
    """One camera a picture, [B] each but balance [B, 3]; see `scene.Lens`."""

    balance: Tensor
    focus: Tensor
    aperture: Tensor
    exposure: Tensor
    contrast: Tensor
    saturation: Tensor
    vignette: Tensor
    blur: Tensor
    bloom: Tensor
    noise: Tensor
    quality: Tensor
    shift: Tensor  # which noise


def _wide(value: Tensor) -> Tensor:
    """[B] or [B, C] to [B, 1 or C, 1, 1]."""
    return value.view(len(value), -1, 1, 1)


def photograph(linear: Tensor, depth: Tensor, lenses: Lenses) -> Tensor:
    """Light [B, 3, H, W] and depth [B, 1, H, W] to sRGB in [0, 1]."""
    picture = _defocus(linear, depth, lenses)
    mean = picture.clamp_max(4).mean((1, 2, 3), keepdim=True)
    picture = picture * (_wide(lenses.exposure) / mean.clamp_min(1e-4))
    glare = _spread(F.avg_pool2d((picture - 0.9).clamp_(0, 3), 4, ceil_mode=True), 4)
    picture += _wide(lenses.bloom) * F.interpolate(glare, picture.shape[-2:], mode="bilinear")
    picture *= _wide(lenses.balance) * _vignette(picture, lenses.vignette)
    picture += _sensor_noise(picture, lenses)
    picture = _to_srgb(_roll_off(picture.clamp_min_(0)))
    grey = picture.mean(1, keepdim=True)
    picture = torch.lerp(grey, picture, _wide(lenses.saturation))
    picture = ((picture - 0.5) * _wide(lenses.contrast) + 0.5).clamp_(0, 1)
    return _compress(picture, lenses.quality).clamp_(0, 1)


def _roll_off(linear: Tensor) -> Tensor:
    """Keep dark and middle tones and bend bright ones below 1."""
    over = (linear - 0.6).clamp_min(0)
    return linear.clamp_max(0.6) + over / (1 + over / 0.4)


def _to_srgb(linear: Tensor) -> Tensor:
    curve = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear < 0.0031308, 12.92 * linear, curve)


def _vignette(picture: Tensor, strength: Tensor) -> Tensor:
    height, width = picture.shape[-2:]
    y = torch.linspace(-1, 1, height, device=picture.device)[:, None]
    x = torch.linspace(-1, 1, width, device=picture.device)
    return 1 - _wide(strength) * (x * x + y * y) / 2


def _spread(picture: Tensor, radius: int) -> Tensor:
    """Running means along both axes, 2 * radius + 1 pixels long."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (radius,) * 4, mode="replicate")
    rows = _add_up([padded[..., i : i + height, :] for i in range(2 * radius + 1)])
    both = _add_up([rows[..., i : i + width] for i in range(2 * radius + 1)])
    return both.div_((2 * radius + 1) ** 2)


def _add_up(parts: list[Tensor]) -> Tensor:
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    return total


def _defocus(linear: Tensor, depth: Tensor, lenses: Lenses) -> Tensor:
    """Blur what is out of focus; sharp things do not bleed into the blur around them."""
    softness = _wide(lenses.blur)
    picture = torch.lerp(linear, _spread(linear, 1), (softness * 0.9).clamp(0, 1))
    if not bool((lenses.aperture > 0).any()):
        return picture
    focus = _wide(lenses.focus)
    circle = _wide(lenses.aperture) * linear.shape[-1] * ((depth - focus).abs() / depth)
    for radius in (2, 5):
        share = (circle / radius).clamp(0, 1)
        weight = share.square() + 1e-4
        seen = _spread(torch.cat((picture * weight, weight), 1), radius)
        blurred = _spread(seen, radius)
        blurred = blurred[:, :3] / blurred[:, 3:]
        picture = torch.lerp(picture, blurred, ((circle - radius / 2) / radius).clamp(0, 1))
    return picture


@functools.lru_cache(maxsize=4)
def _noise_sheet(device: torch.device) -> Tensor:
    """Normal noise, [3, 1024 * 1024], always the same."""
    random = torch.Generator().manual_seed(7)
    return torch.randn(3, 1 << 20, generator=random).to(device)


def _sensor_noise(picture: Tensor, lenses: Lenses) -> Tensor:
    """Noise that grows with the root of light; every picture cuts its own piece of the sheet."""
    height, width = picture.shape[-2:]
    sheet = _noise_sheet(picture.device)
    start = (lenses.shift * (1 << 20)).long()[:, None, None]
    row = torch.arange(height, device=sheet.device)[:, None] * 1024
    place = (start + row + torch.arange(width, device=sheet.device)) % (1 << 20)
    noise = sheet.index_select(1, place.view(-1)).view(3, *place.shape).transpose(0, 1)
    return noise * (picture.clamp(0, 1) * 0.5 + 0.05).sqrt_() * _wide(lenses.noise)


@functools.lru_cache(maxsize=4)
def _cosines(device: torch.device) -> Tensor:
    """The discrete cosine transform of blocks of 8 x 8 values, orthonormal, [64, 64]."""
    k = torch.arange(8.0)
    waves = torch.cos((2 * k + 1) * k[:, None] * (torch.pi / 16)) / 2
    waves[0] /= 2**0.5
    return torch.kron(waves, waves).to(device)


def _compress(picture: Tensor, quality: Tensor) -> Tensor:
    """Quantise blocks of 8 x 8 as JPEG does, colour with doubled steps at full size."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (0, -width % 8, 0, -height % 8), mode="replicate")
    to_ycc = torch.tensor(_TO_YCC, device=picture.device)
    channels = torch.einsum("ij,bjhw->bihw", to_ycc, padded - 0.5)
    size = (len(padded), 3, padded.shape[2] // 8, 8, padded.shape[3] // 8, 8)
    blocks = channels.view(size).transpose(3, 4).reshape(len(padded), 3, -1, 64)
    cosines = _cosines(picture.device)
    step = _steps(quality).view(-1, 1, 1, 64) * picture.new_tensor([1, 2, 2]).view(3, 1, 1) / 255
    waves = (blocks @ cosines.T).div_(step).round_().mul_(step)
    channels = (
        (waves @ cosines).view(*size[:3], size[4], 8, 8).transpose(3, 4).reshape(padded.shape)
    )
    to_rgb = torch.tensor(_TO_RGB, device=picture.device)
    return torch.einsum("ij,bjhw->bihw", to_rgb, channels)[..., :height, :width] + 0.5


def _steps(quality: Tensor) -> Tensor:
    """The quantisation table [B, 8, 8] of a quality from 1 to 100, as libjpeg scales it."""
    table = torch.tensor(_LUMINANCE, dtype=torch.float32, device=quality.device)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    return (table * scale[:, None, None] / 100).clamp_min(1)
