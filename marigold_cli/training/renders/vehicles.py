"""Cars, vans and lorries; the front looks to +x, the wheels stand on z = 0.

Slots: paint, pane, dark (tyres, gaps, grilles), metal (rims), lamp, red.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.training.renders.solids import Floats, Solid, box, join, loft, tube


@dataclass(frozen=True)
class Shape:
    """A car's measures [m] and its outline.

    Attributes:
        length, width: Of the body.
        clearance: From the ground to the body.
        belt: Height of the lower edge of the windows.
        roof: Height of the roof.
        bonnet: Height of the front end.
        screens: Where windscreen and rear window start and end, as shares of the length from the
            rear: foot of the rear window, its top, top of the windscreen, its foot.
        wheel: Radius.
    """

    length: float
    width: float
    clearance: float
    belt: float
    roof: float
    bonnet: float
    screens: tuple[float, float, float, float]
    wheel: float


def choose_shape(rng: np.random.Generator) -> Shape:
    """A saloon, an estate, a small car or a van."""
    wheel, u = rng.uniform(0.29, 0.36), rng.uniform
    match rng.choice(["saloon", "estate", "small", "van"], p=[0.3, 0.3, 0.25, 0.15]):
        case "saloon":
            screens = (u(0.1, 0.16), u(0.26, 0.32), u(0.54, 0.6), u(0.7, 0.75))
            return Shape(u(4.3, 4.9), u(1.75, 1.9), 0.2, 0.92, u(1.38, 1.5), 0.75, screens, wheel)
        case "estate":
            screens = (u(0.01, 0.03), u(0.07, 0.12), u(0.54, 0.6), u(0.68, 0.75))
            return Shape(u(4.2, 4.8), u(1.78, 1.95), 0.24, 1.0, u(1.45, 1.75), 0.82, screens, wheel)
        case "small":
            screens = (u(0.01, 0.04), u(0.1, 0.16), u(0.6, 0.66), u(0.78, 0.84))
            return Shape(u(3.4, 4.0), u(1.6, 1.75), 0.18, 0.9, u(1.42, 1.55), 0.72, screens, wheel)
        case _:
            screens = (u(0.0, 0.01), u(0.02, 0.03), u(0.74, 0.8), u(0.88, 0.93))
            return Shape(u(4.8, 6.0), u(1.9, 2.05), 0.25, 1.2, u(1.95, 2.6), 1.0, screens, wheel)


def car(rng: np.random.Generator, shape: Shape | None = None) -> Solid:
    """A car with wheels, windows and lights."""
    shape = shape or choose_shape(rng)
    parts = [_body(shape), _cabin(shape), *_ends(shape)]
    parts += [_wheel(shape, x, side) for x in (0.19, 0.81) for side in (-1, 1)]
    joined = join(parts)
    return joined.moved(-shape.length / 2, 0)


def _body(shape: Shape) -> Solid:
    """The lower part, from bumper to bumper."""
    x = np.array([0, 0.02, 0.1, 0.3, 0.7, 0.9, 0.98, 1]) * shape.length
    tuck = np.array([0.86, 0.94, 0.99, 1, 1, 0.98, 0.9, 0.8])
    rear, front, belt = shape.belt, shape.bonnet, shape.belt
    top = np.array([rear - 0.08, rear, rear, belt, belt, (belt + front) / 2, front, front - 0.1])
    low = np.array([0.16, 0.04, 0, 0, 0, 0, 0.04, 0.12]) + shape.clearance
    sections = [_slice(*row, shape.width / 2) for row in zip(x, low, top, tuck, strict=True)]
    return loft(sections, ["paint"] * 10)


def _slice(x: float, low: float, top: float, tuck: float, half: float) -> Floats:
    """A cross-section of the lower part, round at its edges."""
    w, h = half * tuck, top - low
    side = [(0.7, 0.0), (0.94, 0.04), (1.0, 0.4), (0.99, 0.7), (0.93, 1.0)]
    right = [(w * a, low + h * b) for a, b in side]
    left = [(-y, z) for y, z in reversed(right)]
    return np.array([(x, y, z) for y, z in right + left])


def _cabin(shape: Shape) -> Solid:
    """Glass all around, pillars of dark paint, a roof of paint."""
    feet = np.array(shape.screens) * shape.length
    half, z0, z1 = shape.width / 2 * 0.92, shape.belt - 0.02, shape.roof
    inward = 0.8  # the roof is narrower than the belt
    low = [(feet[0], -half), (feet[3], -half), (feet[3], half), (feet[0], half)]
    high = [
        (feet[1], -half * inward),
        (feet[2], -half * inward),
        (feet[2], half * inward),
        (feet[1], half * inward),
    ]
    corners = zip(low, high, strict=True)
    glass = loft(
        [np.array([(*p, z0) for p in low]), np.array([(*p, z1 - 0.05) for p in high])], ["pane"] * 4
    )
    roof = loft(
        [
            np.array([(*p, z1 - 0.07) for p in high]),
            np.array([(*p, z1 - 0.02) for p in high]),
            np.array([((x - feet[1]) * 0.94 + feet[1] + 0.05, y * 0.85, z1) for x, y in high]),
        ],
        ["paint"] * 4,
    )
    pillars = [
        tube(np.array([(*a, z0), (*b, z1 - 0.04)]), [0.05, 0.045], "paint", 6) for a, b in corners
    ]
    middle = (feet[1] + feet[2]) / 2
    for side in (-1, 1):
        path = [(middle, side * half, z0), (middle, side * half * inward, z1 - 0.05)]
        pillars.append(tube(np.array(path), [0.045, 0.04], "dark", 6))
    return join([glass, roof, *pillars])


def _ends(shape: Shape) -> list[Solid]:
    """Lights, grille, number plates, and the sills below the doors."""
    y, length = shape.width / 2, shape.length
    front, rear = shape.bonnet - 0.22, shape.belt - 0.25
    parts = [
        box((length - 0.06, -y * 0.45, front - 0.12), (length + 0.015, y * 0.45, front), "dark"),
        box((length - 0.02, -0.26, 0.36), (length + 0.03, 0.26, 0.47), "lamp"),
        box((-0.03, -0.26, rear - 0.25), (0.02, 0.26, rear - 0.14), "lamp"),
        box((0.2, -y * 0.9, shape.clearance - 0.05), (length - 0.2, y * 0.9, 0.35), "dark"),
    ]
    for side in (-1, 1):
        inner, outer = sorted((side * y * 0.5, side * y * 0.78))
        parts.append(
            box((length - 0.12, inner, front), (length - 0.01, outer, front + 0.14), "lamp")
        )
        inner, outer = sorted((side * y * 0.62, side * y * 0.86))
        parts.append(box((-0.012, inner, rear - 0.05), (0.08, outer, rear + 0.17), "red"))
    return parts


def _wheel(shape: Shape, share: float, side: int) -> Solid:
    """A tyre in its arch, with a rim."""
    x, r, y = share * shape.length, shape.wheel, side * shape.width / 2

    def disc(radius: float, inner: float, outer: float, slot: str) -> Solid:
        path = np.array([(x, y - side * inner, r), (x, y - side * outer, r)])
        return tube(path, [radius, radius], slot, 18)

    return join(
        [
            disc(r + 0.06, 0.22, 0.005, "dark"),
            disc(r, 0.2, -0.012, "dark"),
            disc(r * 0.62, 0.1, -0.02, "metal"),
        ]
    )
