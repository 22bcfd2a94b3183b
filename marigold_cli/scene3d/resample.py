"""Maps in other pixels: of another size, or of another camera that stands at the same place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Floats
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.observations import sample

Number = TypeVar("Number", bound=np.generic)


def resize(values: NDArray[Number], height: int, width: int) -> NDArray[Number]:
    """Take the nearest pixels of a map [h, w, ...], none mixed, so that it is [H, W, ...]."""
    rows = ((np.arange(height) + 0.5) * values.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * values.shape[1] / width).astype(np.intp)
    return values[np.ix_(rows, columns)]


def size_in(target: Camera, shape: tuple[int, int], source: Camera) -> tuple[int, int]:
    """Height and width that a map has in a scene's camera: as much smaller as in the photo's."""
    height = max(1, round(target.height * shape[0] / source.height))
    width = max(1, round(target.width * shape[1] / source.width))
    return height, width


def resample(
    maps: Mapping[str, Floats], source: Camera, target: Camera, shape: tuple[int, int]
) -> dict[str, Floats]:
    """Bring maps from a photo's camera to the one of a scene, for instance an undistorted one.

    Depth along z stays what it is, for both look the same way.

    Args:
        maps: [H, W] or [H, W, C] of the source's picture, each of any size.
        source: The photo's camera.
        target: The scene's camera.
        shape: Height and width that are wanted.

    Returns:
        The maps as the target sees them; NaN where the source sees nothing.

    Raises:
        ImageError: a camera is of a model that cannot be projected with.
    """
    if source == target and all(values.shape[:2] == shape for values in maps.values()):
        return dict(maps)
    carried = {
        name: np.empty((*shape, *values.shape[2:]), np.float32) for name, values in maps.items()
    }
    for rows, pixels in target.strips(*shape):
        seen = pixels if source == target else source.project(target.rays(pixels))
        for name, values in maps.items():
            carried[name][rows] = sample(values, seen, (source.height, source.width))
    return carried
