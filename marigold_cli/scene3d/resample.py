"""Maps in other pixels: of another size, or of another camera that stands at the same place."""

from __future__ import annotations

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


def resample(values: Floats, source: Camera, target: Camera) -> Floats:
    """Bring a map from a photo's camera to the one of a scene, for instance an undistorted one.

    Depth along z stays what it is, for both look the same way.

    Args:
        values: [H, W] of the source's picture, at its size or another.
        source: The photo's camera.
        target: The scene's camera.

    Returns:
        At the target's size if the values had the source's, else larger or smaller alike; NaN
        where the source sees nothing.
    """
    if source == target:
        return values
    height = max(1, round(target.height * values.shape[0] / source.height))
    width = max(1, round(target.width * values.shape[1] / source.width))
    pixels = source.project(target.rays(target.grid(height, width)))
    return sample(values, pixels, (source.height, source.width)).astype(np.float32)
