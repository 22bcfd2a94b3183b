"""Depth of one camera in the pixels of another that stands at the same place."""

from __future__ import annotations

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.observations import sample


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
