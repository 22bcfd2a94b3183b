"""Scenes as numbers: first each by itself, small enough to send about, then many on a device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marigold_cli.scenes.camera import Cameras, look_along, look_at
from marigold_cli.scenes.light import Air, Lamps, shadow_map
from marigold_cli.scenes.materials import Materials
from marigold_cli.scenes.photo import Lenses
from marigold_cli.scenes.scene import Material, Scene, Shape, Vector
from marigold_cli.scenes.solids import QUADRICS, Solids, rotations

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Draft:
    """One scene in numbers.

    Attributes:
        solids: [N, 12]: centre, half, rotation, shape, material, hollow.
        materials: [M, 17], the values of `scene.Material` in their order.
        lights: [2, 14], the values of `scene.Light`.
        camera: [7]: position, heading, pitch, roll, field of view.
        air: [12]: ambient, zenith, horizon, clouds, haze, shift.
        lens: [14], the values of `scene.Lens`, then which noise.
    """

    solids: Rows
    materials: Rows
    lights: Rows
    camera: Rows
    air: Rows
    lens: Rows


@dataclass(frozen=True)
class Batch:
    """Some scenes on a device."""

    solids: Solids
    materials: Materials
    eyes: Cameras
    lamps: list[Lamps]
    air: Air
    lenses: Lenses


def draft(scene: Scene, seed: int) -> Draft:
    """Turn a scene into numbers; the seed chooses its sensor's noise."""
    known: dict[Material, int] = {}
    solids = [
        (
            *solid.centre,
            *solid.half,
            *solid.rotation,
            solid.shape,
            known.setdefault(solid.material, len(known)),
            solid.hollow,
        )
        for solid in scene.solids
    ]
    sky, view = scene.sky, (scene.heading, scene.pitch, scene.roll, scene.field_of_view)
    return Draft(
        np.array(solids, np.float32),
        _rows(known),
        _rows(scene.lights),
        np.array((*scene.camera, *view), np.float32),
        _rows([(scene.ambient, *astuple(sky))])[0],
        _rows([(*astuple(scene.lens), (seed * 0.6180339887498949) % 1)])[0],
    )


def _rows(values: Iterable[Iterable[float | Vector]]) -> Rows:
    """A table from tuples of numbers and of tuples of numbers."""
    return np.array([_flatten(value) for value in values], np.float32)


def _flatten(value: Iterable[float | Vector]) -> list[float]:
    flat: list[float] = []
    for item in value:
        if isinstance(item, tuple):
            flat += item
        else:
            flat.append(item)
    return flat


def gather(drafts: Sequence[Draft], device: torch.device) -> Batch:
    """Put scenes on a device and let their lamps look at them."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(one, name) for one in drafts])).to(device)

    solids, materials = _join(drafts, device)
    is_opaque = ~solids.hollow & (materials.glow[solids.material] == 0)
    opaque = solids.pick(is_opaque.nonzero()[:, 0])
    lights, camera, air, lens = (stack(name) for name in ("lights", "camera", "air", "lens"))
    return Batch(
        solids,
        materials,
        _eyes(camera),
        [_lamps(row, opaque) for row in lights.unbind(1)],
        Air(air[:, :3], air[:, 3:6], air[:, 6:9], *air[:, 9:].unbind(1)),
        Lenses(lens[:, :3], *lens[:, 3:].unbind(1)),
    )


def _join(drafts: Sequence[Draft], device: torch.device) -> tuple[Solids, Materials]:
    """The solids of all scenes one after the other, and their materials."""
    counts = [len(one.solids) for one in drafts]
    table = torch.from_numpy(np.concatenate([one.solids for one in drafts])).to(device)
    scene = np.repeat(np.arange(len(drafts)), counts)
    before = np.cumsum([0, *(len(one.materials) for one in drafts[:-1])])
    first = torch.from_numpy(np.repeat(before, counts)).to(device)
    shapes = torch.tensor([QUADRICS[shape] for shape in Shape], dtype=torch.float32, device=device)
    shape = table[:, 9].long()
    solids = Solids(
        table[:, :3],
        table[:, 3:6],
        rotations(table[:, 6:9]),
        shapes[shape],
        table[:, 11] > 0,
        shape == Shape.CROWN,
        torch.from_numpy(scene).to(device),
        table[:, 10].long() + first,
    )
    rows = torch.from_numpy(np.concatenate([one.materials for one in drafts])).to(device)
    return solids, Materials(rows.T.contiguous())


def _eyes(rows: Tensor) -> Cameras:
    position, (heading, pitch, roll, view) = rows[:, :3], rows[:, 3:].unbind(1)
    axes = look_along(heading, pitch, roll)
    return Cameras(position, axes, (view / 2).tan(), torch.zeros_like(view))


def _lamps(rows: Tensor, solids: Solids) -> Lamps:
    position, target, colour = rows[:, :3], rows[:, 3:6], rows[:, 6:9]
    spread, extent, reach, softness, framed = rows[:, 9:].unbind(1)
    cameras = Cameras(position, look_at(position, target), spread, extent)
    return Lamps(cameras, colour, reach, softness, framed, shadow_map(solids, cameras))
