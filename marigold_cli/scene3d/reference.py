"""Measured depth beside photos: LiDAR, a depth camera, another program's maps; sparse or dense."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from marigold_cli.depth import Doubles
from marigold_cli.errors import ImageError, Kind, NoInputError, UsageError
from marigold_cli.files.readers import Numbers, read_plane, read_steps
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.observations import Observations
from marigold_cli.scene3d.options import ReferenceOptions
from marigold_cli.scene3d.ply import read_ply
from marigold_cli.scene3d.sparse import Ids

_MOST = 20_000  # pixels that a fit looks at
_SUFFIXES = (".npy", ".png", ".ply", ".NPY", ".PNG", ".PLY")


class Reference:
    """A folder of measured depth, named after the photos.

    NAME.npy and NAME.png (16-bit) are maps of the whole picture, of any size, in which 0, negative
    numbers and NaN mean unknown; NAME.ply is points in the camera's frame.

    Raises:
        NoInputError: the folder is not there.
    """

    def __init__(self, options: ReferenceOptions) -> None:
        self.options = options
        if not options.folder.is_dir():
            raise NoInputError(f"{options.folder}: no folder of reference depth")

    def check(self, names: Iterable[str]) -> None:
        """Refuse references that have nothing to do with these photos.

        Raises:
            NoInputError: not one photo has a reference.
        """
        known = list(names)
        if not any(self.find(name) for name in known):
            raise NoInputError(
                f"{self.options.folder}: no reference is named like a photo of this run, "
                f"such as {known[0]!r}; .npy, .png and .ply are looked for"
            )

    def find(self, name: str) -> Path | None:
        """The file of a photo; None: there is none."""
        for base in dict.fromkeys((stem_of(name), name, stem_of(name) + "_depth")):
            for suffix in _SUFFIXES:
                path = self.options.folder / (base + suffix)
                if path.is_file():
                    return path
        return None

    def observe(self, path: Path, shape: tuple[int, int], camera: Camera | None) -> Observations:
        """Read a photo's reference.

        Args:
            path: Of `find`.
            shape: Height and width of the photo's depth map.
            camera: Of the sparse model, where there is one.

        Raises:
            ImageError: the file is damaged.
            UsageError: points without intrinsics.
        """
        try:
            if path.suffix.lower() == ".ply":
                return self._observe_points(read_ply(path), shape, camera)
            if path.suffix.lower() == ".png":
                return _observe_map(read_steps(path.read_bytes()), self.options.step)
            return _observe_map(read_plane(path.read_bytes()))
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise ImageError(Kind.FORMAT, f"{path}: cannot be read ({error})") from error

    def _observe_points(
        self, points: Doubles, shape: tuple[int, int], camera: Camera | None
    ) -> Observations:
        if self.options.intrinsics:
            camera = Camera("PINHOLE", shape[1], shape[0], self.options.intrinsics)
        if camera is None:
            raise UsageError(
                "points in a PLY need the camera: add --intrinsics FX,FY,CX,CY or --colmap DIR"
            )
        ahead = points[np.isfinite(points).all(axis=1) & (points[:, 2] > 0)]
        pixels = camera.project(ahead)
        size = (camera.height, camera.width)
        inside = ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)
        chosen = _thin(np.flatnonzero(inside))
        return Observations(pixels[chosen], ahead[chosen, 2], size)


def _observe_map(values: Numbers, step: float = 1.0) -> Observations:
    """Some of the known pixels of a map whose numbers are so many steps of depth."""
    height, width = values.shape
    known = _thin(np.flatnonzero(np.isfinite(values) & (values > 0)))
    rows, columns = np.divmod(known, width)
    pixels = np.stack([columns + 0.5, rows + 0.5], axis=1)
    return Observations(pixels, values[rows, columns].astype(np.float64) * step, (height, width))


def _thin(places: Ids) -> Ids:
    """Take some of very many, evenly and at random, the same every time, in their order."""
    if places.size <= _MOST:
        return places
    return places[np.sort(np.random.default_rng(0).choice(places.size, _MOST, replace=False))]
