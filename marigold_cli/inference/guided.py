"""Depth at a photo's full size, its steps brought to the photo's edges by a guided filter.

He, Sun, Tang 2013 and He, Sun 2015 (fast guided filter): in every small window of the predicted
map, depth is an affine function of the colours there, q = a . I + b, with a that is held small;
the functions' means over all windows at a pixel are enlarged and applied to the photo's own pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from marigold_cli.depth import DepthMap, Floats
from marigold_cli.files.raster import Pixels
from marigold_cli.files.strips import split
from marigold_cli.inference.bilinear import places, sample
from marigold_cli.inference.options import Resample
from marigold_cli.inference.preprocess import to_model_frame

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

RADIUS = 2  # of the window, in pixels of the prediction: how far a step may lie from its edge
EPSILON = 1e-3  # variance of colours in [0, 1] below which they say little about depth


@torch.inference_mode()
def refine(depth: DepthMap, photo: Photo, device: torch.device | None = None) -> DepthMap:
    """Bring depth to the size of the photo's pixels, along its edges; the spread stays as it is.

    Args:
        depth: Depth [h, w] of any size, all of it valid; no normals, no intrinsic images.
        photo: What it is the depth of.
        device: Where to compute; None: on the CPU.
    """
    size = photo.pixels.shape[0], photo.pixels.shape[1]
    guide = to_unit_frame(photo.pixels, depth.shape).to(device)  # [3, h, w]
    slope, offset = fit_windows(guide, torch.from_numpy(depth.values).to(device), RADIUS, EPSILON)
    functions = torch.cat([slope, offset[None]])  # [4, h, w]
    values = np.empty(size, np.float32)
    for rows in split(*size):
        values[rows] = _apply(functions, photo.pixels[rows], rows, size)
    np.clip(values, 0, 1 if depth.kind.is_affine else None, out=values)
    return replace(depth, values=values)


def fit_windows(guide: Tensor, depth: Tensor, radius: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """Fit depth by colours in the window around every pixel; mean of all windows at a pixel.

    a = (cov(I) + epsilon)^-1 cov(I, p), b = mean(p) - a . mean(I). Windows end with the map.

    Args:
        guide: Colours I in [0, 1], [3, h, w].
        depth: p, [h, w].
        radius: Of the square windows [px].
        epsilon: Holds a small where colours hardly vary.

    Returns:
        a [3, h, w] and b [h, w].
    """
    mean = box_mean(torch.cat([guide, depth[None]]), radius)  # [4, h, w]
    products = guide[:, None] * torch.cat([guide, depth[None]])  # [3, 4, h, w]
    covariance = box_mean(products, radius) - mean[:3, None] * mean  # [3, 4, h, w]
    matrix = covariance[:, :3].movedim((0, 1), (-2, -1)) + epsilon * torch.eye(3).to(guide)
    slope = _solve_symmetric(matrix, covariance[:, 3].movedim(0, -1)).movedim(-1, 0)  # [3, h, w]
    offset = mean[3] - (slope * mean[:3]).sum(0)
    fitted = box_mean(torch.cat([slope, offset[None]]), radius)
    return fitted[:3], fitted[3]


def box_mean(maps: Tensor, radius: int) -> Tensor:
    """Mean over the square window around every pixel, [..., h, w]; windows end with the map."""
    shape, side = maps.shape, 2 * radius + 1
    planes = maps.reshape(1, -1, *shape[-2:])
    for window, border in (((side, 1), (radius, 0)), ((1, side), (0, radius))):
        planes = functional.avg_pool2d(planes, window, 1, border, count_include_pad=False)
    return planes.reshape(shape)


def _solve_symmetric(matrix: Tensor, target: Tensor) -> Tensor:
    """Cramer's rule for symmetric [..., 3, 3] and [..., 3]; a batch of them is slow to factor."""
    one, two, three = matrix.unbind(-1)
    sides = [torch.linalg.cross(*pair) for pair in ((two, three), (three, one), (one, two))]
    answers = torch.stack([(target * side).sum(-1) for side in sides], dim=-1)
    solved: Tensor = answers / (one * sides[0]).sum(-1, keepdim=True)
    return solved


def to_unit_frame(pixels: Pixels, size: tuple[int, int]) -> Tensor:
    """Pixels [H, W, 3] -> colours [3, *size] float32 in [0, 1], averaged where it gets smaller."""
    return (to_model_frame(pixels, size, Resample.BILINEAR)[0] + 1) / 2


def _apply(functions: Tensor, pixels: Pixels, rows: slice, size: tuple[int, int]) -> Floats:
    """Some rows of the refined depth, [n, W]."""
    height, width = functions.shape[-2:]
    columns = slice(0, size[1])
    here = sample(functions, places(height, size[0], rows), places(width, size[1], columns))
    colours = to_unit_frame(pixels, (len(pixels), size[1])).to(here.device)
    strip: Floats = ((here[:3] * colours).sum(0) + here[3]).cpu().numpy()
    return strip
