"""Pictures changed as other cameras would have taken them, so that few scenes teach like many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.training.order import mix
from marigold_cli.training.samples import Samples

_ZOOM = 1.6  # a crop is at most so many times smaller than its picture
_GAMMA, _GAIN, _BALANCE = 0.35, 0.25, 0.12  # largest logarithm of the change
_SATURATION = 0.6  # largest change of the colours' distance from grey
_GREY_SHARE, _SOFT_SHARE = 0.08, 0.25  # of pictures that lose their colours, their sharpness
_NOISE = 0.02  # largest deviation, of a range of 1
_GREY = (0.299, 0.587, 0.114)  # weights of red, green and blue in brightness


@dataclass(frozen=True)
class _Change:
    """What happens to each picture; [B, ...].

    Attributes:
        zoom: Factor of at least 1.
        place: [B, 2], of the crop, in [-1, 1] from left to right and from top to bottom.
        gamma: Exponent.
        gain: [B, 3], factors of red, green and blue.
        saturation: 0 is grey, 1 leaves colours as they are.
        softness: 0 is sharp, 1 is the mean of 3 x 3 pixels.
        noise: [B, 3, H, W], to be added.
    """

    zoom: Tensor
    place: Tensor
    gamma: Tensor
    gain: Tensor
    saturation: Tensor
    softness: Tensor
    noise: Tensor


def draw_flips(seeds: Sequence[int]) -> Tensor:
    """Which pictures are mirrored, bool [B]."""
    return torch.tensor([bool(mix(seed, "flip") % 2) for seed in seeds])


def mirror(samples: Samples, flip: Tensor) -> Samples:
    """Turn some pictures left to right; a normal that pointed right then points left.

    Args:
        samples: Any.
        flip: bool [B], which of them.
    """
    chosen = flip.to(samples.rgb.device)[:, None, None, None]

    def turn(images: Tensor) -> Tensor:
        return torch.where(chosen, images.flip(-1), images)

    normals = samples.normals
    if normals is not None:
        sign = normals.new_tensor([-1, 1, 1])[:, None, None]
        normals = torch.where(chosen, normals.flip(-1) * sign, normals)
    return Samples(turn(samples.rgb), turn(samples.depth), turn(samples.valid), normals)


def augment(samples: Samples, seeds: Sequence[int]) -> Samples:
    """Crop pictures and their truth alike, and change the pictures' colours.

    A crop changes neither z-depth nor normals; it is brought back to the picture's size.

    Args:
        samples: Any.
        seeds: One a picture; all that is random depends on it alone.
    """
    change = _draw([mix(seed, "augment") for seed in seeds], samples.rgb.shape, samples.rgb.device)
    rgb = _develop(_crop_smooth(samples.rgb.float() / 255, change), change)
    depth, valid = _crop_sharp(samples.depth, change), _crop_sharp(samples.valid.float(), change)
    normals = None if samples.normals is None else _crop_sharp(samples.normals, change)
    return Samples((rgb * 255).round().to(torch.uint8), depth, valid > 0, normals)


def _draw(keys: Sequence[int], shape: torch.Size, device: torch.device) -> _Change:
    streams = [torch.Generator().manual_seed(key) for key in keys]
    uniform = torch.stack([torch.rand(12, generator=stream) for stream in streams]).to(device)
    normal = torch.stack([torch.randn(shape[1:], generator=stream) for stream in streams])
    zoom, softness, noise, greyness = uniform[:, :4].unbind(1)
    around = uniform[:, 4:] * 2 - 1  # [-1, 1)
    saturation = 1 + _SATURATION * around[:, 7]
    return _Change(
        zoom=_ZOOM**zoom,
        place=around[:, 0:2],
        gamma=torch.exp(_GAMMA * around[:, 2]),
        gain=torch.exp(_GAIN * around[:, 3:4] + _BALANCE * around[:, 4:7]),
        saturation=torch.where(greyness < _GREY_SHARE, 0.0, saturation),
        softness=torch.where(softness < _SOFT_SHARE, softness / _SOFT_SHARE, 0.0),
        noise=_NOISE * _wide(noise.square()) * normal.to(device),
    )


def _crop_smooth(images: Tensor, change: _Change) -> Tensor:
    return F.grid_sample(images, _grid(images, change), padding_mode="border", align_corners=False)


def _crop_sharp(images: Tensor, change: _Change) -> Tensor:
    """Like `_crop_smooth`, but never a value between two surfaces."""
    grid = _grid(images, change)
    return F.grid_sample(images, grid, "nearest", padding_mode="border", align_corners=False)


def _grid(images: Tensor, change: _Change) -> Tensor:
    """Where each pixel [B, H, W] of the crop lies in its picture, (x, y) in [-1, 1]."""
    shrink = 1 / change.zoom  # [B]
    frame = images.new_zeros(len(images), 2, 3)
    frame[:, 0, 0] = frame[:, 1, 1] = shrink
    frame[:, :, 2] = change.place * (1 - shrink)[:, None]
    return F.affine_grid(frame, list(images.shape), align_corners=False)


def _develop(images: Tensor, change: _Change) -> Tensor:
    """Colours, sharpness and noise of images [B, 3, H, W] in [0, 1]."""
    smooth = F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    images = torch.lerp(images, smooth, _wide(change.softness))
    images = images.clamp(0, 1) ** _wide(change.gamma) * _wide(change.gain)
    grey = (images * images.new_tensor(_GREY).view(3, 1, 1)).sum(1, keepdim=True)
    images = torch.lerp(grey, images, _wide(change.saturation))
    return (images + change.noise).clamp(0, 1)


def _wide(values: Tensor) -> Tensor:
    """[B] or [B, C] to [B, 1 or C, 1, 1]."""
    return values.view(len(values), -1, 1, 1)
