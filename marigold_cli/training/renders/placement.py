"""Where things stand: on a floor or a top, along its edges or free, and never inside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TRIES = 24
# The heading [rad] from each side of a region into it; sides go anticlockwise from y0.
INWARD = (math.pi / 2, math.pi, -math.pi / 2, 0.0)


@dataclass(frozen=True)
class Block:
    """An upright box: a turned rectangle on the ground, between two heights.

    Attributes:
        x: Centre [m].
        y: Centre [m].
        length: Along its own x axis, where its front looks to [m].
        width: Along its own y axis [m].
        heading: Of its own x axis, anticlockwise from +x [rad].
        bottom: Height [m].
        top: Height [m].
    """

    x: float
    y: float
    length: float
    width: float
    heading: float = 0.0
    bottom: float = 0.0
    top: float = math.inf

    def axes(self) -> Floats:
        """Unit vectors of its own x and y axes, [2, 2]."""
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return np.array([[cos, sin], [-sin, cos]])

    def corners(self) -> Floats:
        """On the ground, [4, 2], anticlockwise."""
        half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [self.length / 2, self.width / 2]
        corners: Floats = half @ self.axes() + [self.x, self.y]
        return corners

    def grown(self, margin: float) -> Block:
        """The same with free space around it, not above [m]."""
        return replace(self, length=self.length + 2 * margin, width=self.width + 2 * margin)

    def overlaps(self, other: Block) -> bool:
        """Whether the two share some volume (separating axes)."""
        if self.top <= other.bottom or other.top <= self.bottom:
            return False
        mine, theirs = self.corners(), other.corners()
        for axis in (*self.axes(), *other.axes()):
            a, b = mine @ axis, theirs @ axis
            if a.max() <= b.min() or b.max() <= a.min():
                return False
        return True

    def holds(self, x: float, y: float, z: float) -> bool:
        """Whether a point lies inside."""
        along = self.axes() @ [x - self.x, y - self.y]
        inside = abs(along[0]) < self.length / 2 and abs(along[1]) < self.width / 2
        return bool(inside and self.bottom < z < self.top)


@dataclass
class Region:
    """A level rectangle on which things are put, and what stands there already.

    Attributes:
        x0, y0, x1, y1: Its edges [m].
        level: Its height [m].
        room: Free height above [m].
        taken: What stands there.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    level: float = 0.0
    room: float = math.inf
    taken: list[Block] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        """Along x and along y [m]."""
        return self.x1 - self.x0, self.y1 - self.y0

    def free(
        self,
        size: Sequence[float],
        rng: np.random.Generator,
        gap: float = 0.0,
        square: bool = False,
    ) -> Block | None:
        """Put something anywhere; None when it fits nowhere.

        Args:
            size: Its length, width and height [m].
            rng: Chooses.
            gap: Free space around it [m].
            square: Whether it is turned by quarters only.
        """
        for _ in range(_TRIES):
            turn = math.pi / 2 * rng.integers(4) if square else rng.uniform(-math.pi, math.pi)
            x, y = rng.uniform(self.x0, self.x1), rng.uniform(self.y0, self.y1)
            block = self.put(self._block(x, y, size, turn), gap)
            if block:
                return block
        return None

    def against(
        self,
        size: Sequence[float],
        rng: np.random.Generator,
        sides: Sequence[int] = (0, 1, 2, 3),
        gap: float = 0.02,
    ) -> Block | None:
        """Put something with its back to a side; None when it fits nowhere.

        Args:
            size: Its length (front to back), width and height [m].
            rng: Chooses.
            sides: 0 is y0, then anticlockwise: x1, y1, x0.
            gap: Between it and the side, and around it [m].
        """
        for _ in range(_TRIES):
            side = int(rng.choice(list(sides)))
            back = size[0] / 2 + gap
            x, y = rng.uniform(self.x0, self.x1), rng.uniform(self.y0, self.y1)
            x = (x, self.x1 - back, x, self.x0 + back)[side]
            y = (self.y0 + back, y, self.y1 - back, y)[side]
            block = self.put(self._block(x, y, size, INWARD[side]), gap / 2)
            if block:
                return block
        return None

    def put(self, block: Block, gap: float = 0.0) -> Block | None:
        """Take this place if it lies inside and is free."""
        corners = block.corners()
        inside = (corners >= [self.x0 - 1e-9, self.y0 - 1e-9]).all()
        inside = inside and (corners <= [self.x1 + 1e-9, self.y1 + 1e-9]).all()
        if not inside or block.top - block.bottom > self.room:
            return None
        if any(block.grown(gap).overlaps(other) for other in self.taken):
            return None
        self.taken.append(block)
        return block

    def inset(self, margin: float) -> Region:
        """A smaller one within it, with nothing on it."""
        return Region(
            self.x0 + margin,
            self.y0 + margin,
            self.x1 - margin,
            self.y1 - margin,
            self.level,
            self.room,
        )

    def _block(self, x: float, y: float, size: Sequence[float], heading: float) -> Block:
        return Block(x, y, size[0], size[1], heading, self.level, self.level + size[2])
