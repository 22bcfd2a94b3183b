"""Cameras in Blender: what they would see, their exact depth, and their picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import OpenEXR
from numpy.typing import NDArray

from marigold_cli.training.renders.views import View

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

WIDTH, HEIGHT = 256, 192
_FAR = 1e9  # Blender's depth of the sky is 1e10 [m]
_SENSOR = 0.036  # width of the picture in the camera [m]


def set_up(samples: int) -> None:
    """One thread, few samples, denoised, all that stays the same between pictures kept."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.render.use_persistent_data = True
    scene.render.use_compositing = scene.render.use_sequencer = False
    layer = scene.view_layers[0]
    layer.use_pass_z = layer.use_pass_object_index = True
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
    settings.exr_codec = "NONE"
    cycles = scene.cycles
    cycles.device, cycles.samples = "CPU", samples
    cycles.use_adaptive_sampling = cycles.use_light_tree = False  # both cost more than they save
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 2, 6
    cycles.sample_clamp_indirect, cycles.blur_glossy = 4.0, 1.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.denoiser = "OPENIMAGEDENOISE"


def aim(view: View) -> Any:
    """The scene's camera, put where the view is taken from."""
    scene = bpy.context.scene
    if scene.camera is None:
        camera = bpy.data.cameras.new("camera")
        scene.camera = bpy.data.objects.new("camera", camera)
        scene.collection.objects.link(scene.camera)
        camera.clip_start, camera.clip_end, camera.sensor_width = 0.02, 5000, _SENSOR * 1000
    placed, lens = scene.camera, scene.camera.data
    placed.location = (view.x, view.y, view.z)
    placed.rotation_mode = "YXZ"  # roll first, then pitch, then heading
    placed.rotation_euler = (math.pi / 2 + view.pitch, 0, view.heading - math.pi / 2)
    placed.rotation_mode = "XYZ"
    turn = placed.rotation_euler.to_matrix() @ _rolled(view.roll)
    placed.rotation_euler = turn.to_euler()
    lens.angle = view.field_of_view
    lens.dof.use_dof = view.f_stop is not None
    if view.f_stop is not None:
        lens.dof.focus_distance, lens.dof.aperture_fstop = view.focus, view.f_stop
    for index, thing in enumerate(scene.objects, 1):
        thing.pass_index = index
    return placed


def _rolled(angle: float) -> Any:
    import mathutils

    return mathutils.Matrix.Rotation(angle, 3, "Z")


def glance(view: View, columns: int = 16, rows: int = 12) -> tuple[Floats, Ints]:
    """Depth and object of a coarse grid of rays, cheaper than any picture.

    Returns:
        z-depth [m], inf where nothing is, and a number for each object, 0 for none, both
        [rows, columns].
    """
    import mathutils

    camera = aim(view)
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    turn, origin = camera.matrix_world.to_3x3(), camera.matrix_world.translation
    reach = math.tan(view.field_of_view / 2)
    depth = np.full((rows, columns), np.inf, np.float32)
    seen = np.zeros((rows, columns), np.int64)
    for row in range(rows):
        for column in range(columns):
            x = ((column + 0.5) / columns * 2 - 1) * reach
            y = (1 - (row + 0.5) / rows * 2) * reach * HEIGHT / WIDTH
            ray = turn @ mathutils.Vector((x, y, -1))
            hit, place, _, _, thing, _ = bpy.context.scene.ray_cast(graph, origin, ray)
            if hit:
                depth[row, column] = (place - origin).length / ray.length
                seen[row, column] = thing.pass_index
    return depth, seen


def measure(view: View, scratch: Path) -> tuple[Floats, Ints]:
    """Exact z-depth through the pixel centres [m], inf for the sky, and the object of each."""
    scene = bpy.context.scene
    aim(view)
    scene.camera.data.dof.use_dof = False
    kept = (scene.cycles.samples, scene.cycles.filter_width, scene.cycles.max_bounces)
    scene.cycles.samples, scene.cycles.filter_width, scene.cycles.max_bounces = 1, 0.01, 0
    scene.cycles.use_denoising = False
    try:
        passes = _render(scratch)
    finally:
        scene.cycles.samples, scene.cycles.filter_width, scene.cycles.max_bounces = kept
    depth = passes["Depth.Z"]
    seen = passes["IndexOB.X"]
    return np.where(depth < _FAR, depth, np.inf).astype(np.float32), seen.astype(np.int64)


def photograph(view: View, scratch: Path) -> Floats:
    """The light that arrives, linear Rec. 709, [H, W, 3]."""
    aim(view)
    cycles = bpy.context.scene.cycles
    cycles.use_denoising = True
    # Blur makes what guides the denoiser noisy, too.
    cycles.denoising_prefilter = "NONE" if view.f_stop is None else "ACCURATE"
    passes = _render(scratch)
    light = np.stack([passes[f"Combined.{channel}"] for channel in "RGB"], -1)
    return np.maximum(np.nan_to_num(light, posinf=0, neginf=0), 0).astype(np.float32)


def _render(scratch: Path) -> dict[str, Floats]:
    """All passes of one picture by their short names."""
    scene = bpy.context.scene
    scene.render.filepath = str(scratch)
    bpy.ops.render.render(write_still=True)
    with OpenEXR.File(str(scratch), separate_channels=True) as file:
        channels = file.channels()
        passes = {name.split(".", 1)[1]: channel.pixels for name, channel in channels.items()}
    scratch.unlink()
    return passes
