"""Simple solids as vertices and faces, from which buildings, cars, figures and plants are made.

Local frames: x right or forward as the maker says, z up, metres. Every face carries the name of
the slot whose material it gets, so that nothing here knows of Blender.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Face = tuple[int, ...]


@dataclass(frozen=True)
class Solid:
    """A mesh.

    Attributes:
        vertices: [V, 3] [m].
        faces: Indices of their corners, anticlockwise from outside.
        slots: One name a face.
        smooth: Whether its faces are shaded as one rounded surface.
    """

    vertices: Floats
    faces: tuple[Face, ...]
    slots: tuple[str, ...]
    smooth: bool = False

    def moved(self, x: float, y: float, z: float = 0.0) -> Solid:
        """The same elsewhere."""
        return self._with(self.vertices + np.array([x, y, z]))

    def turned(self, angle: float) -> Solid:
        """The same, anticlockwise about z [rad]."""
        cos, sin = np.cos(angle), np.sin(angle)
        return self._with(self.vertices @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]))

    def scaled(self, x: float, y: float, z: float) -> Solid:
        """The same, stretched; factors are positive."""
        return self._with(self.vertices * [x, y, z])

    def bounds(self) -> tuple[Floats, Floats]:
        """The least and the greatest corner."""
        return self.vertices.min(0), self.vertices.max(0)

    def _with(self, vertices: Floats) -> Solid:
        return Solid(vertices, self.faces, self.slots, self.smooth)


def join(solids: Iterable[Solid]) -> Solid:
    """One mesh of several; it is shaded like the first."""
    parts = list(solids)
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = tuple(
        tuple(int(start) + index for index in face)
        for start, part in zip(starts, parts, strict=False)
        for face in part.faces
    )
    slots = tuple(slot for part in parts for slot in part.slots)
    vertices = np.concatenate([part.vertices for part in parts])
    return Solid(vertices, faces, slots, bool(parts) and parts[0].smooth)


def box(low: Sequence[float], high: Sequence[float], slot: str) -> Solid:
    """A box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    base = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    return prism(np.array(base), z0, z1, slot)


def prism(outline: Floats, bottom: float, top: float, slot: str) -> Solid:
    """An upright prism over an outline [N, 2], anticlockwise seen from above."""
    n = len(outline)
    levels = [np.column_stack([outline, np.full(n, z)]) for z in (bottom, top)]
    around = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
    faces = (*around, tuple(range(n - 1, -1, -1)), tuple(range(n, 2 * n)))
    return Solid(np.concatenate(levels), faces, (slot,) * len(faces))


def sheet(corners: Sequence[Sequence[float]], slot: str) -> Solid:
    """One flat face."""
    return Solid(np.array(corners, float), (tuple(range(len(corners))),), (slot,))


def tube(path: Floats, radii: Sequence[float], slot: str, sides: int = 12) -> Solid:
    """A round tube along a path [N, 3], closed at both ends, with one radius a point."""
    rings = []
    for i, (point, radius) in enumerate(zip(path, radii, strict=True)):
        along = path[min(i + 1, len(path) - 1)] - path[max(i - 1, 0)]
        side, up = _across(along)
        angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
        rings.append(point + radius * (np.cos(angles) * side + np.sin(angles) * up))
    return _skin(rings, slot, smooth=True)


def capsule(a: Sequence[float], b: Sequence[float], radii: tuple[float, float], slot: str) -> Solid:
    """A limb: a tapering tube between two points with rounded ends."""
    start, end = np.array(a, float), np.array(b, float)
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    bend = np.linspace(-np.pi / 2, 0, 4)
    path = [start + along * radii[0] * np.sin(angle) for angle in bend]
    path += [end + along * radii[1] * np.sin(-angle) for angle in bend[::-1]]
    widths = [radii[0] * max(np.cos(angle), 0.02) for angle in bend]
    widths += [radii[1] * max(np.cos(angle), 0.02) for angle in bend[::-1]]
    return tube(np.array(path), widths, slot)


def ellipsoid(centre: Sequence[float], radii: Sequence[float], slot: str, sides: int = 14) -> Solid:
    """A ball stretched along the axes."""
    heights = np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings = [
        np.column_stack(
            [
                max(np.cos(h), 0.02) * np.cos(angles),
                max(np.cos(h), 0.02) * np.sin(angles),
                np.full(sides, np.sin(h)),
            ]
        )
        for h in heights
    ]
    ball = _skin(rings, slot, smooth=True)
    return ball.scaled(*radii).moved(*centre)


def loft(sections: Sequence[Floats], slots: Sequence[str], smooth: bool = False) -> Solid:
    """A skin over cross-sections of equally many points, with one slot for each point's strip."""
    skin = _skin(list(sections), "", smooth)
    n = len(sections[0])
    around = tuple(slots[i] for _ in sections[1:] for i in range(n))
    return Solid(skin.vertices, skin.faces, (*around, slots[0], slots[0]), smooth)


def _skin(rings: list[Floats], slot: str, smooth: bool) -> Solid:
    """Rings [N, 3], anticlockwise seen against the way from the first to the last."""
    n = len(rings[0])
    faces: list[Face] = []
    for row in range(len(rings) - 1):
        for i in range(n):
            j = (i + 1) % n
            faces.append((row * n + i, row * n + j, (row + 1) * n + j, (row + 1) * n + i))
    last = (len(rings) - 1) * n
    faces += [tuple(range(n - 1, -1, -1)), tuple(range(last, last + n))]
    return Solid(np.concatenate(rings), tuple(faces), (slot,) * len(faces), smooth)


def _across(along: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors that form a right-handed frame with a direction."""
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    other = np.array([1.0, 0, 0]) if abs(along[0]) < 0.9 else np.array([0, 1.0, 0])
    side = np.cross(other, along)
    side /= np.linalg.norm(side)
    return side, np.cross(along, side)
