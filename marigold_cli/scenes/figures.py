"""People and animals, of ellipsoids and bars."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import palette
from marigold_cli.scenes.scene import Material, Place, Scene, Shape, Vector


def _limb(
    scene: Scene, place: Place, start: Vector, end: Vector, thick: float, material: Material
) -> None:
    """A long ellipsoid between two points relative to a place."""
    middle = place.at(*((a + b) / 2 for a, b in zip(start, end, strict=True)))
    x, y, z = (b - a for a, b in zip(start, end, strict=True))
    length = math.sqrt(x * x + y * y + z * z)
    turn = place.turn + math.atan2(x, -y)
    there = Place(middle.x, middle.y, middle.z, turn)
    tilt = math.acos(max(-1.0, min(1.0, z / max(length, 1e-6))))
    scene.add(Shape.ELLIPSOID, there, (thick, thick, length * 0.58), material, (tilt, 0))


def add_person(scene: Scene, rng: Random, place: Place) -> None:
    """Someone who stands or walks."""
    tall = rng.uniform(1.45, 1.95) if rng.random() < 0.85 else rng.uniform(0.9, 1.4)
    coat, trousers, skin = palette.fabric(rng), palette.fabric(rng), palette.skin(rng)
    hip, shoulder, wide = 0.5 * tall, 0.82 * tall, 0.115 * tall * rng.uniform(0.85, 1.3)
    stride = rng.choice((0.02, 0.05, 0.18)) * tall
    for side in (-1, 1):
        x = side * wide * 0.5
        foot = (x * 1.1, side * stride, 0.03)
        _limb(scene, place, (x, 0, hip), foot, 0.05 * tall, trousers)
        hand = (side * wide * rng.uniform(1.1, 2.2), -side * stride + rng.uniform(-0.2, 0), hip)
        _limb(scene, place, (side * wide * 0.95, 0, shoulder - 0.02), hand, 0.03 * tall, coat)
        shoe = place.at(foot[0], foot[1] - 0.04)
        scene.stand(Shape.ELLIPSOID, shoe, (0.045, 0.13, 0.045), palette.paint(rng))
    body = place.at(0, 0, (hip + shoulder) / 2)
    scene.add(Shape.CUSHION, body, (wide, wide * 0.62, (shoulder - hip) * 0.62), coat)
    head = place.at(0, -0.01, 0.925 * tall)
    scene.add(Shape.ELLIPSOID, head, (0.078, 0.095, 0.12), skin)
    hair = palette.paint(rng, palette.shade(palette.brown(rng), 0.5))
    scene.add(Shape.ELLIPSOID, head.at(0, 0.025, 0.03), (0.084, 0.09, 0.105), hair)
    if rng.random() < 0.25:
        bag = place.at(0, 0.17, shoulder - 0.25)
        scene.add(Shape.CUSHION, bag, (0.15, 0.1, 0.22), palette.fabric(rng))


def add_animal(scene: Scene, rng: Random, place: Place) -> None:
    """Something on four legs, from a cat to a cow."""
    tall = palette.spread(rng, 0.25, 1.5)
    long, thick = tall * rng.uniform(0.55, 0.9), tall * rng.uniform(0.14, 0.26)
    fur = palette.paint(rng, palette.brown(rng) if rng.random() < 0.6 else palette.grey(rng))
    belly = tall - 2 * thick
    scene.add(Shape.CUSHION, place.at(0, 0, belly + thick), (thick * 0.9, long, thick), fur)
    for side in (-1, 1):
        for end in (-1, 1):
            top, foot = (side * thick * 0.6, end * long * 0.75, belly + thick), tall * 0.1
            _limb(scene, place, top, (top[0], top[1] + foot, 0.02), tall * 0.06, fur)
    neck = (0.0, -long * 1.15, tall * rng.uniform(1.0, 1.4))
    _limb(scene, place, (0, -long * 0.8, belly + thick), neck, thick * 0.5, fur)
    head = place.at(neck[0], neck[1] - thick * 0.4, neck[2])
    scene.add(Shape.ELLIPSOID, head, (thick * 0.5, thick * 0.9, thick * 0.5), fur, (0.3, 0))
    _limb(scene, place, (0, long * 0.9, tall * 0.9), (0, long * 1.4, belly), tall * 0.03, fur)
