"""From a photo's pixels to the frame that the network sees, and back. Inverses stand together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.files.strips import split
from marigold_cli.inference.normals import to_unit_length
from marigold_cli.inference.options import Resample
from marigold_cli.inference.resampling import Resizing

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
    """Bring a map and its spread from processing size to (height, width) [px]."""
    spread = depth.uncertainty
    if depth.shape == size and (spread is None or spread.shape[:2] == size):
        return depth
    whole = _make(Restored(depth, size, resample))
    if spread is None:
        return whole
    return replace(whole, uncertainty=_make(Restored(depth.spread(), size, resample)).values)


def _make(restored: Restored) -> DepthMap:
    """All of it, by and by."""
    height, width = restored.size
    values = np.empty((height, width, *restored.depth.values.shape[2:]), np.float32)
    valid = None if restored.depth.valid is None else np.empty(restored.size, np.bool_)
    for rows in split(height, width):
        part = restored.cut(rows, slice(0, width))
        values[rows] = part.values
        if valid is not None:
            valid[rows] = part.valid
    return replace(restored.depth, values=values, valid=valid, uncertainty=None)


@dataclass(frozen=True)
class Restored:
    """A map brought from processing size to (height, width) [px], of which any part can be had.

    Every part is to the bit what it is of the whole. Threads may share it.
    """

    depth: DepthMap
    size: tuple[int, int]
    resample: Resample

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width [px]."""
        return self.size

    def spread(self) -> Restored:
        """The ensemble's spread, restored alike."""
        return replace(self, depth=self.depth.spread())

    def cut(self, rows: slice, columns: slice) -> DepthMap:
        """A part of it, without its spread. The slices have a start and a stop."""
        depth = self.depth
        if depth.shape == self.size:
            return depth.cut(rows, columns)
        valid = None
        if self._mask is not None:
            valid = self._nearest.cut(self._mask, rows, columns)[0].numpy() > 0
        planes = self._resizing.cut(self._planes, rows, columns)  # [C, n, m]
        return replace(depth, values=self._finish(planes), valid=valid, uncertainty=None)

    def _finish(self, planes: Tensor) -> Floats:
        """Values [n, m] or [n, m, C]; no longer, and no farther out, than what was resized."""
        depth = self.depth
        if depth.kind is DepthKind.NORMALS and not depth.is_spread:
            return np.moveaxis(to_unit_length(planes.numpy()), 0, -1)
        has_end = not depth.is_spread and depth.kind is not DepthKind.METRIC
        bounded: Floats = planes.clamp_(0, 1 if has_end else None).numpy()  # bicubic overshoots
        return bounded[0] if depth.values.ndim == 2 else np.moveaxis(bounded, 0, -1)

    @cached_property
    def _planes(self) -> Tensor:
        """The values, [C, h, w]."""
        planes = np.moveaxis(np.atleast_3d(self.depth.values), -1, 0)
        return torch.from_numpy(np.require(planes, np.float32, ["C", "W"]))

    @cached_property
    def _mask(self) -> Tensor | None:
        """1 where something is known, [1, h, w]."""
        valid = self.depth.valid
        return None if valid is None else torch.from_numpy(valid[None].astype(np.float32))

    @cached_property
    def _resizing(self) -> Resizing:
        return Resizing.of(self.depth.shape, self.size, self.resample)

    @cached_property
    def _nearest(self) -> Resizing:
        return Resizing.of(self.depth.shape, self.size, Resample.NEAREST)


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
