"""Trees, bushes, hedges and grass of many small leaves; roots at the origin.

Slots: bark, leaf.
"""

from __future__ import annotations

import numpy as np

from marigold_cli.training.renders.solids import Face, Floats, Solid, box, join, tube


def tree(rng: np.random.Generator, height: float, leaves: int = 5000) -> Solid:
    """A broad-leaved tree: trunk, two generations of boughs, leaves around their ends."""
    trunk_top = height * rng.uniform(0.35, 0.6)
    lean = rng.normal(0, 0.03 * height, 2)
    path = _bent(np.zeros(3), np.array([*lean, height * 0.85]), rng, 0.02 * height)
    girth = height * rng.uniform(0.015, 0.03)
    parts = [tube(path, list(np.linspace(girth, girth * 0.15, len(path))), "bark", 8)]
    tips = [path[-1]]
    spread = height * rng.uniform(0.2, 0.38)
    for _ in range(int(rng.integers(7, 13))):
        start = _at(path, rng.uniform(trunk_top / height, 1.0))
        away = np.array([*_unit(rng), rng.uniform(0.1, 0.8)]) * spread * rng.uniform(0.6, 1.1)
        bough = _bent(start, start + away, rng, 0.05 * spread)
        parts.append(
            tube(bough, list(np.linspace(girth * 0.4, girth * 0.08, len(bough))), "bark", 6)
        )
        tips += [bough[-1], bough[-2], bough[len(bough) // 2]]
    cloud = spread * rng.uniform(0.25, 0.4)
    centres = np.array(tips)[rng.integers(len(tips), size=leaves)]
    at = centres + rng.normal(0, 1, (leaves, 3)) * [cloud, cloud, cloud * 0.7]
    size = np.clip(height / np.sqrt(leaves), 0.05, 0.4) * rng.uniform(0.7, 1.4)
    return join([*parts, _leaves(at, size, rng)])


def conifer(rng: np.random.Generator, height: float, leaves: int = 5000) -> Solid:
    """A spruce: a straight trunk and drooping twigs that shorten upwards."""
    girth = height * 0.018
    trunk = tube(np.array([(0, 0, 0), (0, 0, height)]), [girth, girth * 0.1], "bark", 8)
    share = 1 - np.sqrt(rng.random(leaves)) * 0.9  # more of them lower down, none at the foot
    layers = np.round(share * 14) / 14 + rng.normal(0, 0.01, leaves)
    out = (1 - layers) * height * rng.uniform(0.16, 0.26) * np.sqrt(rng.random(leaves))
    angle = rng.uniform(0, 2 * np.pi, leaves)
    at = np.column_stack([out * np.cos(angle), out * np.sin(angle), layers * height - 0.25 * out])
    return join([trunk, _leaves(at, height / np.sqrt(leaves) * 1.2, rng)])


def bush(rng: np.random.Generator, radii: tuple[float, float, float], leaves: int = 3000) -> Solid:
    """Leaves in the shell of some balls within an ellipsoid; with flat radii a hedge."""
    lobes = rng.normal(0, 0.45, (9, 3)) * [1, 1, 0.7]
    way = rng.normal(0, 1, (leaves, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    reach = 0.55 * rng.uniform(0.6, 1, (leaves, 1))
    at = lobes[rng.integers(len(lobes), size=leaves)] + way * reach
    at = at * radii + [0, 0, radii[2] * 0.8]
    at = at[at[:, 2] > 0.01]
    return _leaves(at, float(np.mean(radii)) * rng.uniform(0.07, 0.16), rng)


def hedge(rng: np.random.Generator, length: float, height: float, thick: float) -> Solid:
    """A cut hedge along x: leaves on its long sides and its top, over a core as green."""
    count = int(min(12000, 1000 * length * height))
    half = np.array([length, thick, height]) / 2
    at = rng.uniform(-1, 1, (count, 3))
    out = rng.uniform(0.85, 1.05, count)
    on_top = rng.random(count) < thick / (thick + 2 * height)
    at[:, 1] = np.where(on_top, at[:, 1], np.copysign(out, at[:, 1]))
    at[:, 2] = np.where(on_top, out, at[:, 2])
    x, y = length / 2 - 0.05, 0.45 * thick
    core = box((-x, -y, 0), (x, y, 0.95 * height), "leaf")
    return join([core, _leaves(at * half + [0, 0, height / 2], 0.09, rng)])


def grass(rng: np.random.Generator, side: float, height: float, blades: int = 2500) -> Solid:
    """A square patch of blades, each of two faces, to be set side by side."""
    root = np.column_stack([rng.uniform(-side / 2, side / 2, (blades, 2)), np.zeros(blades)])
    angle = rng.uniform(0, 2 * np.pi, blades)
    tall = height * rng.uniform(0.4, 1.2, blades)
    wide = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(blades)])
    wide *= height * rng.uniform(0.02, 0.06, (blades, 1))
    lean = rng.normal(0, 0.35, (blades, 2)) * tall[:, None]
    bend = np.column_stack([lean * 0.4, tall * 0.65])
    tip = np.column_stack([lean, tall])
    corners = [root - wide, root + wide, root + bend + wide * 0.6, root + bend - wide * 0.6]
    vertices = np.concatenate([*corners, root + tip])
    index = np.arange(blades)
    quads = np.column_stack([index + k * blades for k in range(4)])
    tips = np.column_stack([index + 3 * blades, index + 2 * blades, index + 4 * blades])
    faces: list[Face] = [tuple(map(int, row)) for row in quads]
    faces += [tuple(map(int, row)) for row in tips]
    return Solid(vertices, tuple(faces), ("leaf",) * len(faces))


def _leaves(at: Floats, size: float, rng: np.random.Generator) -> Solid:
    """A folded-flat leaf, two triangles, at each place, turned at random."""
    n = len(at)
    along = rng.normal(0, 1, (n, 3)) * [1, 1, 0.6]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, rng.normal(0, 1, (n, 3)))
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    length = size * rng.uniform(0.6, 1.3, (n, 1))
    corners = [at, at + along * length * 0.5 + across * length * 0.3]
    corners += [at + along * length, at + along * length * 0.5 - across * length * 0.3]
    quads = np.column_stack([np.arange(n) + k * n for k in range(4)])
    faces = tuple(tuple(map(int, row)) for row in quads)
    return Solid(np.concatenate(corners), faces, ("leaf",) * n)


def _bent(a: Floats, b: Floats, rng: np.random.Generator, wobble: float) -> Floats:
    """A way from a to b in five steps, not quite straight."""
    share = np.linspace(0, 1, 6)[:, None]
    way = a + (b - a) * share
    way[1:-1] += rng.normal(0, wobble, (4, 3))
    return np.asarray(way)


def _at(path: Floats, share: float) -> Floats:
    """The point of a path at a share of its steps."""
    place = share * (len(path) - 1)
    i = min(int(place), len(path) - 2)
    return np.asarray(path[i] + (path[i + 1] - path[i]) * (place - i))


def _unit(rng: np.random.Generator) -> tuple[float, float]:
    angle = rng.uniform(0, 2 * np.pi)
    return float(np.cos(angle)), float(np.sin(angle))
