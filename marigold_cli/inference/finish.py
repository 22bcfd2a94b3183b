"""All members of one photo, as predicted -> its depth, its normals or its intrinsic images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from marigold_cli.depth import DepthMap, Floats, Modality
from marigold_cli.errors import ImageError, Kind
from marigold_cli.inference.ensemble import merge, stretch
from marigold_cli.inference.guided import refine
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.normals import merge_normals
from marigold_cli.inference.options import Recipe

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo


def merge_members(model: DepthModel, photo: Photo, members: Floats, recipe: Recipe) -> DepthMap:
    """What `predict` makes of all members [E, C, PH, PW] of a photo, upright.

    Raises:
        ImageError: None of them is finite.
    """
    depth = finish(model, members, recipe)
    return refine(depth, photo, model.device) if recipe.refine else depth


def finish(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap:
    """Members [E, C, PH, PW] of one image -> its depth, its normals or its intrinsic images.

    Raises:
        ImageError: None of them is finite.
    """
    finished = _FINISH[model.kind.modality](model, members, recipe)
    if finished is not None:
        return finished
    precision = str(model.unet.dtype).removeprefix("torch.")
    advice = "" if precision == "float32" else "; try --dtype float32"
    raise ImageError(Kind.NOT_FINITE, f"the network overflows on this image in {precision}{advice}")


def _finish_depth(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap | None:
    """Depth of members [E, 1, PH, PW]; None where none is finite."""
    if recipe.ensemble > 1:
        merged = merge(members[:, 0], model.kind, recipe.reduction)
        if merged is None:
            return None
        return DepthMap(merged.depth, model.kind, uncertainty=merged.spread)
    depth = members[0, 0]
    if not np.isfinite(depth).all():
        return None
    return DepthMap(stretch(depth)[0] if model.reading.rescale else depth, model.kind)


def _finish_normals(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap | None:
    """Normals of members [E, 3, PH, PW]; None where none is finite."""
    merged = merge_normals(members, recipe.reduction)
    if merged is None:
        return None
    spread = merged.spread if recipe.ensemble > 1 else None
    return DepthMap(np.moveaxis(merged.normals, 0, -1), model.kind, uncertainty=spread)


def _finish_intrinsics(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap | None:
    """Intrinsic images of members [E, 3 N, PH, PW]; None where none is finite."""
    merged = merge(members, model.kind, recipe.reduction)
    if merged is None:
        return None
    spread = np.moveaxis(merged.spread, 0, -1) if recipe.ensemble > 1 else None
    values = np.moveaxis(merged.depth, 0, -1)
    return DepthMap(values, model.kind, uncertainty=spread, intrinsics=model.reading.intrinsics)


_FINISH = {
    Modality.DEPTH: _finish_depth,
    Modality.NORMALS: _finish_normals,
    Modality.IID: _finish_intrinsics,
}
