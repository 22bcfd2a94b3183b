"""A sparse model: which images were registered, where their cameras stand, and what they saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Doubles
from marigold_cli.scene3d.camera import Camera, Pose

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """One registered image.

    Attributes:
        name: As in the model: relative to the folder of its images.
        camera: Its intrinsics.
        pose: Where it was taken.
        pixels: [N, 2] where points were seen, in the camera's pixels, distorted.
        points: [N] which points these are.
    """

    name: str
    camera: Camera
    pose: Pose
    pixels: Doubles
    points: Ids


@dataclass(frozen=True)
class Cloud:
    """The sparse points, sorted by their number.

    Attributes:
        ids: [P]; with gaps.
        places: [P, 3] in the world.
        errors: [P] mean reprojection error [px].
        tracks: [P] in how many images each was seen.
    """

    ids: Ids
    places: Doubles
    errors: Doubles
    tracks: Ids

    def find(self, ids: Ids) -> Ids:
        """Rows of points by their numbers; -1 for those that are not there."""
        if not self.ids.size:
            return np.full(ids.shape, -1, np.int64)
        rows = np.searchsorted(self.ids, ids).clip(max=self.ids.size - 1)
        return np.where(self.ids[rows] == ids, rows, -1)


@dataclass(frozen=True)
class Survey:
    """The registered images of a scene.

    Attributes:
        folder: Where they were read.
        views: By name, sorted.
    """

    folder: Path
    views: dict[str, View]


@dataclass(frozen=True)
class SparseModel(Survey):
    """All that COLMAP knows of a scene.

    Attributes:
        cloud: The points.
    """

    cloud: Cloud


def sort_cloud(ids: Ids, places: Doubles, errors: Doubles, tracks: Ids) -> Cloud:
    """Make a cloud of points in any order; those whose place is not a number are left out."""
    keep = np.flatnonzero(np.isfinite(places).all(axis=1))
    order = keep[np.argsort(ids[keep], kind="stable")]
    return Cloud(ids[order], places[order], errors[order], tracks[order])
