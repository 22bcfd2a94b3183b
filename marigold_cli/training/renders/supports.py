"""The level surfaces of an object, on which other things can stand: tops, boards, seats."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from marigold_cli.training.renders.placement import Region

Floats = NDArray[np.float64]

_LEVEL = 0.98  # least z of the normal of a level face
_FOOT = 0.03  # what is no higher belongs to the feet [m]
_ROOM = 0.05  # least free height of any use [m]
_STEP = 0.01  # faces closer in height than this make one surface [m]
_FILLED = 0.6  # least share of its rectangle that a surface covers


def find_supports(
    centres: Floats, normals: Floats, areas: Floats, extents: Floats, least: float = 0.01
) -> list[Region]:
    """Rectangles on which things can stand, from the lowest to the highest.

    Some generators turn their meshes inside out, so that a face that looks down counts as well;
    within a board there is no room, and only its upper side is left.

    Args:
        centres: Of the faces, [F, 3] [m].
        normals: Unit length, [F, 3].
        areas: [F] [m^2].
        extents: The least and the greatest x and y of each face, [F, 2, 2] as (least, greatest).
        least: Area below which a surface is of no use [m^2].
    """
    level = np.abs(normals[:, 2]) > _LEVEL
    level &= centres[:, 2] > centres[:, 2].min(initial=np.inf) + _FOOT
    centres, areas, extents = centres[level], areas[level], extents[level]
    order = np.argsort(centres[:, 2])
    heights = centres[order, 2]
    groups = np.split(order, np.flatnonzero(np.diff(heights) > _STEP) + 1) if len(order) else []
    found = []
    for group in groups:
        low, high = extents[group, 0].min(0), extents[group, 1].max(0)
        rectangle = float(np.prod(high - low))
        covered = float(areas[group].sum())
        if covered >= max(least, _FILLED * rectangle):
            height = float(np.average(centres[group, 2], weights=areas[group]))
            found.append(Region(low[0], low[1], high[0], high[1], height))
    for below, above in pairwise(found):
        below.room = above.level - below.level - 0.01
    return [region for region in found if region.room > _ROOM]
