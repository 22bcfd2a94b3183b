"""Where points of known depth are seen in a photo, and what was predicted there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import Doubles, Floats, Mask
from marigold_cli.errors import ImageError, Kind
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.options import PointFilter
from marigold_cli.scene3d.sparse import Cloud, View

_ENOUGH = 100  # points; with fewer, those seen from two places only are taken as well


@dataclass(frozen=True)
class Observations:
    """Points of known depth in one photo.

    Attributes:
        pixels: [N, 2] in the pixels of a grid of `size`; the first pixel's corner is (0, 0).
        depth: [N] along z, positive.
        size: Height and width of that grid [px].
    """

    pixels: Doubles
    depth: Doubles
    size: tuple[int, int]

    def keep(self, mask: Mask) -> Observations:
        """Some of them."""
        return Observations(self.pixels[mask], self.depth[mask], self.size)


@dataclass(frozen=True)
class Anchors(Observations):
    """Points of known depth in one photo, and what was predicted there.

    Attributes:
        values: [N] of the photo's map; all are known.
    """

    values: Doubles


def anchor(observed: Observations, values: Floats) -> Anchors:
    """Read a photo's map [H, W] at its points; those where nothing is known are left out.

    Raises:
        ImageError: the points are of another picture.
    """
    height, width = values.shape
    check_size((height, width), observed.size, "reference")
    there = sample(values, observed.pixels, observed.size)
    known = np.isfinite(there)
    return Anchors(observed.pixels[known], observed.depth[known], observed.size, there[known])


def observe(view: View, cloud: Cloud, points: PointFilter) -> Observations:
    """The sparse points that a view saw, where it saw them; broken ones are left out."""
    rows = cloud.find(view.points)
    seen = rows >= 0
    rows, pixels = rows[seen], view.pixels[seen]
    local = view.pose.to_camera(cloud.places[rows])
    good = np.isfinite(pixels).all(axis=1) & np.isfinite(local).all(axis=1) & (local[:, 2] > 0)
    good &= ~(cloud.errors[rows] > points.max_error_px)  # an unknown error is no reason
    good[good] &= _misses(view.camera, local[good], pixels[good]) <= 2 * points.max_error_px
    strict = good & (cloud.tracks[rows] >= points.min_track)
    chosen = strict if strict.sum() >= _ENOUGH else good
    size = (view.camera.height, view.camera.width)
    return Observations(pixels[chosen], local[chosen, 2], size)


def _misses(camera: Camera, local: Doubles, pixels: Doubles) -> Doubles:
    """How far from its projection each point was seen [px]; 0 for lenses that are not known."""
    if not camera.is_known:
        return np.zeros(len(local))
    misses: Doubles = np.linalg.norm(camera.project(local) - pixels, axis=1)
    return misses


def check_view(view: View) -> None:
    """Refuse a view that nothing can be computed with.

    Raises:
        ImageError: its size, lens or pose is no number, or not positive where it must be.
    """
    if not view.camera.is_sound:
        raise ImageError(Kind.FORMAT, f"its camera in the sparse model is damaged: {view.camera}")
    if not np.isfinite([*view.pose.rotation, view.pose.translation]).all():
        raise ImageError(Kind.FORMAT, "its pose in the sparse model is not a number")


def check_size(
    shape: tuple[int, int], size: tuple[int, int], owner: str, what: str = "depth"
) -> None:
    """Refuse a map that cannot be of the same picture; a smaller or larger one can.

    Args:
        shape: Height and width of the map.
        size: Height and width of the camera or the reference.
        owner: Which of the two that is, for the message.
        what: The map, for the message.

    Raises:
        ImageError: the sides are exchanged, or their ratio is another.
    """
    (height, width), (rows, columns) = shape, size
    # sides are rounded when a picture is scaled: by up to a pixel of the smaller grid
    if abs(height * columns - width * rows) <= max(rows, columns, height, width):
        return
    turned = abs(height * rows - width * columns) <= max(rows, columns, height, width)
    advice = "turned by a quarter" if turned else "not the same picture"
    raise ImageError(
        Kind.FORMAT, f"{what} is {width} x {height}, the {owner} {columns} x {rows}: {advice}"
    )


def sample(values: Floats, pixels: Doubles, size: tuple[int, int]) -> Doubles:
    """Read a map between its pixels, bilinearly.

    Args:
        values: [H, W], or [H, W, C].
        pixels: [..., 2] in the pixels of a grid of `size` that covers the same picture.
        size: Height and width of that grid.

    Returns:
        [...], or [..., C]; NaN outside of the picture and beside unknown values.
    """
    height, width = values.shape[:2]
    x = pixels[..., 0] * (width / size[1]) - 0.5
    y = pixels[..., 1] * (height / size[0]) - 0.5
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    x, y = np.where(inside, x, 0).clip(0, width - 1), np.where(inside, y, 0).clip(0, height - 1)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    if values.ndim == 3:
        across, down, inside = across[..., None], down[..., None], inside[..., None]
    upper = values[top, left] * (1 - across) + values[top, right] * across
    lower = values[bottom, left] * (1 - across) + values[bottom, right] * across
    return np.where(inside, upper * (1 - down) + lower * down, np.nan)
