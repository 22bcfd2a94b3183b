"""What of an aligned run fits into a scene: the same unit, the same images, cameras of use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from marigold_cli.errors import CollisionError, NoInputError, RefusedError
from marigold_cli.scene3d.alignment import Alignment, PhotoAlignment
from marigold_cli.scene3d.colmap import read_survey
from marigold_cli.scene3d.exports.layout import Layout, Stage
from marigold_cli.scene3d.names import match_names
from marigold_cli.scene3d.options import ExportOptions
from marigold_cli.scene3d.results import Results
from marigold_cli.scene3d.sparse import Survey

_SAME_UNIT = 0.01  # relative difference of distances that rounding and refinement may make


def set_stage(
    options: ExportOptions, results: Results, alignment: Alignment
) -> tuple[Stage, dict[str, str]]:
    """Find the metric photos among the images of a scene.

    Returns:
        What is to be exported, and by photo why it is not.

    Raises:
        NoInputError: no sparse model in the scene.
        RefusedError: the scene has another unit, or nothing is metric.
    """
    model = read_survey(options.scene)
    _check_unit(options, alignment, model)
    refused = {name: photo.reason for name, photo in alignment.rejected.items()}
    accepted = _choose(alignment, results, model, refused)
    where = os.path.relpath(model.folder, options.scene)
    return Stage(options, model.views, accepted, alignment.kind, where), refused


def check_cameras(layout: Layout, stage: Stage) -> None:
    """Refuse what cannot be computed or would be wrong in the tool.

    Raises:
        RefusedError: a camera is damaged, distorted or of an unknown kind.
    """
    for name, view in stage.views.items():
        if not view.camera.is_sound:
            raise RefusedError(f"{name}: its camera in the scene's model is damaged: {view.camera}")
    for name, photo in stage.accepted.items():
        camera = stage.views[name].camera
        for one in (camera, photo.camera or camera):
            if not one.is_known:
                raise RefusedError(
                    f"{name}: nothing can be computed with a {one.model} camera yet; run on the "
                    "undistorted images that colmap image_undistorter makes"
                )
        if layout.needs_pinhole and not camera.is_pinhole:
            raise RefusedError(
                f"{name}: its camera is distorted ({camera.model}), but --for "
                f"{stage.options.layout} needs the undistorted scene; first: colmap "
                "image_undistorter, then --scene on what it makes"
            )


def check_paths(layout: Layout, stage: Stage) -> None:
    """Refuse images that the tool cannot tell apart.

    Raises:
        CollisionError: a file would be that of two images.
    """
    owners: dict[str, str] = {}
    for name in stage.views:
        for path in layout.paths(name):
            other = owners.setdefault(path, name)
            if other != name:
                raise CollisionError(
                    f"--for {stage.options.layout} cannot tell {other} and {name} apart: {path} "
                    "would be that of both; rename one, and in the sparse model too"
                )


def _check_unit(options: ExportOptions, alignment: Alignment, model: Survey) -> None:
    """Refuse a scene whose unit is not the one of the alignment.

    Raises:
        RefusedError: it is another.
    """
    if alignment.unit != "scene":
        raise RefusedError(
            f"{options.out}: aligned to references, whose unit may not be the scene's; "
            "align it again with --colmap added"
        )
    with suppress(NoInputError):  # it may be elsewhere by now
        origin = read_survey(Path(alignment.source))
        ratio = _unit_ratio(origin, model)
        if ratio is not None and abs(ratio - 1) > _SAME_UNIT:
            raise RefusedError(
                f"{model.folder}: its unit is {1 / ratio:.4g} of the model that the run is aligned "
                f"to; first: marigold align {options.out} --colmap {model.folder}"
            )


def _unit_ratio(origin: Survey, model: Survey) -> float | None:
    """How much farther apart the cameras are in a model than in another."""
    names = match_names(origin.views, model.views)
    if len(names) < 2:
        return None
    first = np.array([origin.views[name].pose.centre for name in names])
    second = np.array([model.views[name].pose.centre for name in names.values()])
    apart = np.linalg.norm(first - first.mean(axis=0))
    return float(np.linalg.norm(second - second.mean(axis=0)) / apart) if apart > 0 else None


def _choose(
    alignment: Alignment, results: Results, model: Survey, refused: dict[str, str]
) -> dict[str, PhotoAlignment]:
    """The metric photos by their image in the scene; why not, for the others, goes to *refused*."""
    chosen = {}
    names = match_names(
        [photo.view or name for name, photo in alignment.accepted.items()], model.views
    )
    for name, photo in alignment.accepted.items():
        view = names.get(photo.view or name)
        result = results.photos.get(name)
        if result is None or result.digest != photo.digest:
            refused[name] = "its depth is not the one that was aligned; align again"
        elif view is None:
            refused[name] = "the scene's sparse model does not have it"
        else:
            chosen[view] = photo
    if not chosen:
        reason = next(iter(refused.values()), "there is none")
        raise RefusedError(f"{results.out}: no photo can be exported as metric ({reason})")
    return chosen
