"""Ground that is not level: hills to the horizon, stones.

Slots: ground, stone.
"""

from __future__ import annotations

import numpy as np

from marigold_cli.training.renders.solids import Floats, Solid, ellipsoid


def hills(rng: np.random.Generator, flat: float, reach: float, height: float) -> Solid:
    """Land around the origin: level within a distance, hills beyond, lower again at the end.

    Args:
        rng: Chooses.
        flat: Half width along x of the level strip that runs along y [m].
        reach: Half of its side [m].
        height: Of the hills [m].
    """
    steps = np.linspace(-1, 1, 91)
    axis = np.sign(steps) * np.abs(steps) ** 2.2 * reach  # finer near the origin
    x, y = np.meshgrid(axis, axis, indexing="ij")
    z = np.zeros_like(x)
    for _ in range(12):
        length = 10 ** rng.uniform(1.3, 2.9)
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / length * 2 * np.pi + phase)
        z += wave * length
    z = (z - z.min()) / (z.max() - z.min()) * height
    away = np.clip((np.abs(x) - flat) / (20 * flat), 0, 1)
    z *= away**2 * (3 - 2 * away)
    return _grid(x, y, z - 0.02, "ground")


def stone(rng: np.random.Generator, radius: float) -> Solid:
    """A round or edgy stone that lies a little in the ground."""
    ball = ellipsoid((0, 0, 0), (1, 1, 1), "stone", sides=16)
    points = ball.vertices
    bumps = np.ones(len(points))
    for _ in range(10):
        way = rng.normal(0, 1, 3)
        way /= np.linalg.norm(way)
        bumps = np.minimum(bumps, rng.uniform(0.62, 1.0) / np.maximum(points @ way, 0.3))
    shape = radius * rng.uniform([0.7, 0.7, 0.4], [1.2, 1.2, 0.8])
    return Solid(
        points * bumps[:, None] * shape + [0, 0, shape[2] * 0.4],
        ball.faces,
        ball.slots,
        smooth=bool(rng.random() < 0.5),
    )


def _grid(x: Floats, y: Floats, z: Floats, slot: str) -> Solid:
    """A surface over a grid, [N, M] each."""
    rows, columns = x.shape
    index = np.arange(rows * columns).reshape(rows, columns)
    corners = (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:])
    quads = np.stack([corner.ravel() for corner in corners], 1)
    vertices = np.stack([x.ravel(), y.ravel(), z.ravel()], 1)
    faces = tuple(tuple(map(int, quad)) for quad in quads)
    return Solid(vertices, faces, (slot,) * len(faces), smooth=True)
