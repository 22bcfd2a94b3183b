"""The value that everybody passes on: a depth map and what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


class DepthKind(StrEnum):
    """What the numbers of a depth map mean."""

    AFFINE_DEPTH = "affine-depth"  # 0 near, 1 far; true depth = scale * value + shift
    AFFINE_DISPARITY = "affine-disparity"  # 0 far, 1 near; true 1/depth = scale * value + shift
    METRIC = "metric"  # [m]


@dataclass(frozen=True)
class DepthMap:
    """One photo's depth.

    Attributes:
        values: float32 [H, W]; its meaning and unit are told by `kind`.
        kind: What the values mean.
        valid: bool [H, W], False where nothing is known; None: valid everywhere.
        uncertainty: float32 [H, W], the ensemble's spread in the unit of `values`, or None.
        inverted: True when affine values were turned around, so that 1 is near in depth.
    """

    values: Floats
    kind: DepthKind = DepthKind.AFFINE_DEPTH
    valid: Mask | None = None
    uncertainty: Floats | None = None
    inverted: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width [px]."""
        height, width = self.values.shape
        return height, width

    @property
    def near_is(self) -> float | None:
        """The value of the nearest point, 0 or 1; None for metric depth."""
        return near_value(self.kind, self.inverted)

    def invert(self) -> DepthMap:
        """Turn affine values around, 0 <-> 1; its own inverse. Metric depth has no such turn."""
        if self.kind is DepthKind.METRIC:
            raise ValueError("metric depth cannot be inverted in [0, 1]")
        return replace(self, values=1 - self.values, inverted=not self.inverted)


def near_value(kind: DepthKind, inverted: bool) -> float | None:
    """The value of the nearest point, 0 or 1; None for metric depth."""
    if kind is DepthKind.METRIC:
        return None
    return float((kind is DepthKind.AFFINE_DISPARITY) != inverted)


def normalise(values: Floats, valid: Mask | None = None) -> Floats:
    """Bring the valid values to [0, 1]; a constant map becomes 0."""
    known = values if valid is None else values[valid]
    low, high = (known.min(), known.max()) if known.size else (np.float32(0), np.float32(0))
    return np.clip((values - low) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
