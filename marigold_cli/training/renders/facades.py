"""Walls with openings, and the buildings made of them. A wall's face lies in y = 0, seen from -y.

Slots: wall, trim (frames, sills, cornices), pane, door, rail, roof.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from marigold_cli.training.renders.solids import Solid, box, join, sheet, tube


@dataclass(frozen=True)
class Opening:
    """A rectangular hole in a wall, from x0 to x1 and from z0 to z1 [m]."""

    x0: float
    x1: float
    z0: float
    z1: float


def pierced_wall(
    width: float, height: float, openings: Sequence[Opening], thickness: float
) -> Solid:
    """A wall from x = 0 to its width with holes and their reveals; the back is open."""
    xs = sorted({0.0, width, *(o.x0 for o in openings), *(o.x1 for o in openings)})
    zs = sorted({0.0, height, *(o.z0 for o in openings), *(o.z1 for o in openings)})
    parts = []
    for x0, x1 in pairwise(xs):
        for z0, z1 in pairwise(zs):
            x, z = (x0 + x1) / 2, (z0 + z1) / 2
            if not any(o.x0 < x < o.x1 and o.z0 < z < o.z1 for o in openings):
                parts.append(sheet([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)], "wall"))
    parts += [_reveal(opening, thickness) for opening in openings]
    return join(parts)


def _reveal(o: Opening, depth: float) -> Solid:
    """The four inner faces of a hole."""
    near = [(o.x0, 0, o.z0), (o.x1, 0, o.z0), (o.x1, 0, o.z1), (o.x0, 0, o.z1)]
    far = [(x, depth, z) for x, _, z in near]
    quads = [(near[i], far[i], far[(i + 1) % 4], near[(i + 1) % 4]) for i in range(4)]
    return join(sheet(quad, "trim") for quad in quads)


def window(o: Opening, rng: np.random.Generator, inset: float, pane: bool = True) -> Solid:
    """Frame, bars and sill of an opening, and its pane where wanted."""
    bar, thick = rng.uniform(0.03, 0.08), 0.05
    y0, y1 = inset, inset + thick
    parts = [
        box((o.x0, y0, o.z0), (o.x0 + bar, y1, o.z1), "trim"),
        box((o.x1 - bar, y0, o.z0), (o.x1, y1, o.z1), "trim"),
        box((o.x0, y0, o.z0), (o.x1, y1, o.z0 + bar), "trim"),
        box((o.x0, y0, o.z1 - bar), (o.x1, y1, o.z1), "trim"),
    ]
    for i in range(1, columns := int(rng.integers(1, 4))):
        x = o.x0 + (o.x1 - o.x0) * i / columns
        parts.append(box((x - bar / 2, y0, o.z0), (x + bar / 2, y1, o.z1), "trim"))
    if rng.random() < 0.4:
        z = o.z0 + (o.z1 - o.z0) * rng.uniform(0.5, 0.75)
        parts.append(box((o.x0, y0, z - bar / 2), (o.x1, y1, z + bar / 2), "trim"))
    if pane:
        y = inset + thick / 2
        corners = [(o.x0, y, o.z0), (o.x1, y, o.z0), (o.x1, y, o.z1), (o.x0, y, o.z1)]
        parts.append(sheet(corners, "pane"))
    return join(parts)


@dataclass(frozen=True)
class Style:
    """What the storeys of one building have in common.

    Attributes:
        storey: Height of one [m].
        bay: Width from window to window [m].
        fill: The share of a bay's width that its window takes.
        tall: The share of a storey's height that its window takes.
        inset: How deep windows lie in the wall [m].
        balconies: The share of upper windows that have one.
        shops: Whether the ground floor is mostly glass.
    """

    storey: float
    bay: float
    fill: float
    tall: float
    inset: float
    balconies: float
    shops: bool


def choose_style(rng: np.random.Generator) -> Style:
    """A style as of some street."""
    return Style(
        storey=rng.uniform(2.7, 4.0),
        bay=rng.uniform(1.8, 4.2),
        fill=rng.uniform(0.35, 0.75),
        tall=rng.uniform(0.42, 0.72),
        inset=rng.uniform(0.06, 0.3),
        balconies=rng.choice([0.0, 0.0, 0.3, 0.7]),
        shops=rng.random() < 0.4,
    )


def facade(width: float, storeys: int, style: Style, rng: np.random.Generator) -> Solid:
    """One side of a building, from x = 0 to its width."""
    bays = max(1, round(width / style.bay))
    step = width / bays
    windows, doors, parts = [], [], []
    entrance = int(rng.integers(bays))
    for storey in range(storeys):
        z = storey * style.storey
        for bay in range(bays):
            middle = (bay + 0.5) * step
            if storey == 0 and bay == entrance:
                half = min(rng.uniform(0.5, 1.1), step * 0.45)
                doors.append(Opening(middle - half, middle + half, 0.02, min(2.4, style.storey)))
                continue
            shop = storey == 0 and style.shops
            half = step * (0.45 if shop else style.fill / 2)
            low = z + (0.3 if shop else style.storey * (1 - style.tall) * 0.55)
            high = z + style.storey * (0.85 if shop else (1 - style.tall) * 0.55 + style.tall)
            windows.append(Opening(middle - half, middle + half, low, high))
            if storey and rng.random() < style.balconies:
                parts.append(_balcony(middle, half + 0.3, z + 0.1, rng))
    height = storeys * style.storey
    parts.append(pierced_wall(width, height, [*windows, *doors], style.inset + 0.06))
    parts += [window(o, rng, style.inset) for o in windows]
    for o in doors:
        panel = [(o.x0, 0.12, o.z0), (o.x1, 0.12, o.z0), (o.x1, 0.12, o.z1), (o.x0, 0.12, o.z1)]
        parts.append(sheet(panel, "door"))
    sill = rng.uniform(0.03, 0.12)
    for o in windows[: 0 if style.shops else None]:
        parts.append(box((o.x0 - 0.08, -sill, o.z0 - 0.07), (o.x1 + 0.08, 0.02, o.z0), "trim"))
    return join([*parts, *_bands(width, height, style, rng)])


def _bands(width: float, height: float, style: Style, rng: np.random.Generator) -> list[Solid]:
    """A cornice, and perhaps a course above the ground floor."""
    reach = rng.uniform(0.08, 0.5)
    bands = [box((0, -reach, height - 0.05), (width, 0.1, height + rng.uniform(0.1, 0.5)), "trim")]
    if rng.random() < 0.5:
        bands.append(box((0, -0.05, style.storey - 0.2), (width, 0.02, style.storey), "trim"))
    return bands


def _balcony(middle: float, half: float, z: float, rng: np.random.Generator) -> Solid:
    """A slab and its railing, of bars or closed."""
    reach = rng.uniform(0.5, 1.3)
    x0, x1, top = middle - half, middle + half, z + 1.05
    slab = box((x0, -reach, z - 0.12), (x1, 0.02, z), "trim")
    if rng.random() < 0.4:
        front = box((x0, -reach, z), (x1, -reach + 0.06, top), "wall")
        sides = [box((x, -reach, z), (x + 0.06, 0, top), "wall") for x in (x0, x1 - 0.06)]
        return join([slab, front, *sides])
    bars = [
        box((x, -reach, z), (x + 0.025, -reach + 0.025, top), "rail")
        for x in np.arange(x0, x1, 0.14)
    ]
    hand = box((x0, -reach - 0.02, top), (x1, -reach + 0.04, top + 0.05), "rail")
    return join([slab, hand, *bars])


def building(
    width: float, depth: float, storeys: int, rng: np.random.Generator, style: Style | None = None
) -> Solid:
    """A house whose front looks to -y, centred on x = 0, from y = 0 to its depth."""
    style = style or choose_style(rng)
    height = storeys * style.storey
    front = facade(width, storeys, style, rng).moved(-width / 2, 0)
    back = facade(width, storeys, style, rng).turned(math.pi).moved(width / 2, depth)
    side = facade(depth, storeys, style, rng)
    right = side.turned(math.pi / 2).moved(width / 2, 0)
    left = side.turned(-math.pi / 2).moved(-width / 2, depth)
    return join([front, back, left, right, _roof(width, depth, height, rng)])


def _roof(width: float, depth: float, height: float, rng: np.random.Generator) -> Solid:
    """Flat, or with a ridge along x; perhaps with chimneys."""
    x, over = width / 2, rng.uniform(0.1, 0.6)
    if rng.random() < 0.45:
        parts = [box((-x, 0.0, height - 0.1), (x, depth, height), "roof")]
    else:
        rise, y0, y1 = depth * rng.uniform(0.2, 0.5), -over, depth + over
        ridge = height + rise
        a, b, c, d = (-x, y0, height), (x, y0, height), (x, y1, height), (-x, y1, height)
        e, f = (-x, depth / 2, ridge), (x, depth / 2, ridge)
        parts = [
            sheet([a, b, f, e], "roof"),
            sheet([c, d, e, f], "roof"),
            sheet([b, c, f], "wall"),
            sheet([d, a, e], "wall"),
        ]
    for _ in range(int(rng.integers(0, 3))):
        at, y = rng.uniform(-x * 0.8, x * 0.8), rng.uniform(depth * 0.3, depth * 0.7)
        top = height + depth * 0.5 + 0.6
        parts.append(box((at, y, height), (at + 0.6, y + 0.5, top), "wall"))
    return join(parts)


def lamp_post(rng: np.random.Generator) -> Solid:
    """A street lamp that leans over to +x."""
    height, reach = rng.uniform(4, 9), rng.uniform(0.3, 1.8)
    path = np.array([(0, 0, 0), (0, 0, height * 0.9), (reach * 0.4, 0, height), (reach, 0, height)])
    head = box((reach - 0.1, -0.12, height - 0.08), (reach + 0.5, 0.12, height + 0.05), "rail")
    return join([tube(path, [0.09, 0.06, 0.05, 0.05], "rail"), head])
