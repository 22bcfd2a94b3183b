"""Pots and tubs with soil, for plants that would stand on a floor.

Slots: pot, earth.
"""

from __future__ import annotations

import numpy as np

from marigold_cli.training.renders.solids import Floats, Solid, box, ellipsoid, join, loft


def pot(rng: np.random.Generator, radius: float) -> Solid:
    """A round pot with a rim, or a square tub; it stands on its origin."""
    height = radius * rng.uniform(1.2, 2.2)
    if rng.random() < 0.2:
        tub = box((-radius, -radius, 0), (radius, radius, height), "pot")
        earth = ellipsoid((0, 0, height), (radius * 0.9, radius * 0.9, radius * 0.06), "earth")
        return join([earth, tub])
    foot = radius * rng.uniform(0.6, 0.95)
    profile = [(foot, 0.0), (radius * 0.95, height * 0.85), (radius, height * 0.85)]
    profile += [(radius, height), (radius * 0.88, height), (radius * 0.85, height * 0.9)]
    rings = [_ring(r, z) for r, z in profile]
    earth = ellipsoid((0, 0, height * 0.9), (radius * 0.86, radius * 0.86, height * 0.04), "earth")
    return join([loft(rings, ["pot"] * len(rings[0])), earth])


def _ring(radius: float, z: float) -> Floats:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(24, z)])
