"""The value that everybody passes on: a map of depth, normals or intrinsics, and its meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Modality(StrEnum):
    """What of a photo is estimated."""

    DEPTH = "depth"
    NORMALS = "normals"
    IID = "iid"  # intrinsic image decomposition


class DepthKind(StrEnum):
    """What the numbers of a map mean."""

    AFFINE_DEPTH = "affine-depth"  # 0 near, 1 far; true depth = scale * value + shift
    AFFINE_DISPARITY = "affine-disparity"  # 0 far, 1 near; true 1/depth = scale * value + shift
    METRIC = "metric"  # [m]
    NORMALS = "normals"  # vectors of length 1; x points right, y up, z to the viewer
    INTRINSICS = "intrinsics"  # pictures such as albedo and shading, each in [0, 1]

    @property
    def modality(self) -> Modality:
        """What of a photo such numbers tell."""
        return _MODALITIES.get(self, Modality.DEPTH)

    @property
    def is_affine(self) -> bool:
        """Whether values lie in [0, 1] and can be turned around."""
        return self in (DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY)


_MODALITIES = {DepthKind.NORMALS: Modality.NORMALS, DepthKind.INTRINSICS: Modality.IID}


class Space(StrEnum):
    """How the numbers of an intrinsic image are to be read."""

    SRGB = "srgb"  # as a picture's
    LINEAR = "linear"  # proportional to light
    STACK = "stack"  # three maps of their own, such as roughness and metallicity


@dataclass(frozen=True)
class Intrinsic:
    """What is known of one intrinsic image of a decomposition.

    Attributes:
        name: "albedo", "shading" and the like; part of file names.
        space: How its numbers are to be read.
        is_up_to_scale: Whether one factor for the whole image is not known.
        channels: Names of a stack's maps, None for one that means nothing; empty otherwise.
    """

    name: str
    space: Space = Space.SRGB
    is_up_to_scale: bool = False
    channels: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class DepthMap:
    """One photo's depth, its normals, or its intrinsic images.

    Attributes:
        values: float32 [H, W], [H, W, 3] of normals, or [H, W, 3 N] of N intrinsic images side by
            side; meaning and unit are told by `kind`.
        kind: What the values mean.
        valid: bool [H, W], False where nothing is known; None: valid everywhere.
        uncertainty: float32 [H, W], the ensemble's spread in the unit of `values`, or as share of
            a half turn; [H, W, 3 N] of intrinsic images; or None. It may be smaller than `values`.
        inverted: True when affine values were turned around, so that 1 is near in depth.
        intrinsics: What the N intrinsic images are.
        is_spread: True when the values are themselves the spread of such a map.
    """

    values: Floats
    kind: DepthKind = DepthKind.AFFINE_DEPTH
    valid: Mask | None = None
    uncertainty: Floats | None = None
    inverted: bool = False
    intrinsics: tuple[Intrinsic, ...] = ()
    is_spread: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width [px]."""
        height, width = self.values.shape[:2]
        return height, width

    @property
    def near_is(self) -> float | None:
        """The value of the nearest point, 0 or 1; None where values are not affine."""
        return near_value(self.kind, self.inverted)

    def invert(self) -> DepthMap:
        """Turn affine values around, 0 <-> 1; its own inverse. Nothing else has such a turn."""
        if not self.kind.is_affine:
            raise ValueError(f"{self.kind} values cannot be inverted in [0, 1]")
        values = self.values if self.is_spread else 1 - self.values
        return replace(self, values=values, inverted=not self.inverted)

    def spread(self) -> DepthMap:
        """The ensemble's spread as a map of its own.

        Raises:
            ValueError: a single member made this map.
        """
        if self.uncertainty is None:
            raise ValueError("a single prediction has no uncertainty to write")
        return replace(self, values=self.uncertainty, uncertainty=None, is_spread=True)

    def cut(self, rows: slice, columns: slice) -> DepthMap:
        """A part of this map, without its spread; a view."""
        valid = None if self.valid is None else self.valid[rows, columns]
        return replace(self, values=self.values[rows, columns], valid=valid, uncertainty=None)

    def only(self, name: str) -> DepthMap:
        """Take one intrinsic image, [H, W, 3], out of a decomposition; "": all there is."""
        if not name:
            return self
        place = [intrinsic.name for intrinsic in self.intrinsics].index(name)
        own, spread = slice(3 * place, 3 * place + 3), self.uncertainty
        return replace(
            self,
            values=self.values[..., own],
            uncertainty=None if spread is None else spread[..., own],
            intrinsics=(self.intrinsics[place],),
        )


class AnyMap(Protocol):
    """A map of which any part can be had, whether or not there is memory for the whole.

    A `DepthMap` is one.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width [px]."""

    def spread(self) -> AnyMap:
        """The ensemble's spread as a map of its own; ValueError: there is none."""

    def cut(self, rows: slice, columns: slice) -> DepthMap:
        """A part of it, without its spread."""


def near_value(kind: DepthKind, inverted: bool) -> float | None:
    """The value of the nearest point, 0 or 1; None where values are not affine."""
    if not kind.is_affine:
        return None
    return float((kind is DepthKind.AFFINE_DISPARITY) != inverted)


def normalise(values: Floats, low: np.float32, high: np.float32) -> Floats:
    """Bring values from [low, high] to [0, 1]; a constant map becomes 0."""
    unit = max(high - low, np.finfo(np.float32).tiny)
    share: Floats = np.clip((values - low) / unit, 0, 1)
    return share
