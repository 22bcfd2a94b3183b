"""Coloured point clouds with normals in world coordinates, one for each image.

points/NAME.ply
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Floats, Mask
from marigold_cli.files.decode import decode
from marigold_cli.files.orientation import turn_stored
from marigold_cli.files.raster import DecodePolicy, from_unit, to_unit
from marigold_cli.files.source import read_source
from marigold_cli.scene3d.exports.layout import Frame, Layout
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.normals import normals_of, points_of
from marigold_cli.scene3d.ply import encode_ply
from marigold_cli.scene3d.resample import resize

_GREY = 128


class CloudLayout(Layout):
    """For MeshLab, CloudCompare and everything else that reads PLY."""

    needs_pinhole = False

    def paths(self, name: str) -> Sequence[str]:
        """The cloud."""
        return (f"points/{stem_of(name)}.ply",)

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the cloud."""
        points = points_of(frame.depth, frame.camera)
        is_seen = np.isfinite(points[..., 0])  # depth also covers what the lens cannot see
        chosen = thin(frame.trusted & is_seen, self.stage.options.most_points)
        normals: Floats = normals_of(frame.depth, frame.camera)[chosen]
        places = frame.pose.to_world(points[chosen].astype(float))
        turned = normals @ frame.pose.rotation.astype(np.float32)
        yield encode_ply(places.astype(np.float32), turned, self._colours(frame)[chosen])

    def _colours(self, frame: Frame) -> NDArray[np.uint8]:
        """The image's colours at the pixels of the depth map [H, W, 3]; grey without an image.

        Raises:
            ImageError: the image cannot be read.
        """
        height, width = frame.depth.shape
        path = self._image(frame.name)
        if not path.is_file():
            return np.full((height, width, 3), _GREY, np.uint8)
        photo = decode(read_source(path), frame.name, DecodePolicy())
        stored = turn_stored(photo.pixels, photo.orientation)
        nearest = to_unit(resize(stored, height, width))
        return from_unit(nearest, np.dtype(np.uint8)).astype(np.uint8)

    def advice(self) -> list[str]:
        """Where the clouds are, and why they have no colours."""
        clouds = f"{self.stage.scene}/points holds one cloud for each image, in world coordinates"
        grey = sum(not self._image(name).is_file() for name in self.stage.accepted)
        if not grey:
            return [clouds]
        return [clouds, f"{grey:,} of them are grey: {self._image('')} does not have the images"]

    def _image(self, name: str) -> Path:
        return self.stage.scene / "images" / name


def thin(mask: Mask, most: int) -> Mask:
    """Keep every so many rows and columns of a mask, so that about so many pixels are left."""
    step = max(1, int(np.ceil(np.sqrt(mask.sum() / most))))
    kept = np.zeros_like(mask)
    kept[::step, ::step] = mask[::step, ::step]
    return kept
