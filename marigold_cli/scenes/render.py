"""Scenes to pictures with exact depth: cast, colour, light, photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from marigold_cli.scenes.atlas import atlas
from marigold_cli.scenes.batch import Batch, Draft, draft, gather
from marigold_cli.scenes.camera import dot, picture_plane, unit
from marigold_cli.scenes.light import Surface, illuminate, look_through, sky_light
from marigold_cli.scenes.materials import albedo
from marigold_cli.scenes.photo import photograph
from marigold_cli.scenes.raster import FAR, cast
from marigold_cli.scenes.sample import sample_scene
from marigold_cli.scenes.solids import Sights, sight, unit_normals

SKY_DEPTH = 80.0  # [m]; the sky and all beyond, as in the papers' outdoor training data
AT_ONCE = {"cpu": 1}  # scenes: one fits into a processor's cache
AT_ONCE_ELSEWHERE = 64


@dataclass(frozen=True)
class Views:
    """A batch of pictures and their truth.

    Attributes:
        rgb: float32 [B, 3, H, W], sRGB in [0, 1].
        depth: float32 [B, 1, H, W], z-depth at the pixel centres [m], at most SKY_DEPTH.
        normals: float32 [B, 3, H, W], unit vectors out of surfaces: x right, y up, z to the
            viewer; 0 at SKY_DEPTH.
    """

    rgb: Tensor
    depth: Tensor
    normals: Tensor


def sample_draft(seed: int) -> Draft:
    """Draw one scene as numbers: what processes can prepare ahead of a fast device."""
    return draft(sample_scene(seed), seed)


def render(seeds: Sequence[int], height: int, width: int, device: str = "cpu") -> Views:
    """Render the scenes of some seeds; a seed's picture does not depend on its batch."""
    return render_drafts([sample_draft(seed) for seed in seeds], height, width, device)


@torch.inference_mode()
def render_drafts(drafts: Sequence[Draft], height: int, width: int, device: str = "cpu") -> Views:
    """Render scenes that were drawn before."""
    place = torch.device(device)
    step = AT_ONCE.get(place.type, AT_ONCE_ELSEWHERE)
    parts = [
        _render(gather(drafts[first : first + step], place), (height, width))
        for first in range(0, len(drafts), step)
    ]
    fields = zip(*(vars(part).values() for part in parts), strict=True)
    return Views(*(torch.cat(field) for field in fields))


def _render(batch: Batch, size: tuple[int, int]) -> Views:
    sights = sight(batch.solids, batch.eyes)
    distance, seen = cast(batch.solids, sights, len(batch.eyes.position), size)
    surface = _surface(batch, sights, distance, seen)
    colour = illuminate(batch.lamps, batch.air, batch.eyes, surface)
    if bool((distance == FAR).any()):
        sky = sky_light(batch.air, atlas(distance.device), batch.eyes, surface.view)
        colour = look_through(batch.air, colour, sky, distance)
    linear = colour.transpose(0, 1)
    depth = distance.clamp_max(SKY_DEPTH)[:, None]
    normals = surface.normal.transpose(0, 1) * surface.normal.new_tensor([1.0, 1, -1]).view(3, 1, 1)
    return Views(
        photograph(linear, distance[:, None], batch.lenses),
        depth,
        torch.where(depth < SKY_DEPTH, normals, 0),
    )


def _surface(batch: Batch, sights: Sights, distance: Tensor, seen: Tensor) -> Surface:
    """Where the pixels' rays end and what is there."""
    shape, size = seen.shape, (seen.shape[1], seen.shape[2])
    x, y = picture_plane(*size, seen.device)
    spread = batch.eyes.spread[:, None, None]
    plane = (x * spread, y * spread, torch.ones_like(spread))
    rays = torch.stack([value.expand(shape) for value in plane])
    point = rays * distance
    index = seen.view(-1)
    here = sights.pick(index)
    away = point.view(3, -1) - here.centre
    own = here.axes[0] * away[0] + here.axes[1] * away[1] + here.axes[2] * away[2]
    unit_normal = unit_normals(here.quadric, own)
    outward = unit((here.axes * unit_normal).sum(1)).view(3, *shape)
    normal = torch.where(here.hollow.view(shape), -outward, outward)
    long = dot(rays, rays).rsqrt_()
    view = rays * -long
    facing = dot(normal, view)
    footprint = distance.clamp_max(1e3) * spread * (2 / size[1]) / facing.abs().clamp_min_(0.08)
    material = batch.materials.pick(batch.solids.material[index])
    colour = albedo(
        atlas(seen.device),
        material,
        own * here.half,
        unit_normal / here.half,
        footprint.view(-1),
    )
    return Surface(
        torch.where(distance < FAR / 2, point, rays * 1e3),
        normal,
        view,
        facing,
        long / distance.clamp_max(1e3),
        colour.view(3, *shape),
        material.gloss.view(shape),
        material.sharpness.view(shape),
        material.glow.view(shape),
    )
