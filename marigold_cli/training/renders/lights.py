"""Skies and lamps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

Colour = tuple[float, float, float]


def set_sky(rng: np.random.Generator, overcast: float = 0.3, clouds: bool = True) -> None:
    """Sun and blue sky of some hour, or, in this share of scenes, clouds all over.

    Args:
        rng: Chooses.
        overcast: That share.
        clouds: Whether a blue sky has some; they cost time at every hit of a surface.
    """
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    tree = world.node_tree
    shader = tree.nodes["Background"]
    if rng.random() < overcast:
        shade = rng.uniform(0.6, 1.0, 2)
        _gradient(tree, shader, float(shade.min()), rng)
        shader.inputs["Strength"].default_value = rng.uniform(0.6, 1.5)
        return
    sky = tree.nodes.new("ShaderNodeTexSky")
    sky.sky_type = "NISHITA"
    sky.sun_elevation = math.radians(min(75.0, 6 + 70 * rng.beta(1.6, 1.6)))
    sky.sun_rotation = rng.uniform(0, 2 * math.pi)
    sky.sun_size = math.radians(rng.choice([0.6, 2, 6]))
    sky.sun_intensity = rng.uniform(0.15, 1.0)
    sky.air_density, sky.dust_density = rng.uniform(0.7, 2.0), rng.uniform(0.2, 4.0)
    if clouds:
        _clouds(tree, sky, shader, rng)
    else:
        tree.links.new(sky.outputs["Color"], shader.inputs["Color"])
    shader.inputs["Strength"].default_value = 0.15


def _gradient(tree: Any, shader: Any, dark: float, rng: np.random.Generator) -> None:
    """A grey sky, brighter above, with soft patches."""
    place = tree.nodes.new("ShaderNodeTexCoord")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = rng.uniform(1.5, 5)
    noise.inputs["Detail"].default_value = 3
    tree.links.new(place.outputs["Generated"], noise.inputs["Vector"])
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    tint = rng.uniform(0.9, 1.0)
    ramp.color_ramp.elements[0].color = (dark * tint, dark * (tint + 1) / 2, dark, 1)
    ramp.color_ramp.elements[1].color = (1, 1, 1, 1)
    tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], shader.inputs["Color"])


def _clouds(tree: Any, sky: Any, shader: Any, rng: np.random.Generator) -> None:
    """White patches over a blue sky, more or less of them."""
    place = tree.nodes.new("ShaderNodeTexCoord")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = rng.uniform(1.5, 6)
    noise.inputs["Detail"].default_value = 4
    stretch = tree.nodes.new("ShaderNodeMapping")
    stretch.inputs["Scale"].default_value = (1, 1, rng.uniform(2, 5))
    stretch.inputs["Location"].default_value = tuple(rng.uniform(0, 50, 3))
    tree.links.new(place.outputs["Generated"], stretch.inputs["Vector"])
    tree.links.new(stretch.outputs["Vector"], noise.inputs["Vector"])
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    start = rng.uniform(0.4, 0.75)
    ramp.color_ramp.elements[0].position = start
    ramp.color_ramp.elements[1].position = min(1.0, start + rng.uniform(0.1, 0.35))
    tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    mix = tree.nodes.new("ShaderNodeMixRGB")
    mix.inputs["Color2"].default_value = (*([rng.uniform(4, 8)] * 3), 1)
    tree.links.new(ramp.outputs["Color"], mix.inputs["Fac"])
    tree.links.new(sky.outputs["Color"], mix.inputs["Color1"])
    tree.links.new(mix.outputs["Color"], shader.inputs["Color"])


def window_light(
    centre: Sequence[float], heading: float, size: tuple[float, float], radiance: float
) -> None:
    """The sky's light through a window, sent by the opening itself; no camera sees it.

    Args:
        centre: Of the opening [m].
        heading: Horizontal, where the light goes [rad].
        size: Width and height [m].
        radiance: [W / sr / m^2].
    """
    placed = _lamp("AREA", centre, (0.85, 0.92, 1.0), math.pi * radiance * size[0] * size[1])
    placed.data.shape, placed.data.size, placed.data.size_y = "RECTANGLE", *size
    placed.rotation_euler = (math.pi / 2, 0, heading + math.pi / 2)


def hang_lamp(place: Sequence[float], radius: float, watts: float, warmth: float) -> None:
    """A round lamp that shines downwards; no camera sees it."""
    placed = _lamp("AREA", place, _warm(warmth), watts)
    placed.data.shape, placed.data.size = "DISK", 2 * radius


def stand_lamp(place: Sequence[float], watts: float, warmth: float) -> None:
    """A bulb that shines everywhere."""
    placed = _lamp("POINT", place, _warm(warmth), watts)
    placed.data.shadow_soft_size = 0.06


def _warm(warmth: float) -> Colour:
    """From daylight at 0 to candle light at 1."""
    return 1.0, 1.0 - 0.35 * warmth, 1.0 - 0.7 * warmth


def _lamp(kind: str, place: Sequence[float], colour: Colour, watts: float) -> Any:
    lamp = bpy.data.lights.new("lamp", kind)
    lamp.energy, lamp.color = watts, colour
    placed = bpy.data.objects.new("lamp", lamp)
    placed.location = tuple(place)
    placed.visible_camera = False
    bpy.context.scene.collection.objects.link(placed)
    return placed
