"""All members of one image, as predicted -> its depth, its normals or its intrinsic images."""

from __future__ import annotations

import logging

import numpy as np
import torch

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.inference.ensemble import merge, stretch
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.normals import merge_normals
from marigold_cli.inference.options import Recipe, Reduction

_logger = logging.getLogger(__name__)


def combine(model: DepthModel, members: Floats, recipe: Recipe) -> DepthMap:
    """Members [E, C, PH, PW] of one image -> its map at processing size.

    Members that are not finite are left out: half precision may overflow in some of them alone.

    Raises:
        ImageError: none of them is finite.
    """
    finite = np.array([np.isfinite(member).all() for member in members])
    if not finite.any():
        raise unusable(model.unet.dtype)
    if not finite.all():
        _logger.warning("%d of %d members are not finite: left out", (~finite).sum(), len(finite))
        members = members[finite]
    if recipe.ensemble == 1:
        return _take(model, members[0])
    return _merge(model, members, recipe.reduction)


def unusable(dtype: torch.dtype) -> ImageError:
    """Make the error of a photo for which a network of this precision gave nothing of use."""
    precision = str(dtype).removeprefix("torch.")
    advice = "" if dtype is torch.float32 else "; try --dtype float32"
    return ImageError(
        Kind.NOT_FINITE, f"the model gave no usable values for this photo in {precision}{advice}"
    )


def _take(model: DepthModel, member: Floats) -> DepthMap:
    """The map of a single member [C, PH, PW], as it is but for what its model asks for."""
    if model.kind.is_affine and model.reading.rescale:
        member, _ = stretch(member)
    return DepthMap(_lay(member), model.kind, intrinsics=model.reading.intrinsics)


def _merge(model: DepthModel, members: Floats, reduction: Reduction) -> DepthMap:
    """The map of an ensemble's members [E, C, PH, PW], with their spread."""
    if model.kind is DepthKind.NORMALS:
        normals = merge_normals(members, reduction)
        return DepthMap(_lay(normals.normals), model.kind, uncertainty=normals.spread)
    merged = merge(members, model.kind, reduction)
    return DepthMap(
        _lay(merged.depth),
        model.kind,
        uncertainty=_lay(merged.spread),
        intrinsics=model.reading.intrinsics,
    )


def _lay(planes: Floats) -> Floats:
    """Planes [C, PH, PW] as maps have them: [PH, PW] of depth, else [PH, PW, C]."""
    return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)
