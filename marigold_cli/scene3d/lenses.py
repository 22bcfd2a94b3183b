"""How COLMAP's lenses bend what they see, and that undone.

A direction is flat as a pinhole would see it: (x / z, y / z). The lens bends it to a place in the
picture, in focal lengths from the principal point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marigold_cli.depth import Doubles

_STEPS = 20  # of Newton's method; five are enough for lenses that one can buy
_NEAR_ENOUGH = 1e-12  # in units of the focal length
_SAME = 1e-6  # the same, for a direction that was found to be the one that was looked for
_PROBE = 1e-6  # for derivatives
_ANGLES = 2048  # from the axis to a right angle, at which a lens is followed to its rim


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
class Bend:
    """What one lens does to directions [..., 2].

    Attributes:
        coefficients: Of its model, behind the principal point.
        fisheye: Whether the angle to the axis is what is bent, not its tangent.
    """

    coefficients: tuple[float, ...]
    fisheye: bool

    @property
    def is_straight(self) -> bool:
        """Whether it bends nothing."""
        return not self.fisheye and not any(self.coefficients)

    def bend(self, flat: Doubles) -> Doubles:
        """Flat to bent; NaN beyond the rim, where the formula would fold back into the picture."""
        if self.is_straight:
            return flat
        is_seen = np.hypot(flat[..., :1], flat[..., 1:]) < self.rim
        with np.errstate(over="ignore", invalid="ignore"):
            return self._formula(np.where(is_seen, flat, np.nan))

    def straighten(self, bent: Doubles) -> Doubles:
        """Undo `bend`; NaN where no direction is bent to."""
        if self.is_straight:
            return bent
        with np.errstate(all="ignore"):  # a search that leads nowhere may lead far
            flat = self._undo_fisheye(bent) if self.fisheye else self._undo_brown(bent)
            off = np.abs(self.bend(flat) - bent).max(axis=-1, keepdims=True)
        return np.where(off <= _SAME, flat, np.nan)

    @cached_property
    def rim(self) -> float:
        """Tangent of the angle to the axis up to which what is farther out is bent farther out."""
        angles = np.linspace(0, np.pi / 2, _ANGLES, endpoint=False, dtype=np.float64)
        radii = np.tan(angles)
        with np.errstate(all="ignore"):
            swell = self._swell(angles) if self.fisheye else _radial(radii**2, self.coefficients)
            farther = np.diff((angles if self.fisheye else radii) * swell) > 0
        return np.inf if farther.all() else float(radii[farther.argmin()])

    def _formula(self, flat: Doubles) -> Doubles:
        if not self.fisheye:
            return _bend_brown(flat, self.coefficients)
        radius = np.linalg.norm(flat, axis=-1, keepdims=True)
        angle = np.arctan(radius)
        return flat * _ratio(angle * self._swell(angle), radius)

    def _undo_brown(self, bent: Doubles) -> Doubles:
        flat = bent.copy()
        for _ in range(_STEPS):
            step = _newton_step(lambda at: _bend_brown(at, self.coefficients), flat, bent)
            flat -= step
            if not (np.abs(step) > _NEAR_ENOUGH).any():  # NaN is not
                break
        return flat

    def _undo_fisheye(self, bent: Doubles) -> Doubles:
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
        for power, coefficient in enumerate(self.coefficients, start=1):
            swell += coefficient * angle ** (2 * power)
        return swell


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    """Their quotient; 1 at the axis, where both vanish."""
    return np.divide(above, below, out=np.ones_like(below), where=below > 0)


def _bend_brown(flat: Doubles, coefficients: tuple[float, ...]) -> Doubles:
    """Brown's radial and tangential distortion, rational as in OpenCV."""
    _, _, p1, p2, *_ = _padded(coefficients)
    x, y = flat[..., 0], flat[..., 1]
    r2 = x * x + y * y
    radial = _radial(r2, coefficients)
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    return np.stack([bent_x, bent_y], axis=-1)


def _radial(r2: Doubles, coefficients: tuple[float, ...]) -> Doubles:
    """Its radial part at squared distances from the axis."""
    k1, k2, _, _, k3, k4, k5, k6 = _padded(coefficients)
    radial: Doubles = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    if k4 or k5 or k6:
        radial = radial / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    return radial


def _padded(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    return (*coefficients, *([0.0] * (8 - len(coefficients))))


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
