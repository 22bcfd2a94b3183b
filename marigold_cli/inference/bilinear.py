"""Bilinear interpolation of any part of an enlarged map, as `interpolate` does it of the whole."""

from __future__ import annotations

import torch
from torch import Tensor

from marigold_cli.inference.resampling import take


def places(size: int, enlarged: int, part: slice) -> Tensor:
    """Where the pixels of a part of an enlarged axis lie on the small one [px], float32.

    Args:
        size: Of the small axis [px].
        enlarged: Of the large one.
        part: Of the large one.
    """
    pixels = torch.arange(part.start, part.stop, dtype=torch.float64)
    return ((pixels + 0.5) * (size / enlarged) - 0.5).float()


def sample(maps: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Maps [..., h, w] at a grid of places -> [..., n, m].

    Beyond the centre of an outermost pixel its value goes on.

    Args:
        maps: Floats.
        y: [n], in rows; 0 is the centre of the first one.
        x: [m], in columns.
    """
    return _between(_between(maps, y, -2), x, -1)


def _between(maps: Tensor, place: Tensor, axis: int) -> Tensor:
    place = place.to(maps.device).clamp(0, maps.shape[axis] - 1)
    first = place.long().clamp_max(max(0, maps.shape[axis] - 2))
    second = (first + 1).clamp_max(maps.shape[axis] - 1)
    share = (place - first).to(maps.dtype)
    share = share[:, None] if axis == -2 else share
    return torch.lerp(take(maps, first, axis), take(maps, second, axis), share)
