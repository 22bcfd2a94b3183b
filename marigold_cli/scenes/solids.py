"""Solids in front of cameras: where rays enter them, and their normals.

A solid is [-1, 1]^3 cut by a quadric q . (x^2, y^2, z^2) + l z + c <= 0, stretched, turned and
moved. Rays are followed in the solid's own frame. There a ray through the picture point (x, y)
is start + t * along, with both linear in x and y, and t = 0 at the depth of the solid's centre:
so that thin and far solids keep their precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from marigold_cli.scenes.camera import Cameras
from marigold_cli.scenes.scene import Shape

QUADRICS = {  # q_x, q_y, q_z, l, c
    Shape.BOX: (0, 0, 0, 0, -1),
    Shape.ELLIPSOID: (1, 1, 1, 0, -1),
    Shape.CYLINDER: (1, 1, 0, 0, -1),
    Shape.DOME: (1, 1, 0, 0.5, -0.5),
    Shape.BOWL: (1, 1, 0, -0.5, -0.5),
    Shape.CUSHION: (1, 1, 1, 0, -1.8),
    Shape.BARREL: (1, 1, 0.4, 0, -1),
    Shape.BLOCK: (1, 1, 1, 0, -2.3),
    Shape.CROWN: (1, 1, 1, 0, -1),
}


@dataclass(frozen=True)
class Solids:
    """The solids of all scenes of a batch, one after the other.

    Attributes:
        centre: [N, 3] in metres.
        half: [N, 3], half the extent along the solid's own axes [m].
        turned: [N, 3, 3], the solid's own axes in the world, as columns.
        quadric: [N, 5], the coefficients above.
        hollow: [N], whether it is seen from inside.
        porous: [N], whether its skin has holes.
        scene: [N], which camera looks at it.
        material: [N], index of its material.
    """

    centre: Tensor
    half: Tensor
    turned: Tensor
    quadric: Tensor
    hollow: Tensor
    porous: Tensor
    scene: Tensor
    material: Tensor

    def pick(self, chosen: Tensor) -> Solids:
        """Some of the solids, by index."""
        return Solids(*(value[chosen] for value in vars(self).values()))


def rotations(angles: Tensor) -> Tensor:
    """Turn about z, of a tilt about x, of a lean about y: [N, 3] in radians to [N, 3, 3]."""
    (cz, cx, cy), (sz, sx, sy) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    return torch.stack(
        (
            torch.stack((cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy), -1),
            torch.stack((sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy), -1),
            torch.stack((-cx * sy, sx, cx * cy), -1),
        ),
        -2,
    )


@dataclass(frozen=True)
class Sights:
    """Solids as their cameras see them: one table [26, N], so that picking is one step."""

    table: Tensor

    def pick(self, index: Tensor) -> Sights:
        """Of each pixel or pair, the solid it looks at."""
        return Sights(self.table.index_select(1, index))

    @property
    def axes(self) -> Tensor:
        """[3, 3, N]: the camera's right, up and forward (first) in the solid's unit frame."""
        return self.table[:9].view(3, 3, -1)

    @property
    def start(self) -> Tensor:
        """[3, N]: where the optical axis meets the depth of the centre, in the unit frame."""
        return self.table[9:12]

    @property
    def centre(self) -> Tensor:
        """[3, N]: the centre in the camera's frame [m]."""
        return self.table[12:15]

    @property
    def half(self) -> Tensor:
        """[3, N], half the extent along the solid's own axes [m]."""
        return self.table[15:18]

    @property
    def quadric(self) -> Tensor:
        """[5, N]."""
        return self.table[18:23]

    @property
    def width(self) -> Tensor:
        """[N], half the width that the camera sees at the depth of the centre [m]."""
        return self.table[23]

    @property
    def spread(self) -> Tensor:
        """[N], what each metre adds to it."""
        return self.table[24]

    @property
    def hollow(self) -> Tensor:
        """[N], whether it is seen from inside."""
        return self.table[25] > 0


def sight(solids: Solids, cameras: Cameras) -> Sights:
    """See every solid with the camera of its scene."""
    axes, spread = cameras.axes[solids.scene], cameras.spread[solids.scene]
    away = solids.centre - cameras.position[solids.scene]
    centre = (axes @ away[..., None])[..., 0]
    own = (axes @ solids.turned) / solids.half[:, None]  # [N, camera axis, own axis]
    start = -(centre[:, 0, None] * own[:, 0] + centre[:, 1, None] * own[:, 1])
    width = cameras.extent[solids.scene] + centre[:, 2] * spread
    single = torch.stack((width, spread, solids.hollow.to(width)), 1)
    columns = (own.flatten(1), start, centre, solids.half, solids.quadric, single)
    return Sights(torch.cat(columns, 1).T.contiguous())


def slabs(start: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave the cube [-1, 1]^3: [3, ...] to two of [...]."""
    inverse = along.reciprocal()
    middle, reach = start * inverse, inverse.abs_()
    enter = torch.amax(-middle - reach, 0)
    return enter, torch.amin(reach.sub_(middle), 0)


def quadrics(shape: Tensor, start: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave a quadric [5, ...]; a ray that misses it gets NaN."""
    q, bend, offset = shape[:3], shape[3], shape[4]
    weighted = q * along
    a = (weighted * along).sum(0).clamp_min_(1e-12)
    half_b = (weighted * start).sum(0).addcmul_(bend / 2, along[2])
    c = (q * start).mul_(start).sum(0).addcmul_(bend, start[2]).add_(offset)
    root = (half_b * half_b).sub_(a * c).sqrt_()
    stable = half_b + root.copysign_(half_b)  # never the difference of near numbers
    one, other = -stable / a, -c / stable
    return torch.minimum(one, other), torch.maximum(one, other)


def unit_normals(quadric: Tensor, point: Tensor) -> Tensor:
    """Outward normals in the unit frame, [3, P], not of length 1: of the face or the quadric."""
    size = point.abs()
    face = size.amax(0)
    flat = torch.where(size >= face, point.sign(), point.new_zeros(()))
    slope = quadric[:3] * point
    value = (slope * point).sum(0) + quadric[3] * point[2] + quadric[4]
    slope[2] += quadric[3] / 2
    return torch.where((face - 1).abs() <= value.abs(), flat, slope)


def is_leaf(point: Tensor) -> Tensor:
    """Whether the skin of a porous solid is there: [3, ...] in the unit frame to booleans.

    By lattice cell, with integers, so that every device and batch agrees.
    """
    x, y, z = (point * _LEAVES).floor_().int()
    mixed = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791)
    return torch.lt(((mixed >> 3) ^ (mixed >> 11)) % 16, _COVER)


_LEAVES = 7.0  # cells from the middle to the skin
_COVER = 10  # of 16 cells are leaves
