"""People-like figures of rounded limbs; they look to +x and stand on z = 0.

Slots: skin, hair, top, trousers, shoes.
"""

from __future__ import annotations

import numpy as np

from marigold_cli.training.renders.solids import Floats, Solid, capsule, ellipsoid, join


def person(rng: np.random.Generator) -> Solid:
    """Someone who stands, walks or sits on nothing in particular."""
    height = rng.uniform(1.5, 1.92) * (0.65 if rng.random() < 0.1 else 1.0)
    girth = rng.uniform(0.85, 1.25)
    stride = rng.choice([0.0, 0.0, rng.uniform(0.1, 0.5)])
    parts = [*_trunk(girth, rng), *_head(rng)]
    for side in (-1, 1):
        parts += _leg(side, stride * side, girth, rng)
        parts += _arm(side, -stride * side, girth, rng)
    figure = join(parts).scaled(height, height, height)
    return figure.moved(0, 0, -float(figure.bounds()[0][2]))


# Below, lengths are shares of the height.


def _trunk(girth: float, rng: np.random.Generator) -> list[Solid]:
    wide = 0.1 * girth
    coat = rng.random() < 0.3
    hem = 0.3 if coat else 0.5
    return [
        ellipsoid((0, 0, 0.67), (0.066 * girth, wide, 0.16), "top"),
        ellipsoid((0, 0, 0.76), (0.055 * girth, 0.112, 0.07), "top"),
        capsule(
            (0, 0, 0.55), (0, 0, hem), (0.075 * girth, 0.08 * girth), "top" if coat else "trousers"
        ),
        capsule((0, 0, 0.8), (0.008, 0, 0.87), (0.034, 0.03), "skin"),
    ]


def _head(rng: np.random.Generator) -> list[Solid]:
    hair = rng.uniform(0.9, 1.08)
    head = ellipsoid((0.012, 0, 0.925), (0.052, 0.043, 0.066), "skin")
    cap = ellipsoid((-0.004, 0, 0.942), (0.054 * hair, 0.047 * hair, 0.062), "hair")
    parts = [head, cap]
    if rng.random() < 0.35:
        parts.append(ellipsoid((-0.03, 0, 0.86), (0.03, 0.045, 0.08), "hair"))
    return parts


def _leg(side: int, swing: float, girth: float, rng: np.random.Generator) -> list[Solid]:
    hip = np.array([0, side * 0.05 * girth, 0.5])
    knee = hip + np.array([0.25 * np.sin(swing), 0.004 * side, -0.25 * np.cos(swing)])
    bend = swing - abs(swing) * rng.uniform(0.2, 0.9)
    ankle = knee + np.array([0.23 * np.sin(bend), 0, -0.225 * np.cos(bend)])
    toe = ankle + np.array([0.075, side * 0.012, -0.012])
    return [
        _limb(hip, knee, (0.056 * girth, 0.037), "trousers"),
        _limb(knee, ankle, (0.038, 0.026), "trousers"),
        _limb(ankle - [0.01, 0, 0.006], toe, (0.026, 0.02), "shoes"),
    ]


def _arm(side: int, swing: float, girth: float, rng: np.random.Generator) -> list[Solid]:
    shoulder = np.array([0, side * 0.112 * girth, 0.79])
    out = rng.uniform(0.01, 0.05) * side
    elbow = shoulder + np.array([0.17 * np.sin(swing), out, -0.17 * np.cos(swing)])
    bend = swing + rng.choice([0.15, 0.3, 1.4])
    hand = elbow + np.array([0.15 * np.sin(bend), -out * 0.5, -0.15 * np.cos(bend)])
    return [
        _limb(shoulder, elbow, (0.034, 0.026), "top"),
        _limb(elbow, hand, (0.026, 0.018), rng.choice(["top", "skin"])),
        _limb(hand, hand + (hand - elbow) * 0.22, (0.021, 0.018), "skin"),
    ]


def _limb(a: Floats, b: Floats, radii: tuple[float, float], slot: str) -> Solid:
    return capsule(list(a), list(b), radii, slot)
