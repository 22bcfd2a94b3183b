"""Books, in stacks and in rows; the generators' own cost seconds each."""

from __future__ import annotations

import numpy as np

from marigold_cli.training.renders.paints import hue, plain
from marigold_cli.training.renders.solids import Solid, box, join
from marigold_cli.training.renders.stage import Stage, Thing

BOOKS = ("book", "books")  # one or a few lying, a row standing
_COVERS = 6


def make_book(stage: Stage, group: str) -> Thing:
    """A thing of one of the groups, on its origin, backs to +x."""
    rng = stage.rng
    slots = {"page": plain(hue(0.12, 0.12, rng.uniform(0.5, 0.8)), 0.9)}
    for i in range(_COVERS):
        colour = hue(rng.random(), rng.uniform(0, 0.8) ** 1.5, rng.uniform(0.1, 0.9) ** 2)
        slots[f"cover {i}"] = plain(colour, rng.uniform(0.2, 0.8), 0, rng.uniform(0, 0.6), 25)
    solid = _row(rng) if group == "books" else _stack(rng)
    low, high = solid.bounds()
    middle = (low + high) / 2
    return stage.build(solid.moved(-middle[0], -middle[1], -low[2]), slots, group)


def _row(rng: np.random.Generator) -> Solid:
    """Books that stand side by side."""
    parts, y = [], 0.0
    usual = rng.uniform(0.17, 0.27)
    for _ in range(int(rng.integers(4, 16))):
        high, thick = usual * rng.uniform(0.8, 1.15), rng.uniform(0.012, 0.05)
        deep = high * rng.uniform(0.65, 0.8)
        parts.append(_book(deep, thick, high, rng).moved(-rng.uniform(0, 0.02), y))
        y += thick + rng.uniform(0.001, 0.003)
    return join(parts)


def _stack(rng: np.random.Generator) -> Solid:
    """Books that lie on each other."""
    parts, z = [], 0.0
    for _ in range(int(rng.choice([1, 1, 2, 3, 5]))):
        high, thick = rng.uniform(0.17, 0.3), rng.uniform(0.01, 0.045)
        flat = _book(high * 0.7, thick, high, rng)
        laid = Solid(flat.vertices[:, [0, 2, 1]] * [1, -1, 1], flat.faces, flat.slots)
        parts.append(laid.moved(high * 0.35, high / 2).turned(rng.normal(0, 0.3)).moved(0, 0, z))
        z += thick + 0.001
    return join(parts)


def _book(deep: float, thick: float, high: float, rng: np.random.Generator) -> Solid:
    """A book that stands with its back in x = 0."""
    cover = f"cover {int(rng.integers(_COVERS))}"
    t = 0.002
    return join(
        [
            box((-deep, t, t), (-t, thick - t, high - t), "page"),
            box((-deep, 0, 0), (0, t, high), cover),
            box((-deep, thick - t, 0), (0, thick, high), cover),
            box((-t, 0, 0), (t / 2, thick, high), cover),
        ]
    )
