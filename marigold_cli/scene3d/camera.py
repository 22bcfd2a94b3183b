"""Cameras as COLMAP describes them: where a point is seen, where a camera stands, both undone.

Camera frame: x right, y down, z forward. Pixels: the corner of the first one is (0, 0), its centre
(0.5, 0.5). Depth is z, not the length of the ray.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marigold_cli.depth import Doubles
from marigold_cli.errors import ImageError, Kind
from marigold_cli.scene3d.lenses import LENSES, Bend

_STRIP = 64  # rows; what is computed for a pixel takes many times its place in a map


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one or many images.

    Attributes:
        model: One of `LENSES`.
        width: [px].
        height: [px].
        params: Focal lengths, principal point [px], coefficients of the lens.
    """

    model: str
    width: int
    height: int
    params: tuple[float, ...]

    def __str__(self) -> str:
        """As a line of cameras.txt."""
        numbers = " ".join(f"{value:g}" for value in self.params)
        return f"{self.model} {self.width} {self.height} {numbers}"

    @property
    def is_known(self) -> bool:
        """Whether this model can be projected with."""
        return LENSES[self.model].known

    @property
    def is_sound(self) -> bool:
        """Whether its size and parameters are numbers of the kind that they must be."""
        sizes = (self.width, self.height, *self.params[: LENSES[self.model].focals])
        return min(sizes) > 0 and bool(np.isfinite(self.params).all())

    @property
    def is_pinhole(self) -> bool:
        """Whether straight lines are known to stay straight."""
        return self.is_known and self.lens.is_straight

    @cached_property
    def lens(self) -> Bend:
        """How its lens bends.

        Raises:
            ImageError: it is of a model that cannot be projected with.
        """
        if not self.is_known:
            raise ImageError(Kind.FORMAT, f"nothing can be computed with a {self.model} camera yet")
        lens = LENSES[self.model]
        return Bend(self.params[lens.focals + 2 :], lens.fisheye)

    @property
    def focal(self) -> Doubles:
        """Focal lengths along x and y [px]."""
        focals = LENSES[self.model].focals
        return np.array([self.params[0], self.params[focals - 1]])

    @property
    def centre(self) -> Doubles:
        """Principal point [px]."""
        focals = LENSES[self.model].focals
        return np.array(self.params[focals : focals + 2])

    @property
    def matrix(self) -> Doubles:
        """K [3, 3]; the lens's bend is not in it."""
        (fx, fy), (cx, cy) = self.focal, self.centre
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])

    def project(self, points: Doubles) -> Doubles:
        """Points in the camera's frame [..., 3] with z > 0 to pixels [..., 2].

        Where the lens does not see them they are NaN.

        Raises:
            ImageError: the lens is not known; so for `rays`.
        """
        flat = points[..., :2] / points[..., 2:]
        pixels: Doubles = self.lens.bend(flat) * self.focal + self.centre
        return pixels

    def rays(self, pixels: Doubles) -> Doubles:
        """Undo `project` up to the depth: pixels [..., 2] to points [..., 3] with z = 1.

        Beyond what the lens can see they are NaN.
        """
        flat = self.lens.straighten((pixels - self.centre) / self.focal)
        return np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)

    def grid(self, height: int, width: int, rows: slice = slice(None)) -> Doubles:
        """Centres of the pixels of a map of the whole image, in the camera's pixels [H, W, 2].

        Args:
            height: Of the map.
            width: Of the map.
            rows: Those of it that are wanted.
        """
        across = (np.arange(width) + 0.5) * (self.width / width)
        down = (np.arange(height)[rows] + 0.5) * (self.height / height)
        return np.stack(np.meshgrid(across, down), axis=-1)

    def strips(self, height: int, width: int) -> Iterator[tuple[slice, Doubles]]:
        """The same strip by strip, each with its rows, for large maps."""
        for rows in strips(height):
            yield rows, self.grid(height, width, rows)


def strips(height: int) -> Iterator[slice]:
    """The rows of a map, some at a time."""
    return (slice(top, min(top + _STRIP, height)) for top in range(0, height, _STRIP))


@dataclass(frozen=True)
class Pose:
    """Where a camera stands: x_camera = rotation @ x_world + translation."""

    rotation: Doubles  # [3, 3]
    translation: Doubles  # [3]

    @classmethod
    def of_quaternion(cls, quaternion: Doubles, translation: Doubles) -> Pose:
        """From (w, x, y, z) of any length, and a translation; NaN where the length is 0."""
        with np.errstate(over="ignore", invalid="ignore"):
            w, x, y, z = quaternion / np.linalg.norm(quaternion)
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        return cls(rotation, np.asarray(translation, np.float64))

    @property
    def centre(self) -> Doubles:
        """Where the camera stands in the world [3]."""
        centre: Doubles = -self.rotation.T @ self.translation
        return centre

    def to_camera(self, points: Doubles) -> Doubles:
        """World to camera frame, [..., 3]."""
        moved: Doubles = points @ self.rotation.T + self.translation
        return moved

    def to_world(self, points: Doubles) -> Doubles:
        """Camera frame to world, [..., 3]; the inverse of `to_camera`."""
        moved: Doubles = (points - self.translation) @ self.rotation
        return moved
