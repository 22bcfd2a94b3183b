"""All members of one image, as predicted -> its depth, its normals or its intrinsic images."""

from __future__ import annotations

import numpy as np
import torch

from marigold_cli.depth import DepthMap, Floats, Modality
from marigold_cli.errors import ImageError, Kind
from marigold_cli.inference.ensemble import merge, stretch
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.normals import merge_normals
from marigold_cli.inference.options import Recipe


def combine(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap:
    """Members [E, C, PH, PW] of one image -> its map at processing size.

    Raises:
        ImageError: none of them is finite.
    """
    combined = _COMBINE[model.kind.modality](model, members, recipe)
    if combined is None:
        raise unusable(model.unet.dtype)
    return combined


def unusable(dtype: torch.dtype) -> ImageError:
    """Make the error of a photo for which a network of this precision gave nothing of use."""
    precision = str(dtype).removeprefix("torch.")
    advice = "" if dtype is torch.float32 else "; try --dtype float32"
    return ImageError(
        Kind.NOT_FINITE, f"the model gave no usable values for this photo in {precision}{advice}"
    )


def _combine_depth(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap | None:
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


def _combine_normals(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap | None:
    """Normals of members [E, 3, PH, PW]; None where none is finite."""
    merged = merge_normals(members, recipe.reduction)
    if merged is None:
        return None
    spread = merged.spread if recipe.ensemble > 1 else None
    return DepthMap(np.moveaxis(merged.normals, 0, -1), model.kind, uncertainty=spread)


def _combine_intrinsics(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap | None:
    """Intrinsic images of members [E, 3 N, PH, PW]; None where none is finite."""
    merged = merge(members, model.kind, recipe.reduction)
    if merged is None:
        return None
    spread = np.moveaxis(merged.spread, 0, -1) if recipe.ensemble > 1 else None
    values = np.moveaxis(merged.depth, 0, -1)
    return DepthMap(values, model.kind, uncertainty=spread, intrinsics=model.reading.intrinsics)


_COMBINE = {
    Modality.DEPTH: _combine_depth,
    Modality.NORMALS: _combine_normals,
    Modality.IID: _combine_intrinsics,
}
