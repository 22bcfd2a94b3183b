"""Random scenes: which kind of place, and what every camera adds to it.

A scene is drawn by one generator, so that it depends on its own seed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from marigold_cli.scenes import nature, palette, portraits, rooms, streets, tabletops
from marigold_cli.scenes.scene import Scene, Solid

KINDS: dict[Callable[[Random], Scene], float] = {
    rooms.sample_room: 0.30,
    rooms.sample_corridor: 0.06,
    tabletops.sample_tabletop: 0.15,
    tabletops.sample_clutter: 0.06,
    portraits.sample_portrait: 0.08,
    streets.sample_street: 0.17,
    streets.sample_front: 0.05,
    nature.sample_garden: 0.06,
    nature.sample_hills: 0.04,
    portraits.sample_crowd: 0.03,
}  # how often each is drawn


def sample_scene(seed: int) -> Scene:
    """Draw the scene of one seed."""
    rng = Random(seed)
    scene = rng.choices(list(KINDS), list(KINDS.values()))[0](rng)
    _clear_view(scene, 0.12 if scene.lens.focus < 1 else 0.35)
    scene.roll = rng.gauss(0, rng.choice((0.01, 0.03, 0.12)))
    _choose_lens(scene, rng)
    return scene


def _clear_view(scene: Scene, room: float) -> None:
    """Take away what the camera stands in or would be blinded by."""
    eye = scene.camera
    scene.solids = [
        solid
        for solid in scene.solids
        if math.dist(eye, solid.centre) > room + sum(solid.half)  # the quick answer for most
        or solid.hollow
        or _is_underfoot(solid, eye[2])
        or _distance(solid, scene) > room
    ]


def _is_underfoot(solid: Solid, height: float) -> bool:
    """Whether an upright solid lies below the camera, as floors and roads do."""
    return not any(solid.rotation[1:]) and solid.centre[2] + solid.half[2] < height - 0.1


def _distance(solid: Solid, scene: Scene) -> float:
    """From the camera to a solid's box, roughly for tilted ones [m]."""
    if solid.rotation[1] or solid.rotation[2]:
        return math.dist(scene.camera, solid.centre) - min(max(solid.half), 1.0)
    x, y, z = (a - b for a, b in zip(scene.camera, solid.centre, strict=True))
    cos, sin = math.cos(solid.rotation[0]), math.sin(solid.rotation[0])
    own = (cos * x + sin * y, cos * y - sin * x, z)
    return math.hypot(*(max(0.0, abs(a) - h) for a, h in zip(own, solid.half, strict=True)))


def _choose_lens(scene: Scene, rng: Random) -> None:
    warm, tone = rng.gauss(0, 0.06), rng.gauss(0, 0.02)
    scene.lens = replace(
        scene.lens,
        exposure=palette.spread(rng, 0.1, 0.55),
        balance=(1 + warm, 1 + tone, 1 - warm),
        contrast=rng.uniform(0.9, 1.3),
        saturation=0.0 if rng.random() < 0.03 else rng.uniform(0.8, 1.35),
        vignette=rng.choice((0.0, 0.15, 0.4)) * rng.random(),
        blur=rng.uniform(0.1, 0.6),
        bloom=rng.uniform(0, 0.5),
        noise=rng.choice((0.004, 0.015, 0.05)) * rng.uniform(0.5, 1.3),
        quality=rng.choice((98.0, 92.0, 80.0, 60.0)),
    )
