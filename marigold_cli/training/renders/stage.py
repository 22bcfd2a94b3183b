"""The Blender scene under construction: meshes in, placed things out."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from marigold_cli.training.renders.placement import Block, Region
from marigold_cli.training.renders.solids import Solid
from marigold_cli.training.renders.supports import find_supports

Floats = NDArray[np.float64]
Material = Any  # bpy.types.Material
Thing = Any  # bpy.types.Object


@dataclass
class Stage:
    """One scene.

    Attributes:
        seed: Of the scene.
        rng: Chooses everything of ours.
        blocks: The space that things take up, where no camera can be.
    """

    seed: int
    rng: np.random.Generator
    blocks: list[Block] = field(default_factory=list)

    def build(self, solid: Solid, materials: Mapping[str, Material], name: str) -> Thing:
        """Make a thing of a solid; what its slots do not name stays grey."""
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(solid.vertices, [], solid.faces)
        slots = sorted(set(solid.slots))
        for slot in slots:
            mesh.materials.append(materials.get(slot))
        index = np.array([slots.index(slot) for slot in solid.slots], np.int32)
        mesh.polygons.foreach_set("material_index", index)
        mesh.polygons.foreach_set("use_smooth", np.full(len(index), solid.smooth))
        _unwrap(mesh, self.rng.uniform(0, 10, 2))
        mesh.update()
        thing = bpy.data.objects.new(name, mesh)
        low, high = solid.bounds()
        thing[_SIZE] = tuple(high - low)
        _set().objects.link(thing)
        return thing

    def place(self, thing: Thing, block: Block, solid: bool = True) -> Thing:
        """Set a thing that stands on its origin down in its place."""
        thing.location = (block.x, block.y, block.bottom)
        thing.rotation_euler = (0, 0, block.heading)
        if thing.name not in _set().objects:
            for collection in list(thing.users_collection):
                collection.objects.unlink(thing)
            _set().objects.link(thing)
        if solid:
            self.blocks.append(block)
        return thing

    def put_away(self, thing: Thing) -> None:
        """Hide a thing that has no place, from pictures and from glances; it may be copied."""
        thing.hide_render = True
        thing.location = (0, 0, -1000)

    def reveal(self) -> None:
        """Show what was placed; until then Blender has less to keep up to date."""
        bpy.context.view_layer.layer_collection.children[_SET].exclude = False
        bpy.context.view_layer.update()

    def copy(self, thing: Thing) -> Thing:
        """Another of the same mesh, which costs no memory."""
        twin = thing.copy()
        twin.hide_render = False
        _set().objects.link(twin)
        return twin

    def is_free(self, x: float, y: float, z: float, clearance: float) -> bool:
        """Whether a camera could be there."""
        return not any(block.grown(clearance).holds(x, y, z) for block in self.blocks)


_SET = "set"


def _set() -> Any:
    """The collection of what is in its place."""
    return bpy.data.collections[_SET]


def open_stage(seed: int) -> Stage:
    """An empty scene; the generators' own randomness is seeded too."""
    _clear()
    scene = bpy.context.scene
    scene.collection.children.link(bpy.data.collections.new(_SET))
    bpy.context.view_layer.layer_collection.children[_SET].exclude = True
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the generators draw from it
    return Stage(seed, np.random.default_rng([seed, 1]))


def _clear() -> None:
    """Remove everything, with all that nothing uses any more."""
    for kind in ("objects", "collections", "worlds", "cameras", "lights"):
        data = getattr(bpy.data, kind)
        bpy.data.batch_remove(list(data))
    bpy.ops.outliner.orphans_purge(do_local_ids=True, do_linked_ids=True, do_recursive=True)


def _unwrap(mesh: Any, offset: Floats) -> None:
    """Texture coordinates in metres, each face seen along the axis that it looks along most."""
    loops, faces = len(mesh.loops), len(mesh.polygons)
    corner, totals = np.empty(loops, np.int32), np.empty(faces, np.int32)
    places, normals = np.empty(3 * len(mesh.vertices)), np.empty(3 * faces)
    mesh.loops.foreach_get("vertex_index", corner)
    mesh.polygons.foreach_get("loop_total", totals)
    mesh.vertices.foreach_get("co", places)
    mesh.polygons.foreach_get("normal", normals)
    axis = np.abs(normals.reshape(-1, 3)).argmax(1)
    kept = np.array([[1, 2], [0, 2], [0, 1]])[np.repeat(axis, totals)]
    points = places.reshape(-1, 3)[corner]
    uv = np.take_along_axis(points, kept, 1) + offset
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.ravel())


def size_of(thing: Thing) -> tuple[float, float, float]:
    """Length, width and height of a thing at rest [m]."""
    length, width, height = thing[_SIZE]
    return float(length), float(width), float(height)


_SIZE = "size"  # kept with the object, since Blender knows it only of what is shown


def settle(thing: Thing) -> None:
    """Move a mesh so that it stands on its origin, centred, with nothing left to be applied."""
    places = np.empty(3 * len(thing.data.vertices))
    thing.data.vertices.foreach_get("co", places)
    turn = np.array(thing.matrix_world)
    points = places.reshape(-1, 3) @ turn[:3, :3].T
    low, high = points.min(0), points.max(0)
    points -= [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    thing.data.vertices.foreach_set("co", points.ravel())
    thing.location = thing.rotation_euler = (0, 0, 0)
    thing.scale = (1, 1, 1)
    thing[_SIZE] = tuple(high - low)
    thing.data.update()


def attach(thing: Thing, part: Thing) -> None:
    """Make a part, which stands where it belongs, one mesh with a thing."""
    for other in (thing, part):
        for collection in list(other.users_collection):
            collection.objects.unlink(other)
        bpy.context.scene.collection.objects.link(other)
    bpy.context.view_layer.update()
    chosen = [thing, part]
    with bpy.context.temp_override(active_object=thing, selected_editable_objects=chosen):
        bpy.ops.object.join()
    bpy.context.view_layer.update()
    settle(thing)


def supports_of(thing: Thing, least: float = 0.01) -> list[Region]:
    """The level surfaces of a placed thing that is turned by quarters, in the scene's frame."""
    mesh = thing.data
    faces = len(mesh.polygons)
    centres, normals, areas = np.empty(3 * faces), np.empty(3 * faces), np.empty(faces)
    mesh.polygons.foreach_get("center", centres)
    mesh.polygons.foreach_get("normal", normals)
    mesh.polygons.foreach_get("area", areas)
    turn = np.array(thing.matrix_basis)
    places = np.empty(3 * len(mesh.vertices))
    mesh.vertices.foreach_get("co", places)
    points = _carry(turn, places)
    corner, starts = np.empty(len(mesh.loops), np.int32), np.empty(faces, np.int32)
    mesh.loops.foreach_get("vertex_index", corner)
    mesh.polygons.foreach_get("loop_start", starts)
    at = points[corner, :2]
    extents = np.stack([reduce(at, starts, axis=0) for reduce in _ENDS], 1)
    scale = float(thing.scale[0])
    turned = normals.reshape(-1, 3) @ (turn[:3, :3] / scale).T
    return find_supports(_carry(turn, centres), turned, areas * scale**2, extents, least)


_ENDS: tuple[Callable[..., Floats], ...] = (np.minimum.reduceat, np.maximum.reduceat)


def _carry(turn: Floats, places: Floats) -> Floats:
    """Points into another frame."""
    return np.asarray(places.reshape(-1, 3) @ turn[:3, :3].T + turn[:3, 3])
