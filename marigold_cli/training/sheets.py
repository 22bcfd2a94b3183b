"""Contact sheets: what the network makes of a few pictures, beside the pictures and the truth."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from marigold_cli.depth import Floats, Mask
from marigold_cli.files.colormap import palette
from marigold_cli.files.disk import write_whole
from marigold_cli.fit import fit_affine
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import depth_image, known_normals, normals_of

Pixels = NDArray[np.uint8]

_COLOURS = "spectral"


def draw_sheet(samples: Samples, predicted: Tensor) -> Pixels:
    """One row a picture: image, prediction, truth; what is not known is black in the truth.

    Args:
        samples: Pictures with their truth.
        predicted: [B, 1, H, W], depth, shown at the scale and shift that fit best, or [B, 3, H, W],
            normals.

    Returns:
        uint8 [B * H, 3 * W, 3] sRGB.
    """
    images = samples.rgb.permute(0, 2, 3, 1).cpu().numpy()
    if predicted.shape[1] == 1:
        answers, truths = _depths(samples, predicted)
    else:
        truth = normals_of(samples).masked_fill(~known_normals(samples), -1)
        answers, truths = _normals(predicted), _normals(truth)
    rows = zip(images, answers, truths, strict=True)
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def write_sheet(sheet: Pixels, path: Path) -> None:
    """Write a PNG that is whole from the moment it has its name.

    Raises:
        OutputError: The disk takes no more.
    """
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    write_whole(path, buffer.getvalue(), fsync=False)


def _depths(samples: Samples, predicted: Tensor) -> tuple[list[Pixels], list[Pixels]]:
    truth, _ = depth_image(samples.depth, samples.valid)
    maps = [part[:, 0].cpu().float().numpy() for part in ((truth + 1) / 2, predicted)]
    valid = samples.valid[:, 0].cpu().numpy()
    pairs = [_pair(*parts) for parts in zip(*maps, valid, strict=True)]
    return [answer for answer, _ in pairs], [truth for _, truth in pairs]


def _pair(truth: Floats, predicted: Floats, valid: Mask) -> tuple[Pixels, Pixels]:
    """A prediction and its truth in the same colours."""
    if valid.any():
        predicted = fit_affine(predicted[valid], truth[valid])(predicted)
    return _colour(predicted), np.where(valid[..., None], _colour(truth), 0).astype(np.uint8)


def _colour(depth: Floats) -> Pixels:
    index = np.nan_to_num(depth * 255).clip(0, 255).astype(np.uint8)
    coloured: Pixels = palette(_COLOURS)[index]
    return coloured


def _normals(normals: Tensor) -> list[Pixels]:
    """Directions as colours, the way they are usually shown."""
    length = torch.linalg.vector_norm(normals, dim=1, keepdim=True).clamp_min(1)
    colour = ((normals / length + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return list(colour.permute(0, 2, 3, 1).cpu().numpy())
