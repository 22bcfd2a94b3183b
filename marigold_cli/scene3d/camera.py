"""Cameras as COLMAP describes them: how a lens bends, where a camera stands, and both undone.

Camera frame: x right, y down, z forward. Pixels: the corner of the first one is (0, 0), its centre
(0.5, 0.5). Depth is z, not the length of the ray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import Doubles

_STEPS = 20  # of Newton's method; five are enough for lenses that one can buy
_NEAR_ENOUGH = 1e-12  # in units of the focal length
_PROBE = 1e-6  # for derivatives


@dataclass(frozen=True)
class Lens:
    """One of COLMAP's camera models.

    Attributes:
        focals: Focal lengths that it has: 1 for both axes, or one each.
        coefficients: Numbers behind the principal point.
        fisheye: Whether the angle to the axis is what is bent, not its tangent.
        known: Whether it can be projected with here.
    """

    focals: int
    coefficients: int
    fisheye: bool = False
    known: bool = True

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.focals + 2 + self.coefficients


LENSES = {  # in the order of their numbers in binary files
    "SIMPLE_PINHOLE": Lens(1, 0),
    "PINHOLE": Lens(2, 0),
    "SIMPLE_RADIAL": Lens(1, 1),
    "RADIAL": Lens(1, 2),
    "OPENCV": Lens(2, 4),
    "OPENCV_FISHEYE": Lens(2, 4, fisheye=True),
    "FULL_OPENCV": Lens(2, 8),
    "FOV": Lens(2, 1, known=False),
    "SIMPLE_RADIAL_FISHEYE": Lens(1, 1, fisheye=True),
    "RADIAL_FISHEYE": Lens(1, 2, fisheye=True),
    "THIN_PRISM_FISHEYE": Lens(2, 8, known=False),
    "RAD_TAN_THIN_PRISM_FISHEYE": Lens(2, 12, known=False),
    "SIMPLE_DIVISION": Lens(1, 1, known=False),
    "DIVISION": Lens(2, 1, known=False),
    "SIMPLE_FISHEYE": Lens(1, 0, fisheye=True),
    "FISHEYE": Lens(2, 0, fisheye=True),
    "EUCM": Lens(2, 2, known=False),
    "EQUIRECTANGULAR": Lens(0, 0, known=False),
}


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
        """Whether straight lines stay straight."""
        return not LENSES[self.model].fisheye and not any(self._coefficients)

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

    @property
    def _coefficients(self) -> tuple[float, ...]:
        return self.params[LENSES[self.model].focals + 2 :]

    def project(self, points: Doubles) -> Doubles:
        """Points in the camera's frame [..., 3] with z > 0 to pixels [..., 2]."""
        flat = points[..., :2] / points[..., 2:]
        pixels: Doubles = self._bend(flat) * self.focal + self.centre
        return pixels

    def rays(self, pixels: Doubles) -> Doubles:
        """Undo `project` up to the depth: pixels [..., 2] to points [..., 3] with z = 1.

        Beyond what the lens can see they are NaN.
        """
        flat = self._straighten((pixels - self.centre) / self.focal)
        return np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)

    def grid(self, height: int, width: int) -> Doubles:
        """Centres of the pixels of a map of the whole image, in the camera's pixels [H, W, 2]."""
        columns = (np.arange(width) + 0.5) * (self.width / width)
        rows = (np.arange(height) + 0.5) * (self.height / height)
        return np.stack(np.meshgrid(columns, rows), axis=-1)

    def _bend(self, flat: Doubles) -> Doubles:
        if self.is_pinhole:
            return flat
        if LENSES[self.model].fisheye:
            radius = np.linalg.norm(flat, axis=-1, keepdims=True)
            angle = np.arctan(radius)
            return flat * _ratio(angle * self._swell(angle), radius)
        return _bend_brown(flat, self._coefficients)

    def _straighten(self, bent: Doubles) -> Doubles:
        if self.is_pinhole:
            return bent
        if LENSES[self.model].fisheye:
            return self._straighten_fisheye(bent)
        flat = bent.copy()
        for _ in range(_STEPS):
            step = _newton_step(lambda at: _bend_brown(at, self._coefficients), flat, bent)
            flat -= step
            if not np.abs(step).max(initial=0) > _NEAR_ENOUGH:
                break
        return flat

    def _straighten_fisheye(self, bent: Doubles) -> Doubles:
        radius = np.linalg.norm(bent, axis=-1, keepdims=True)
        angle = radius.copy()
        for _ in range(_STEPS):
            ahead = (angle + _PROBE) * self._swell(angle + _PROBE)
            here = angle * self._swell(angle)
            angle -= (here - radius) * _PROBE / (ahead - here)
        angle[~((angle >= 0) & (angle < np.pi / 2))] = np.nan
        return bent * _ratio(np.tan(angle), radius)

    def _swell(self, angle: Doubles) -> Doubles:
        """1 + k1 a^2 + k2 a^4 + ..., the bend of a fisheye at an angle a."""
        swell = np.ones_like(angle)
        for power, coefficient in enumerate(self._coefficients, start=1):
            swell += coefficient * angle ** (2 * power)
        return swell


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    """Their quotient; 1 at the axis, where both vanish."""
    return np.divide(above, below, out=np.ones_like(below), where=below > 0)


def _bend_brown(flat: Doubles, coefficients: tuple[float, ...]) -> Doubles:
    """Brown's radial and tangential distortion, rational as in OpenCV."""
    padded = (*coefficients, *([0.0] * (8 - len(coefficients))))
    k1, k2, p1, p2, k3, k4, k5, k6 = padded
    x, y = flat[..., 0], flat[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    if k4 or k5 or k6:
        radial = radial / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    return np.stack([bent_x, bent_y], axis=-1)


def _newton_step(bend: Callable[[Doubles], Doubles], at: Doubles, goal: Doubles) -> Doubles:
    """J^-1 (bend(at) - goal) for a function of the plane with the derivative J."""
    here = bend(at)
    a, c = np.moveaxis((bend(at + np.array([_PROBE, 0])) - here) / _PROBE, -1, 0)
    b, d = np.moveaxis((bend(at + np.array([0, _PROBE])) - here) / _PROBE, -1, 0)
    off_x, off_y = np.moveaxis(here - goal, -1, 0)
    determinant = a * d - b * c
    step = np.stack([d * off_x - b * off_y, a * off_y - c * off_x], axis=-1)
    quotient: Doubles = step / determinant[..., None]
    return quotient


@dataclass(frozen=True)
class Pose:
    """Where a camera stands: x_camera = rotation @ x_world + translation."""

    rotation: Doubles  # [3, 3]
    translation: Doubles  # [3]

    @classmethod
    def of_quaternion(cls, quaternion: Doubles, translation: Doubles) -> Pose:
        """From (w, x, y, z) of any length, and a translation; NaN where the length is 0."""
        with np.errstate(invalid="ignore"):
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
