"""From a photo's pixels to the frame that the network sees, and back. Inverses stand together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.inference.normals import to_unit_length
from marigold_cli.inference.options import Resample

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

Pixels = NDArray[np.uint8 | np.uint16 | np.float32]

_MODES = {  # "nearest" of torch is off by up to half a pixel
    Resample.BILINEAR: "bilinear",
    Resample.BICUBIC: "bicubic",
    Resample.NEAREST: "nearest-exact",
}

_LEAST_SIDE_PX = 2  # torch's antialiased resize to a width of 1 repeats the first row (2.13)


def processing_size(size: tuple[int, int], resolution: int) -> tuple[int, int]:
    """Height and width while predicting [px].

    Args:
        size: Full upright height and width [px] of the photo, whatever it was decoded at.
        resolution: Long edge [px], up or down; 0: the photo's own.
    """
    if not resolution:
        return size
    height, width = (max(_LEAST_SIDE_PX, side * resolution // max(size)) for side in size)
    return height, width


def to_model_frame(pixels: Pixels, size: tuple[int, int], resample: Resample) -> Tensor:
    """Pixels [H, W, 3] -> image [1, 3, PH, PW] float32 in [-1, 1].

    Args:
        pixels: sRGB; integers span their full range, floats are in [0, 1].
        size: (PH, PW) [px].
        resample: Interpolation; antialiased, save for nearest.
    """
    unit = np.iinfo(pixels.dtype.name).max if pixels.dtype.kind == "u" else 1
    channels = [_resize_channel(pixels[..., channel], size, resample) for channel in range(3)]
    image = torch.cat(channels, dim=1) * (2 / unit) - 1
    return image.clamp_(-1, 1)  # bicubic overshoots


def _resize_channel(channel: Pixels, size: tuple[int, int], resample: Resample) -> Tensor:
    """[H, W] -> [1, 1, PH, PW] float32. One channel at a time: it halves the time at 12 MP."""
    plane = torch.from_numpy(channel.astype(np.float32))[None, None]
    return _interpolate(plane, size, resample, antialias=resample is not Resample.NEAREST)


def resize_photo(photo: Photo, size: tuple[int, int], resample: Resample) -> Photo:
    """Bring a photo's pixels to another size [px], rounded to what their type can say."""
    pixels = photo.pixels
    if pixels.shape[:2] == size:
        return photo
    resized = np.empty((*size, 3), pixels.dtype)
    is_whole = pixels.dtype.kind == "u"
    high = np.iinfo(pixels.dtype.name).max if is_whole else 1
    for channel in range(3):
        plane = _resize_channel(pixels[..., channel], size, resample)[0, 0].clamp_(0, high)
        resized[..., channel] = (plane.round_() if is_whole else plane).numpy()
    return replace(photo, pixels=resized)


def restore(depth: DepthMap, size: tuple[int, int], resample: Resample) -> DepthMap:
    """Bring a map from processing size to (height, width) [px]. Threads may share it."""
    if depth.shape == size:
        return depth
    mask = None if depth.valid is None else depth.valid.astype(np.float32)
    spread = depth.uncertainty
    return replace(
        depth,
        values=_resize_values(depth, size, resample),
        valid=None if mask is None else _resize_map(mask, size, Resample.NEAREST) > 0,
        uncertainty=None if spread is None else _resize_map(spread, size, resample),
    )


def _resize_values(depth: DepthMap, size: tuple[int, int], resample: Resample) -> Floats:
    if depth.kind is DepthKind.NORMALS:
        resized = _resize_planes(depth.values, size, resample).numpy()  # [3, H, W]
        return np.moveaxis(to_unit_length(resized), 0, -1)
    high = None if depth.kind is DepthKind.METRIC else 1
    return _resize_map(depth.values, size, resample, high)


def _resize_map(
    values: Floats, size: tuple[int, int], resample: Resample, high: float | None = None
) -> Floats:
    """[H, W] or [H, W, C] -> [*size, ...], at least 0 and at most *high*: bicubic overshoots."""
    planes = _resize_planes(np.atleast_3d(values), size, resample).clamp_(0, high)
    restored: Floats = np.moveaxis(planes.numpy(), 0, -1)
    return restored.reshape(*size, *values.shape[2:])


def _resize_planes(values: Floats, size: tuple[int, int], resample: Resample) -> Tensor:
    """[H, W, C] -> [C, *size].

    Not antialiased, as in diffusers; it matters only for photos below the processing size.
    """
    planes = torch.from_numpy(np.require(np.moveaxis(values, -1, 0), np.float32, ["C", "W"]))
    return _interpolate(planes[None], size, resample, antialias=False)[0]


def _interpolate(
    plane: Tensor, size: tuple[int, int], resample: Resample, antialias: bool
) -> Tensor:
    if plane.shape[-2:] == size:
        return plane
    return functional.interpolate(plane, size, mode=_MODES[resample], antialias=antialias)


def pad(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples, [..., PPH, PPW]."""
    height, width = image.shape[-2:]
    return functional.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def unpad(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut padding off again: [..., PPH, PPW] -> [..., *size]."""
    return image[..., : size[0], : size[1]]
