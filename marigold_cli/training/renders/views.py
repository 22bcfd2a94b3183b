"""Where a picture is taken from, and whether it would be worth taking."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """A camera.

    Attributes:
        x, y, z: Its place [m].
        heading: Where it looks, anticlockwise from +x [rad].
        pitch: Upwards [rad].
        roll: Anticlockwise, of the camera [rad].
        field_of_view: Horizontal [rad].
        f_stop: None for sharpness everywhere.
        focus: z-depth that is sharp [m].
    """

    x: float
    y: float
    z: float
    heading: float
    pitch: float
    roll: float
    field_of_view: float
    f_stop: float | None = None
    focus: float = 1.0


def look(
    place: tuple[float, float, float],
    target: tuple[float, float, float],
    rng: np.random.Generator,
    degrees: tuple[float, float] = (30, 95),
) -> View:
    """From a place towards a target, not quite centred nor level, through some lens."""
    away = np.subtract(target, place)
    angle = math.radians(rng.uniform(*degrees))
    heading = math.atan2(away[1], away[0]) + rng.normal(0, 0.12) * angle
    pitch = math.atan2(away[2], math.hypot(away[0], away[1])) + rng.normal(0, 0.08) * angle
    roll = rng.normal(0, 0.02) if rng.random() < 0.8 else rng.normal(0, 0.08)
    return View(*place, heading, float(np.clip(pitch, -1.5, 0.9)), roll, angle)


def blurred(view: View, focus: float, rng: np.random.Generator) -> View:
    """The same through a wide open lens, with some chance.

    Args:
        view: A sharp one.
        focus: z-depth that stays sharp [m].
        rng: Chooses.
    """
    if rng.random() < 0.4:
        return view
    return replace(view, f_stop=float(10 ** rng.uniform(0.2, 0.9)), focus=focus)


@dataclass(frozen=True)
class Rules:
    """What a view of some kind of scene must show.

    Attributes:
        nearest: At most a twentieth of the picture is nearer [m].
        median: Least median depth [m].
        spread: Least ratio of the depths that 95 and 5 percent of the picture do not exceed.
        one: The greatest share of the picture that one object fills.
        sky: The greatest share of sky.
        objects: Least number of objects that fill half a percent each.
    """

    nearest: float = 0.25
    median: float = 0.5
    spread: float = 1.6
    one: float = 0.7
    sky: float = 0.6
    objects: int = 4


def fault_of(depth: Floats, seen: Ints, rules: Rules) -> str | None:
    """Why a view is not worth a picture, in a word; None if it is.

    Args:
        depth: z-depth [m], inf for the sky, [H, W].
        seen: Number of the object, 0 for none, [H, W].
        rules: What it must show.
    """
    known = depth[np.isfinite(depth)]
    if 1 - known.size / depth.size > rules.sky:
        return "sky"
    near, middle, far = np.quantile(known, [0.05, 0.5, 0.95])
    shares = np.unique(seen[seen > 0], return_counts=True)[1] / seen.size
    if near < rules.nearest:
        return "near"
    if middle < rules.median:
        return "wall"
    if shares.max(initial=0) > rules.one:
        return "one-object"
    if known.size == depth.size and far / near < rules.spread:
        return "flat"
    if np.count_nonzero(shares > 0.005) < rules.objects:
        return "empty"
    return None
