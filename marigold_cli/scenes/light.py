"""Light on surfaces: two lamps with soft shadows, ambient light, occlusion, gloss, sky and haze.

All vectors are in the camera's frame: x right, y up, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.scenes.atlas import MIX, Atlas
from marigold_cli.scenes.camera import Cameras, dot
from marigold_cli.scenes.raster import FAR, cast
from marigold_cli.scenes.scene import Texture
from marigold_cli.scenes.solids import Solids, sight

SHADOW_SIZE = 160  # [px]


@dataclass(frozen=True)
class Lamps:
    """One lamp a scene, which looks at what it lights.

    Attributes:
        cameras: Where from, where to and how wide.
        colour: [B, 3], linear.
        reach: [B], distance at which a point has that colour [m]; 0: at every distance.
        softness: [B], radius of the shadow's edge over the lit width.
        framed: [B], 1 where all outside that width is dark, else 0.
        shadow: [B, S, S], depth of the nearest solid as the lamp sees it [m].
    """

    cameras: Cameras
    colour: Tensor
    reach: Tensor
    softness: Tensor
    framed: Tensor
    shadow: Tensor


@dataclass(frozen=True)
class Surface:
    """What the pixels see.

    Attributes:
        point: [3, B, H, W] in metres.
        normal: [3, B, H, W], length 1, towards the camera's side.
        view: [3, B, H, W], unit vectors to the camera.
        facing: [B, H, W], cosine between normal and view.
        nearness: [B, H, W], one over the distance to the camera [1/m].
        albedo: [3, B, H, W], linear.
        gloss: [B, H, W].
        sharpness: [B, H, W].
        glow: [B, H, W].
    """

    point: Tensor
    normal: Tensor
    view: Tensor
    facing: Tensor
    nearness: Tensor
    albedo: Tensor
    gloss: Tensor
    sharpness: Tensor
    glow: Tensor


@dataclass(frozen=True)
class Air:
    """What is between and behind surfaces: zenith and horizon [B, 3], the rest [B]."""

    ambient: Tensor
    zenith: Tensor
    horizon: Tensor
    clouds: Tensor
    haze: Tensor
    shift: Tensor


def shadow_map(solids: Solids, cameras: Cameras) -> Tensor:
    """Depth of what a lamp sees, [B, S, S] in metres."""
    size = (SHADOW_SIZE, SHADOW_SIZE)
    return cast(solids, sight(solids, cameras), len(cameras.position), size)[0]


def _wide(value: Tensor) -> Tensor:
    """[B] or [B, C] to [B, 1, 1] or [C, B, 1, 1]."""
    return value[:, None, None] if value.dim() == 1 else value.T[:, :, None, None]


def _rotate(matrix: Tensor, vector: Tensor) -> Tensor:
    """[B, 3, 3] times [3, B, H, W]."""
    return torch.einsum("bij,jbhw->ibhw", matrix, vector)


def shine(lamps: Lamps, eyes: Cameras, surface: Surface) -> tuple[Tensor, Tensor]:
    """Strength of one lamp's light on matt surfaces and of its highlights, [B, H, W] each."""
    turn = lamps.cameras.axes @ eyes.axes.transpose(1, 2)
    eye = _wide(lamps.cameras.to_frame(eyes.position - lamps.cameras.position))
    seen = _rotate(turn, surface.point).add_(eye)  # as the lamp sees it
    normal = _rotate(turn, surface.normal)
    plane, square = dot(normal, seen), dot(seen, seen)
    parallel, nearness = _wide(lamps.cameras.spread == 0), square.rsqrt()
    cosine = torch.where(parallel, -normal[2], -plane * nearness)
    between = torch.where(parallel, seen[2] - eye[2], (square - dot(eye, seen)) * nearness)
    between = between * surface.nearness  # cosine between the ways to the lamp and to the eye
    halfway = (cosine + surface.facing) * (2 + 2 * between).clamp_min_(1e-3).rsqrt_()
    mirror = halfway.clamp_(1e-4, 1).log2_() * surface.sharpness.exp2()
    highlight = mirror.exp2_() * surface.gloss * (surface.sharpness - 1) * (cosine > 0)
    light = _falloff(lamps, square) * _unshadowed(lamps, seen, normal, plane)
    return light * cosine.clamp_min(0), light * highlight


def _falloff(lamps: Lamps, square: Tensor) -> Tensor:
    """Strength by squared distance: inverse squares, levelled off close by."""
    reach = _wide(lamps.reach).square()
    return torch.where(reach > 0, reach / (0.3 * reach + square).clamp_min_(1e-9), 1)


def _unshadowed(lamps: Lamps, seen: Tensor, normal: Tensor, plane: Tensor) -> Tensor:
    """Share of a lamp that reaches each point: the mean of four looks at the shadow map.

    Each look compares the map with the depth that the point's tangent plane has at that texel.
    """
    size = lamps.shadow.shape[-1]
    spread, extent = _wide(lamps.cameras.spread), _wide(lamps.cameras.extent)
    width = (extent + seen[2] * spread).clamp_min(1e-3)
    x, y = seen[0] / width, seen[1] / width
    slack = (6 / size) * (width + 0.3 * extent)
    radius = 2 * _wide(lamps.softness).clamp_min(0.4 / size)
    first = torch.arange(len(x), device=x.device, dtype=torch.int32)[:, None, None] * size**2
    shadow, lit = lamps.shadow.view(-1), torch.zeros_like(x)
    outside = 1 - _wide(lamps.framed)
    for right, up in _LOOKS:
        a, b = x + right * radius, y + up * radius
        column, row = ((a + 1) * (size / 2)).floor_(), ((1 - b) * (size / 2)).floor_()
        beside = (a.abs() > 1) | (b.abs() > 1)
        a, b = (column + 0.5) * (2 / size) - 1, 1 - (row + 0.5) * (2 / size)
        slope = normal[0] * a + normal[1] * b
        limit = (plane - extent * slope) / (spread * slope + normal[2]).clamp_max_(-1e-3)
        limit = limit.clamp_(seen[2] - slack, seen[2] + slack) * 0.999 - 0.3 * slack / 6 - 0.005
        at = row.clamp_(0, size - 1).mul_(size).add_(column.clamp_(0, size - 1)).int() + first
        share = (shadow.index_select(0, at.view(-1)).view_as(lit) > limit).to(lit)
        lit += torch.where(beside, outside, share)
    return lit / len(_LOOKS)


_LOOKS = ((-1, -0.4), (0.4, -1), (1, 0.4), (-0.4, 1))


def occlusion(point: Tensor, normal: Tensor) -> Tensor:
    """How open to the surroundings each point is, [B, H, W] in (0, 1], from near pixels."""
    small, sides = point[..., ::2, ::2], normal[..., ::2, ::2]
    height, width = small.shape[-2:]
    blocked = torch.zeros_like(small[0])
    padded = F.pad(small, (12, 12, 12, 12), mode="replicate")
    bias = 0.02 * small[2]
    for right, down in _RING:
        there = padded[..., 12 + down : 12 + down + height, 12 + right : 12 + right + width]
        away = there - small
        above = dot(away, sides) - bias
        blocked += above.clamp_min_(0) / (dot(away, away).sqrt_() + 4 * bias)
    open_share = 1 / (1 + 2.0 * blocked / len(_RING)) ** 2
    size = point.shape[-2:]
    return F.interpolate(open_share[:, None], size, mode="bilinear", align_corners=False)[:, 0]


_RING = [(2, 1), (-1, 2), (-2, -1), (1, -2), (6, -4), (4, 6), (-6, 4), (-4, -6), (11, 5), (-5, 11)]
_RING += [(-11, -5), (5, -11)]


def surroundings(air: Air, up: Tensor) -> Tensor:
    """Light that comes from a direction by the height of its unit vector, [3, B, H, W]."""
    sky = torch.lerp(_wide(air.horizon), _wide(air.zenith), (up * 1.6).clamp_(0, 1).sqrt_())
    below = _wide(air.ambient) * 0.6
    return torch.lerp(below, sky, ((up + 0.1) * 5).clamp_(0, 1))


def sky_light(air: Air, atlas: Atlas, eyes: Cameras, view: Tensor) -> Tensor:
    """The sky with its clouds behind each pixel, [3, B, H, W]."""
    world = _rotate(eyes.axes.transpose(1, 2), -view)
    clear = surroundings(air, world[2].clamp_min(0.02))
    flat = world[:2] / (world[2].abs() + 0.12)
    u, v = flat * 0.13 + _wide(air.shift)
    finest = torch.zeros_like(u, dtype=torch.int32)
    large = atlas.look_up(Texture.CLOUDY, (u, v), finest, MIX)[0]
    fine = atlas.look_up(Texture.CLOUDY, (u * 3.3, v * 3.3), finest, MIX)[0]
    density = 0.7 * large + 0.3 * fine - 1 + _wide(air.clouds)
    cover = (density * 4).clamp_(0, 1) * (world[2] * 8).clamp(0, 1)
    cloud = _wide(air.horizon) * (1.25 - 0.5 * (density * 2).clamp(0, 1))
    return torch.lerp(clear, cloud, cover)


def illuminate(lamps: list[Lamps], air: Air, eyes: Cameras, surface: Surface) -> Tensor:
    """Light that leaves each surface towards the camera, linear [3, B, H, W]."""
    zenith = eyes.axes[..., 2]  # of the world, in the camera's frame
    up = dot(_wide(zenith), surface.normal)
    bare = occlusion(surface.point, surface.normal)
    light = _wide(air.ambient) * ((0.7 + 0.3 * up) * bare)
    highlights = torch.zeros_like(light)
    for lamp in lamps:
        matt, glossy = shine(lamp, eyes, surface)
        light.addcmul_(_wide(lamp.colour), matt * (0.4 + 0.6 * bare))
        highlights.addcmul_(_wide(lamp.colour), glossy)
    facing = surface.facing
    mirrored = 2 * facing * up - dot(_wide(zenith), surface.view)
    fresnel = surface.gloss * (0.06 + 0.7 * (1 - facing.clamp(0, 1)) ** 4)
    reflection = surroundings(air, mirrored) * (fresnel * bare)
    return surface.albedo * (light + surface.glow) + highlights * 0.25 + reflection


def look_through(air: Air, colour: Tensor, sky: Tensor, distance: Tensor) -> Tensor:
    """Haze before surfaces, and the sky where there are none."""
    clear = torch.exp(-_wide(air.haze) * distance.clamp_max(1e4))
    hazy = torch.lerp(_wide(air.horizon) * 0.95, colour, clear)
    return torch.where(distance > FAR / 2, sky, hazy)
