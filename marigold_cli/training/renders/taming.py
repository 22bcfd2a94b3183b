"""What has to change in infinigen's materials before they can be used here."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np

Material = Any  # bpy.types.Material
Colour = tuple[float, float, float]

_GARISH = 0.35  # saturation in linear light
_CLEAR = ("ShaderNodeBsdfGlass", "ShaderNodeBsdfRefraction", "ShaderNodeBsdfTransparent")


def tame(material: Material) -> None:
    """Take out what costs time or spoils the depth (volume, relief, glass); soften colours."""
    tree = material.node_tree
    if tree is None:
        return
    for node in tree.nodes:
        if node.bl_idname == "ShaderNodeOutputMaterial":
            for name in ("Volume", "Displacement"):
                for link in list(node.inputs[name].links):
                    tree.links.remove(link)
    make_opaque(material)
    _soften(tree)


def roughen(material: Material) -> None:
    """Take the mirror out of what has stood in the weather."""
    for node in material.node_tree.nodes:
        if node.bl_idname == "ShaderNodeBsdfPrincipled":
            roughness = node.inputs["Roughness"]
            for link in list(roughness.links):
                material.node_tree.links.remove(link)
            roughness.default_value = max(roughness.default_value, 0.6)


def make_opaque(material: Material) -> None:
    """Replace glass and the like, whose depth is of nothing in particular, by solids."""
    if material is None or material.node_tree is None:
        return
    tree = material.node_tree
    for node in list(tree.nodes):
        if node.bl_idname in _CLEAR:
            _swap(tree, node)
        elif node.bl_idname == "ShaderNodeBsdfPrincipled":
            for socket in (node.inputs["Transmission Weight"], node.inputs["Alpha"]):
                for link in list(socket.links):
                    tree.links.remove(link)
            node.inputs["Transmission Weight"].default_value = 0
            node.inputs["Alpha"].default_value = 1


def _swap(tree: Any, node: Any) -> None:
    """A glossy solid in the place of a clear one."""
    solid = tree.nodes.new("ShaderNodeBsdfPrincipled")
    solid.inputs["Base Color"].default_value = (0.32, 0.34, 0.35, 1)
    solid.inputs["Roughness"].default_value = 0.08
    colour = node.inputs["Color"]
    if not colour.links:
        shade = np.array(colour.default_value[:3]) * 0.35
        solid.inputs["Base Color"].default_value = (*shade, 1)
    for link in list(node.outputs[0].links):
        tree.links.new(solid.outputs[0], link.to_socket)
    tree.nodes.remove(node)


def _soften(tree: Any) -> None:
    """Bring garish colours of a node tree to what is seen in photographs."""
    for node in tree.nodes:
        if node.bl_idname == "ShaderNodeGroup" and node.node_tree is not None:
            _soften(node.node_tree)
        elif node.bl_idname == "ShaderNodeValToRGB":
            for element in node.color_ramp.elements:
                element.color = (*_softer(element.color[:3]), element.color[3])
        for socket in node.inputs:
            if socket.type == "RGBA" and not socket.links:
                value = socket.default_value
                socket.default_value = (*_softer(value[:3]), value[3])


def _softer(colour: Sequence[float]) -> Colour:
    """The same hue and value; saturation above a third is halved down to it."""
    h, s, v = colorsys.rgb_to_hsv(*(max(0.0, channel) for channel in colour))
    return colorsys.hsv_to_rgb(h, s if s < _GARISH else _GARISH + (s - _GARISH) / 2, v)
