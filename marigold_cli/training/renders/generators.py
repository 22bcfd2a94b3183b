"""Objects from infinigen's generators, at rest on their origin, front to +x, without glass."""

from __future__ import annotations

import importlib
import logging
from typing import Any

import bpy
import numpy as np

from marigold_cli.training.renders.catalogue import GROUPS, Generator
from marigold_cli.training.renders.limits import TookTooLongError, at_most
from marigold_cli.training.renders.stage import Thing, settle, size_of
from marigold_cli.training.renders.taming import tame

_LOG = logging.getLogger(__name__)

_PATIENCE = 8.0  # of processor time for one object [s]
_DETAIL = 4.0  # the distance for which infinigen chooses its meshes' fineness [m]
_MOST_VERTICES = 400_000
_TALLEST = 12.0  # what is larger came out wrong [m]


def spawn(group: str, rng: np.random.Generator) -> Thing | None:
    """An object of a group, or None where its generator failed."""
    generators = GROUPS[group]
    generator = generators[int(rng.integers(len(generators)))]
    seed = int(rng.integers(10**6))
    before = set(bpy.data.objects)
    try:
        with at_most(_PATIENCE):
            made = _run(generator, seed)
            thing = _whole(made)
    except (Exception, TookTooLongError) as error:  # they fail in many ways
        _LOG.info("%s of seed %d: %r", generator.name, seed, error)
        thing = None
        if bpy.context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
    _drop([other for other in bpy.data.objects if other not in before and other != thing])
    if thing is None:
        return None
    settle(thing)
    _resize(thing, generator, rng)
    if not _is_sound(thing):
        _LOG.info("%s of seed %d: a mesh of no use", generator.name, seed)
        _drop([thing])
        return None
    for slot in thing.material_slots:
        if slot.material is not None:
            tame(slot.material)
    thing.name = generator.name
    return thing


def _run(generator: Generator, seed: int) -> Any:
    """What infinigen makes."""
    factory = getattr(importlib.import_module(generator.module), generator.name)(seed)
    made = factory.spawn_asset(0, distance=_DETAIL)
    factory.finalize_assets([made])
    return made


def _whole(thing: Thing) -> Thing:
    """The object with its modifiers applied."""
    if thing.type != "MESH":
        raise TypeError(thing.type)
    bpy.context.view_layer.update()
    if thing.modifiers:
        graph = bpy.context.evaluated_depsgraph_get()
        thing.data = bpy.data.meshes.new_from_object(thing.evaluated_get(graph), depsgraph=graph)
        thing.modifiers.clear()
    return thing


def _resize(thing: Thing, generator: Generator, rng: np.random.Generator) -> None:
    """Bring the longest side into the generator's range."""
    longest = max(size_of(thing))
    if generator.reach is None or not 0 < longest < np.inf:
        return
    low, high = generator.reach
    if not low <= longest <= high:
        factor = rng.uniform(low, high) / longest
        thing.scale = (factor, factor, factor)
        bpy.context.view_layer.update()
        settle(thing)


def _is_sound(thing: Thing) -> bool:
    size = size_of(thing)
    vertices = len(thing.data.vertices)
    return 8 <= vertices <= _MOST_VERTICES and 0.01 < max(size) < _TALLEST and min(size) >= 0


def _drop(things: list[Thing]) -> None:
    bpy.data.batch_remove(things)
