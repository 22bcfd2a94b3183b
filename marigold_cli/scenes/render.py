"""Scenes to pictures with exact depth: one ray a pixel, one for shadow, a camera's faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.scenes.camera import Cameras
from marigold_cli.scenes.materials import Materials, Pattern, albedo, clouds
from marigold_cli.scenes.props import Material, Scene, Thing
from marigold_cli.scenes.sample import sample_scene
from marigold_cli.scenes.shapes import FAR, Solid, Solids, hit, own_normal

SKY_DEPTH = 80.0  # [m]; the sky and all beyond, as in the papers' outdoor training data


@dataclass(frozen=True)
class Views:
    """A batch of pictures and their truth.

    Attributes:
        rgb: float32 [B, 3, H, W], sRGB in [0, 1].
        depth: float32 [B, 1, H, W], z-depth [m], at most SKY_DEPTH.
    """

    rgb: Tensor
    depth: Tensor


@dataclass(frozen=True)
class _Surfaces:
    """What each ray met: distance [B, P], position, normal and the same in the surface's frame."""

    distance: Tensor
    point: Tensor
    normal: Tensor
    own_point: Tensor
    own_normal: Tensor
    material: Tensor  # index into the batch's materials


@torch.inference_mode()
def render(seeds: Sequence[int], height: int, width: int, device: str = "cpu") -> Views:
    """Render the scenes of some seeds; a seed's picture does not depend on its batch."""
    batch = _Batch([sample_scene(seed) for seed in seeds], torch.device(device))
    rays = batch.cameras.rays(height, width)
    surfaces = _trace(batch, rays)
    pixel = batch.cameras.field_of_view[:, None] / width
    colour = _shade(batch, surfaces, rays, pixel)
    depth = surfaces.distance.clamp_max(SKY_DEPTH)
    linear = _add_sky_and_haze(batch, colour, surfaces.distance, rays)
    rgb = linear.transpose(1, 2).reshape(len(seeds), 3, height, width)
    photos = [_photograph(view, seed) for view, seed in zip(rgb, seeds, strict=True)]
    return Views(torch.stack(photos), depth.reshape(-1, 1, height, width))


class _Batch:
    """Scenes as tensors, padded to the same number of solids."""

    def __init__(self, scenes: Sequence[Scene], device: torch.device) -> None:
        def tensor(values: object) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        slots, self.kinds = _pad([scene.things for scene in scenes])
        self.solids = Solids(
            tensor([[thing.centre for thing in row] for row in slots]),
            tensor([[thing.half for thing in row] for row in slots]),
            tensor([[thing.turn for thing in row] for row in slots]),
            self.kinds,
        )
        surfaces = [
            [*(thing.material for thing in row), *scene.hull_materials]
            for row, scene in zip(slots, scenes, strict=True)
        ]
        self.materials = _stack_materials(surfaces, device)
        self.hull = tensor([scene.hull for scene in scenes])
        self.light = tensor([scene.light for scene in scenes])[:, None]
        self.light_colour = tensor([scene.light_colour for scene in scenes])[:, None]
        self.ambient = tensor([scene.ambient for scene in scenes])[:, None]
        self.haze = tensor([scene.haze for scene in scenes])[:, None]
        self.cloud_cover = tensor([scene.cloud_cover for scene in scenes])[:, None]
        self.cameras = Cameras(
            tensor([scene.camera for scene in scenes]),
            tensor([scene.heading for scene in scenes]),
            tensor([scene.pitch for scene in scenes]),
            tensor([scene.roll for scene in scenes]),
            tensor([scene.field_of_view for scene in scenes]),
        )


def _pad(rows: Sequence[list[Thing]]) -> tuple[list[list[Thing]], tuple[Solid, ...]]:
    """Sort things by kind and fill up with ones that no ray meets."""
    filled: list[list[Thing]] = [[] for _ in rows]
    kinds: list[Solid] = []
    plain = Material((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), Pattern.PLAIN, scale=1)
    for kind in Solid:
        nothing = Thing(kind, (0, 0, -1e4), (1e-3, 1e-3, 1e-3), 0, plain)
        ours = [[thing for thing in row if thing.solid is kind] for row in rows]
        most = max(1, *map(len, ours))
        kinds += [kind] * most
        for row, things in zip(filled, ours, strict=True):
            row += things + [nothing] * (most - len(things))
    return filled, tuple(kinds)


def _stack_materials(rows: list[list[Material]], device: torch.device) -> Materials:
    def column(name: str) -> Tensor:
        values = [[getattr(material, name) for material in row] for row in rows]
        return torch.tensor(values, dtype=torch.float32, device=device)

    return Materials(*(column(field.name) for field in fields(Materials)))


def _trace(batch: _Batch, rays: Tensor) -> _Surfaces:
    """Follow one ray a pixel to the nearest solid or hull face."""
    eye = batch.cameras.position[:, None]
    distance, index = hit(batch.solids, eye, rays)
    hull_distance, face = _hit_hull(batch.hull, eye, rays)
    on_hull = (hull_distance < distance)[..., None]
    distance = torch.minimum(distance, hull_distance)
    point = eye + distance.clamp_max(1e4)[..., None] * rays
    solid = batch.solids.pick(index)
    kind = torch.tensor(batch.kinds, device=rays.device)[index]
    inside = solid.to_own_frame(point - solid.centre)
    inside_normal = own_normal(kind, inside)
    hull_normal = _hull_normal(face)
    return _Surfaces(
        distance=distance,
        point=point,
        normal=torch.where(on_hull, hull_normal, solid.to_world_normal(inside_normal)),
        own_point=torch.where(on_hull, point, inside * solid.half + solid.centre),
        own_normal=torch.where(on_hull, hull_normal, inside_normal / solid.half),
        material=torch.where(on_hull[..., 0], face + len(batch.kinds), index),
    )


def _hit_hull(hull: Tensor, origin: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays leave the hull [B, 6] and through which face, [B, P] each."""
    low, high = hull[:, None, 0::2], hull[:, None, 1::2]
    bound = torch.where(rays < 0, low, high)
    along = torch.where(rays.abs() < 1e-9, 1e-9, rays)
    distance = ((bound - origin) / along).nan_to_num(FAR, FAR, FAR)
    nearest = torch.where(distance > 0, distance, FAR).min(-1)
    upper = rays.gather(-1, nearest.indices[..., None])[..., 0] > 0
    return nearest.values, 2 * nearest.indices + upper.long()


def _hull_normal(face: Tensor) -> Tensor:
    """Inward normals of hull faces [B, P]."""
    axis = F.one_hot(face // 2, 3).float()
    return axis * (1 - 2 * (face % 2)).float()[..., None]


def _shade(batch: _Batch, surfaces: _Surfaces, rays: Tensor, pixel: Tensor) -> Tensor:
    """Light that leaves each surface towards the camera, linear [B, P, 3]."""
    material = batch.materials.pick(surfaces.material)
    view = F.normalize(-rays, dim=-1)
    facing = (view * surfaces.normal).sum(-1).abs().clamp_min(0.05)
    footprint = surfaces.distance.clamp_max(1e3) * pixel / facing
    colour = albedo(material, surfaces.own_point, surfaces.own_normal, footprint)
    direct, highlight = _direct_light(batch, surfaces, view, material.gloss)
    up = 0.6 + 0.4 * surfaces.normal[..., 2:]
    ambient = batch.ambient * up * _corner_shade(batch.hull, surfaces.point)[..., None]
    lit = colour * (ambient + direct) + highlight
    return lit + colour * material.glow[..., None]


def _direct_light(
    batch: _Batch, surfaces: _Surfaces, view: Tensor, gloss: Tensor
) -> tuple[Tensor, Tensor]:
    """Diffuse light with its shadow, and the highlight, [B, P, 3] each."""
    to_light = batch.light - surfaces.point
    away = to_light.norm(dim=-1, keepdim=True)
    towards = to_light / away
    start = surfaces.point + 1e-3 * surfaces.normal
    blocked, _ = hit(batch.solids, start, to_light)
    visible = (blocked >= 1).to(start)[..., None]
    fading = 2 / (1 + (away / 2.5) ** 2)
    strength = torch.where(away > 500, torch.ones_like(away), fading) * visible
    cosine = (towards * surfaces.normal).sum(-1, keepdim=True).clamp_min(0)
    half_way = F.normalize(towards + view, dim=-1)
    mirror = (half_way * surfaces.normal).sum(-1, keepdim=True).clamp_min(0) ** 40
    light = batch.light_colour * strength
    return light * cosine, light * mirror * gloss[..., None]


def _corner_shade(hull: Tensor, point: Tensor) -> Tensor:
    """Less ambient light near the hull's edges, [B, P] in [0, 1]."""
    low, high = hull[:, None, 0::2], hull[:, None, 1::2]
    gaps = torch.cat((point - low, high - point), -1).clamp_min(0)
    return (1 - 0.35 * torch.exp(-gaps / 0.4)).prod(-1) / 0.65


def _add_sky_and_haze(batch: _Batch, colour: Tensor, distance: Tensor, rays: Tensor) -> Tensor:
    direction = F.normalize(rays, dim=-1)
    up = direction[..., 2:].clamp(0, 1)
    horizon = batch.ambient * 1.1 + 0.15
    zenith = batch.ambient * batch.ambient.new_tensor([0.5, 0.75, 1.15])
    blue = torch.lerp(horizon, zenith, up.sqrt())
    cover = clouds(direction, batch.cloud_cover)[..., None]
    sky = torch.lerp(blue, horizon * 1.1, cover)
    clear = torch.exp(-batch.haze * distance.clamp_max(1e4))[..., None]
    seen = torch.lerp(horizon, colour, clear)
    return torch.where(distance[..., None] > FAR / 2, sky, seen)


def _photograph(linear: Tensor, seed: int) -> Tensor:
    """Exposure, white balance, vignetting, blur, noise and sRGB of one picture [3, H, W]."""
    random = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> Tensor:
        return torch.rand(*size, generator=random).to(linear)

    exposure = (0.12 + 0.35 * draw(1)) / linear.mean().clamp_min(1e-3)
    balance = 1 + 0.15 * (draw(3, 1, 1) - 0.5)
    height, width = linear.shape[1:]
    y = torch.linspace(-1, 1, height, device=linear.device)[:, None]
    x = torch.linspace(-1, 1, width, device=linear.device)
    vignette = 1 - 0.3 * draw(1) * (x * x + y * y) / 2
    exposed = (linear * exposure * balance * vignette).clamp(0, 1)
    blurred = _soften(_to_srgb(exposed), 0.5 * draw(1))
    noise = torch.randn(linear.shape, generator=random).to(linear) * 0.04 * draw(1) ** 2
    return (blurred + noise).clamp(0, 1)


def _to_srgb(linear: Tensor) -> Tensor:
    return torch.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _soften(picture: Tensor, strength: Tensor) -> Tensor:
    """Blur [3, H, W] with the kernel (s, 1 - s, s) along both axes, scaled to sum 1."""
    kernel = torch.cat((strength, 1 - strength, strength))
    kernel = (kernel / kernel.sum()).expand(3, 1, 3)
    padded = F.pad(picture[None], (1, 1, 1, 1), mode="replicate")
    blurred = F.conv2d(padded, kernel[..., None, :], groups=3)
    return F.conv2d(blurred, kernel[..., :, None], groups=3)[0]
