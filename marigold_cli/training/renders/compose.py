"""Compose a scene and photograph it, in this process."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from marigold_cli.training.renders import makers, shots
from marigold_cli.training.renders.exposure import expose
from marigold_cli.training.renders.pictures import Entry, PictureFolder, name_of
from marigold_cli.training.renders.plan import VERSION, ScenePlan
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.stage import open_stage
from marigold_cli.training.renders.views import View, fault_of

_SAMPLES = 8
_LOOKS = 10  # candidates for each picture wanted


def compose_scene(scene_plan: ScenePlan, folder: PictureFolder, stop: Path) -> list[Entry]:
    """Build a scene and write its pictures; none if it was stopped.

    Args:
        scene_plan: What to build.
        folder: Where the pictures go.
        stop: A file whose appearance ends the work before the next picture.

    Raises:
        OutputError: The folder takes no more files.
    """
    begin = time.process_time()
    stage = open_stage(scene_plan.seed)
    shots.set_up(_SAMPLES)
    scene = makers.compose(stage, scene_plan.kind)
    stage.reveal()
    build = time.process_time() - begin
    scratch = folder.root / ".partial" / "passes.exr"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = []
    views = worthwhile(scene, scratch, _LOOKS * scene_plan.views)
    for found in itertools.islice(views, scene_plan.views):
        if stop.exists():
            return []
        light = shots.photograph(found.view, scratch)
        rgb = expose(light, stage.rng.uniform(0.12, 0.24), stage.rng.uniform(0.3, 0.9))
        entry = _describe(scene_plan, len(entries), found, build)
        folder.write(entry.name, rgb, found.depth)
        entries.append(replace(entry, seconds=round(time.process_time() - found.begin, 2)))
    return entries


@dataclass(frozen=True)
class Found:
    """A view that is worth a picture.

    Attributes:
        view: The camera.
        depth: What it sees, [H, W] [m].
        rejected: How many candidates of its scene were not worth one so far.
        begin: Processor time when it was drawn [s].
    """

    view: View
    depth: shots.Floats
    rejected: int
    begin: float


def worthwhile(scene: Scene, scratch: Path, looks: int) -> Iterator[Found]:
    """Views that pass at a glance and then with their exact depth, out of so many candidates."""
    rejected = 0
    for _ in range(looks):
        begin = time.process_time()
        view = scene.draw()
        if fault_of(*shots.glance(view), scene.rules) is None:
            depth, seen = shots.measure(view, scratch)
            if fault_of(depth, seen, scene.rules) is None:
                yield Found(view, depth, rejected, begin)
                continue
        rejected += 1


def _describe(scene_plan: ScenePlan, number: int, found: Found, build: float) -> Entry:
    """The line of a picture, without its time."""
    view, known = found.view, found.depth[np.isfinite(found.depth)]
    return Entry(
        name=name_of(scene_plan.seed, number),
        seed=scene_plan.seed,
        view=number,
        kind=scene_plan.kind,
        version=VERSION,
        field_of_view=round(math.degrees(view.field_of_view), 1),
        eye=round(view.z, 2),
        pitch=round(math.degrees(view.pitch), 1),
        f_stop=round(view.f_stop or 0.0, 1),
        near=round(float(np.quantile(known, 0.05)), 3),
        median=round(float(np.median(known)), 3),
        seconds=0.0,
        build=round(build, 2),
        rejected=found.rejected,
    )
