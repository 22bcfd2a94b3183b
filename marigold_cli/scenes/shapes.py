"""Solids that a ray can hit: boxes, ellipsoids and cylinders, batched over scenes.

World frame: x right, y forward, z up, in metres. A solid is a unit solid that was stretched,
turned about z and moved, so a ray is intersected in the solid's own frame, where distances along
the ray stay the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

FAR = 1e6  # [m]; a ray that hits nothing


class Solid(IntEnum):
    """Kinds of unit solids, all within [-1, 1]^3."""

    BOX = 0
    ELLIPSOID = 1
    CYLINDER = 2  # its axis is z


@dataclass(frozen=True)
class Solids:
    """The solids of a batch of scenes, sorted by kind.

    Attributes:
        centre: [B, N, 3] in metres.
        half: [B, N, 3], half the extent along the solid's own axes [m].
        turn: [B, N], rotation about z [rad].
        kinds: Solid of each of the N places, the same for all scenes.
    """

    centre: Tensor
    half: Tensor
    turn: Tensor
    kinds: tuple[Solid, ...]

    def places(self, kind: Solid) -> slice:
        """Where the solids of one kind stand."""
        first = self.kinds.index(kind) if kind in self.kinds else 0
        return slice(first, first + self.kinds.count(kind))

    def pick(self, index: Tensor) -> Solids:
        """The solid that each of P rays hit: index [B, P] -> centre and half [B, P, 3]."""
        wide = index[..., None].expand(-1, -1, 3)
        return Solids(
            self.centre.gather(1, wide),
            self.half.gather(1, wide),
            self.turn.gather(1, index),
            self.kinds,
        )

    def to_own_frame(self, vector: Tensor) -> Tensor:
        """Turn and shrink world vectors [..., 3] into the frame of the unit solids."""
        cos, sin = self.turn.cos(), self.turn.sin()
        x, y, z = vector.unbind(-1)
        own = torch.stack((cos * x + sin * y, cos * y - sin * x, z), -1)
        return own / self.half

    def to_world_normal(self, own: Tensor) -> Tensor:
        """Bring normals of unit solids [..., 3] to the world, length 1."""
        cos, sin = self.turn.cos(), self.turn.sin()
        x, y, z = (own / self.half).unbind(-1)
        return torch.nn.functional.normalize(
            torch.stack((cos * x - sin * y, sin * x + cos * y, z), -1), dim=-1
        )


def hit(solids: Solids, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """First solid along each ray.

    Args:
        solids: N solids a scene.
        origin: [B, 1 or P, 3] in metres.
        direction: [B, P, 3]; distances are in units of its length.

    Returns:
        distance [B, P] (FAR where nothing is hit) and the solid's index [B, P].
    """
    distances = [
        _ENTER[kind](*_own_rays(solids, kind, origin, direction))
        for kind in Solid
        if kind in solids.kinds
    ]
    nearest = torch.cat(distances, 1).min(1)
    return nearest.values, nearest.indices


def own_normal(kind: Tensor, point: Tensor) -> Tensor:
    """Outward normals on unit solids: kind [B, P] and point [B, P, 3] in the solid's frame."""
    faces = torch.where(
        point.abs() >= point.abs().amax(-1, keepdim=True), point.sign(), point.new_zeros(())
    )
    mantle = point * point.new_tensor([1.0, 1.0, 0.0])
    on_cap = (point[..., 2:].abs() > point[..., :2].norm(dim=-1, keepdim=True)).to(point)
    round_side = (1 - on_cap) * mantle + on_cap * faces
    kind = kind[..., None]
    return torch.where(
        kind == Solid.BOX, faces, torch.where(kind == Solid.ELLIPSOID, point, round_side)
    )


def _own_rays(
    solids: Solids, kind: Solid, origin: Tensor, direction: Tensor
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Rays in the frames of all solids of one kind, as components [B, n, 1 or P]."""
    here = solids.places(kind)
    turn, inverse = solids.turn[:, here], 1 / solids.half[:, here]
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    rows = (
        torch.stack((cos, sin, zero), -1) * inverse[..., :1],
        torch.stack((-sin, cos, zero), -1) * inverse[..., 1:2],
        torch.stack((zero, zero, 1 + zero), -1) * inverse[..., 2:],
    )  # each [B, n, 3]
    origin, direction = origin.transpose(1, 2), direction.transpose(1, 2)
    centre = solids.centre[:, here]
    start = tuple(row @ origin - (row * centre).sum(-1, keepdim=True) for row in rows)
    return start, tuple(row @ direction for row in rows)


def _enter_slabs(start: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave -1 <= coordinate <= 1."""
    inverse = 1 / torch.where(along.abs() < 1e-9, 1e-9, along)
    middle, reach = start * inverse, inverse.abs()
    return -middle - reach, reach - middle


def _enter_quadric(start: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave |coordinates| <= 1."""
    a = sum(d * d for d in along) + torch.zeros_like(along[0])
    half_b = sum(o * d for o, d in zip(start, along, strict=True)) + torch.zeros_like(a)
    c = sum(o * o for o in start) - 1
    discriminant = half_b * half_b - a * c
    root = discriminant.clamp_min(0).sqrt()
    a = a.clamp_min(1e-12)
    enter, leave = (-half_b - root) / a, (-half_b + root) / a
    return torch.where(discriminant > 0, enter, FAR), torch.where(discriminant > 0, leave, -FAR)


def _first(enter: Tensor, leave: Tensor) -> Tensor:
    """The entry distance of rays that pass through and start outside; else FAR."""
    return torch.where((enter < leave) & (enter > 1e-3), enter, FAR)


def _enter_box(start: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> Tensor:
    enter_x, leave_x = _enter_slabs(start[0], along[0])
    enter_y, leave_y = _enter_slabs(start[1], along[1])
    enter_z, leave_z = _enter_slabs(start[2], along[2])
    enter = torch.maximum(torch.maximum(enter_x, enter_y), enter_z)
    leave = torch.minimum(torch.minimum(leave_x, leave_y), leave_z)
    return _first(enter, leave)


def _enter_ellipsoid(start: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> Tensor:
    return _first(*_enter_quadric(start, along))


def _enter_cylinder(start: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> Tensor:
    enter_side, leave_side = _enter_quadric(start[:2], along[:2])
    enter_caps, leave_caps = _enter_slabs(start[2], along[2])
    return _first(torch.maximum(enter_side, enter_caps), torch.minimum(leave_side, leave_caps))


_ENTER = {
    Solid.BOX: _enter_box,
    Solid.ELLIPSOID: _enter_ellipsoid,
    Solid.CYLINDER: _enter_cylinder,
}
