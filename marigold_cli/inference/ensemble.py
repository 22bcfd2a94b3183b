"""Several predictions of one photo merged into one. NumPy only; no network, no disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import DepthKind, Floats
from marigold_cli.inference.alignment import align, keep
from marigold_cli.inference.median import median, pieces
from marigold_cli.inference.options import Reduction

SMALLEST_RANGE = np.float32(1e-6)  # what varies less is constant


@dataclass(frozen=True)
class Merged:
    """One prediction out of many.

    Attributes:
        depth: float32, shaped as one member; affine kinds span [0, 1].
        spread: float32 of the same shape, how far members lie from it, in its unit.
    """

    depth: Floats
    spread: Floats


def merge(members: Floats, kind: DepthKind, reduction: Reduction) -> Merged:
    """Align the members, reduce them pixel by pixel, and bring affine depth to [0, 1].

    Args:
        members: float32 [E, H, W] or [E, C, H, W], finite.
        kind: Metric depth and intrinsic images have one scale already and are reduced as they are.
        reduction: The median, with the median distance to it as spread; or the mean, with the
            standard deviation. An even number's median is the middle of the middle two: the
            lower one alone, as in torch, would pull everything nearer.
    """
    flat = members.reshape(len(members), -1)
    alignment = align(flat) if kind.is_affine else keep(flat)
    reduce = _median if reduction is Reduction.MEDIAN else _mean
    depth, spread = np.empty((2, flat.shape[1]), np.float32)
    for piece in pieces(flat.shape[1]):
        depth[piece], spread[piece] = reduce(alignment.apply(flat[:, piece]))
    unit = np.float32(1)
    if kind.is_affine:
        depth, unit = stretch(depth)
    shape = members.shape[1:]
    return Merged(depth.reshape(shape), (spread / unit).reshape(shape))


def stretch(depth: Floats) -> tuple[Floats, np.float32]:
    """Bring depth to [0, 1] and tell the unit it was divided by; a constant map becomes 0."""
    low = depth.min()
    unit = max(depth.max() - low, SMALLEST_RANGE)
    return (depth - low) / unit, unit


def _mean(members: Floats) -> tuple[Floats, Floats]:
    spread: Floats = members.std(axis=0, ddof=min(1, len(members) - 1))
    return members.mean(axis=0), spread


def _median(members: Floats) -> tuple[Floats, Floats]:
    middle = median(members)
    return middle, median(np.abs(members - middle))
