"""Plain materials: one colour, mottled, with some gloss and unevenness."""

from __future__ import annotations

import colorsys
from typing import Any

import bpy
import numpy as np

Material = Any  # bpy.types.Material
Colour = tuple[float, float, float]


def plain(
    colour: Colour,
    roughness: float,
    metallic: float = 0.0,
    mottle: float = 0.0,
    grain: float = 8.0,
    bump: float = 0.0,
) -> Material:
    """One colour, mottled at some grain per metre, perhaps a little uneven."""
    material = bpy.data.materials.new("plain")
    material.use_nodes = True
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    if mottle or bump:
        noise = tree.nodes.new("ShaderNodeTexNoise")
        noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = grain, 3
        place = tree.nodes.new("ShaderNodeTexCoord")
        tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
        ramp = tree.nodes.new("ShaderNodeValToRGB")
        for element, factor, at in zip(
            ramp.color_ramp.elements, (1 - mottle, 1 + mottle), (0.3, 0.7), strict=True
        ):
            element.position = at
            element.color = (*(min(1.0, channel * factor) for channel in colour), 1)
        tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
        tree.links.new(ramp.outputs["Color"], shader.inputs["Base Color"])
        if bump:
            uneven = tree.nodes.new("ShaderNodeBump")
            uneven.inputs["Strength"].default_value = bump
            uneven.inputs["Distance"].default_value = 0.3 / grain
            tree.links.new(noise.outputs["Fac"], uneven.inputs["Height"])
            tree.links.new(uneven.outputs["Normal"], shader.inputs["Normal"])
    return material


def shining(colour: Colour, strength: float) -> Material:
    """Something that gives light."""
    material = plain(colour, 0.5)
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Emission Color"].default_value = (*colour, 1)
    shader.inputs["Emission Strength"].default_value = strength
    return material


def hue(h: float, s: float, v: float) -> Colour:
    """A colour by hue, saturation and value, linear."""
    return colorsys.hsv_to_rgb(h % 1, min(max(s, 0), 1), min(max(v, 0), 1))


def paint(rng: np.random.Generator) -> Material:
    """A wall's paint: mostly white or pale, sometimes coloured."""
    if rng.random() < 0.55:
        colour = hue(rng.uniform(0.05, 0.16), rng.uniform(0, 0.15), rng.uniform(0.5, 0.85))
    else:
        colour = hue(rng.random(), rng.uniform(0.03, 0.3), rng.uniform(0.12, 0.7))
    return plain(
        colour, rng.uniform(0.4, 0.9), 0, rng.uniform(0.02, 0.12), 1.5, rng.uniform(0, 0.1)
    )


def asphalt(rng: np.random.Generator) -> Material:
    """A road's or a yard's, fresh or worn."""
    shade = rng.uniform(0.03, 0.16)
    tint = hue(rng.uniform(0.05, 0.65), 0.06, shade)
    return plain(tint, rng.uniform(0.6, 0.95), 0, rng.uniform(0.15, 0.5), rng.uniform(0.8, 60), 0.3)


def gravel(rng: np.random.Generator) -> Material:
    """Loose small stones."""
    colour = hue(rng.uniform(0.05, 0.13), rng.uniform(0.05, 0.4), rng.uniform(0.15, 0.5))
    return plain(colour, 0.9, 0, 0.6, rng.uniform(20, 90), 0.8)


def meadow(rng: np.random.Generator) -> Material:
    """Grass from afar."""
    colour = hue(rng.uniform(0.16, 0.3), rng.uniform(0.4, 0.75), rng.uniform(0.06, 0.2))
    return plain(colour, 0.9, 0, rng.uniform(0.3, 0.7), rng.uniform(1, 30), 0.6)


def coat(rng: np.random.Generator) -> Material:
    """Car paint."""
    colours = [
        hue(0, 0, rng.uniform(0.6, 0.85)),
        hue(0, 0, rng.uniform(0.005, 0.03)),
        hue(0.6, 0.05, rng.uniform(0.08, 0.4)),
        hue(
            rng.choice([0.0, 0.6, 0.62, 0.1, 0.35]), rng.uniform(0.5, 0.95), rng.uniform(0.05, 0.5)
        ),
    ]
    material = plain(colours[int(rng.integers(4))], 0.35, rng.uniform(0, 0.5))
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Coat Weight"].default_value = 1.0
    return material


def pane(rng: np.random.Generator) -> Material:
    """A window seen from outside: dark and glossy, or a curtain behind it."""
    value = rng.choice([rng.uniform(0.01, 0.05), rng.uniform(0.05, 0.35)], p=[0.75, 0.25])
    return plain(hue(rng.uniform(0.05, 0.6), 0.2, value), rng.uniform(0.02, 0.12))


def cloth(rng: np.random.Generator) -> Material:
    """Of clothes and covers."""
    colour = hue(rng.random(), rng.uniform(0, 0.8) ** 2, rng.uniform(0.1, 0.85) ** 2)
    return plain(colour, 0.9, 0, rng.uniform(0, 0.4), rng.uniform(5, 60), 0.2)


def skin(rng: np.random.Generator) -> Material:
    """Of any tone."""
    return plain(hue(rng.uniform(0.04, 0.08), rng.uniform(0.35, 0.6), rng.uniform(0.1, 0.7)), 0.5)


def hair(rng: np.random.Generator) -> Material:
    """Of any colour."""
    colour = hue(rng.uniform(0.04, 0.11), rng.uniform(0.1, 0.7), rng.uniform(0.01, 0.35))
    return plain(colour, 0.6, 0, 0.4, 80)


def leaf(rng: np.random.Generator) -> Material:
    """Green, now and then as in autumn."""
    colour = hue(rng.normal(0.25, 0.04), rng.uniform(0.45, 0.8), rng.uniform(0.08, 0.3))
    if rng.random() < 0.12:
        colour = hue(rng.uniform(0.02, 0.15), rng.uniform(0.5, 0.85), rng.uniform(0.15, 0.5))
    return plain(colour, rng.uniform(0.35, 0.7), 0, rng.uniform(0.2, 0.6), rng.uniform(1, 12))


def bark(rng: np.random.Generator) -> Material:
    """Of a trunk."""
    colour = hue(rng.uniform(0.04, 0.1), rng.uniform(0.1, 0.5), rng.uniform(0.05, 0.3))
    return plain(colour, 0.9, 0, 0.5, rng.uniform(6, 25), 0.9)


def roof(rng: np.random.Generator) -> Material:
    """Red tiles or grey slates."""
    colours = [
        hue(rng.uniform(0, 0.05), rng.uniform(0.4, 0.7), rng.uniform(0.15, 0.4)),
        hue(0.6, rng.uniform(0, 0.2), rng.uniform(0.05, 0.3)),
    ]
    return plain(colours[int(rng.integers(2))], 0.8, 0, 0.3, rng.uniform(4, 20), 0.6)


def clay(rng: np.random.Generator) -> Material:
    """Fired earth."""
    colour = hue(rng.uniform(0.03, 0.08), rng.uniform(0.4, 0.65), rng.uniform(0.15, 0.45))
    return plain(colour, rng.uniform(0.6, 0.9), 0, 0.15, rng.uniform(4, 15), 0.1)


def metal(rng: np.random.Generator) -> Material:
    """Bare steel or aluminium."""
    return plain(hue(0.6, 0.05, rng.uniform(0.3, 0.8)), rng.uniform(0.15, 0.5), 1.0, 0.1, 10)


def dark(rng: np.random.Generator) -> Material:
    """Rubber, iron, what lies in gaps."""
    return plain(hue(0.6, 0.05, rng.uniform(0.01, 0.04)), rng.uniform(0.4, 0.9))


def gloss(rng: np.random.Generator) -> Material:
    """Painted wood: frames, doors, furniture."""
    colour = hue(rng.random(), rng.uniform(0, 0.5) ** 2, rng.uniform(0.05, 0.85))
    return plain(colour, rng.uniform(0.25, 0.6), 0, 0.05, 4)
