"""Surface normals: several predictions of one photo merged into one, and resized. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.inference.median import pieces
from marigold_cli.inference.options import Reduction

_SHORTEST = np.float32(1e-6)  # what is shorter has no direction


@dataclass(frozen=True)
class MergedNormals:
    """One map of normals out of many.

    Attributes:
        normals: float32 [3, H, W], of length 1.
        spread: float32 [H, W] in [0, 1], the members' mean angle to their mean; 1 is opposite.
    """

    normals: Floats
    spread: Floats


def to_unit_length(normals: Floats) -> Floats:
    """Bring vectors along the first axis, [3, ...], to length 1."""
    length = np.sqrt(np.square(normals).sum(axis=0))
    unit: Floats = normals / np.maximum(length, _SHORTEST)
    return unit


def merge_normals(members: Floats, reduction: Reduction) -> MergedNormals:
    """Take of every pixel's members the one closest to their mean direction.

    Args:
        members: float32 [E, 3, H, W], finite, of length 1.
        reduction: The mean gives the mean direction itself.
    """
    count, _, height, width = members.shape
    flat = members.reshape(count, 3, -1)
    normals, spread = np.empty_like(flat[0]), np.empty_like(flat[0, 0])
    for piece in pieces(flat.shape[-1]):
        part = flat[..., piece]  # [E, 3, N]
        mean = to_unit_length(part.mean(axis=0))  # [3, N]
        cosine = np.clip((mean * part).sum(axis=1), -1, 1)  # [E, N]
        spread[piece] = np.arccos(cosine).mean(axis=0) / np.pi
        closest = np.take_along_axis(part, cosine.argmax(axis=0)[None, None], axis=0)[0]
        normals[:, piece] = mean if reduction is Reduction.MEAN else closest
    return MergedNormals(normals.reshape(3, height, width), spread.reshape(height, width))
