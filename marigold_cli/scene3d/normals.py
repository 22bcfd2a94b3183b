"""Surface normals of depth maps: unit vectors in the camera's frame, towards the camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marigold_cli.depth import DepthKind, Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.readers import read_map
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.resample import resize

NORMALS_SUFFIX = "_normals.npy"


def points_of(depth: Floats, camera: Camera) -> Floats:
    """Points in the camera's frame [H, W, 3] of a depth map that covers the camera's picture."""
    height, width = depth.shape
    points = np.empty((height, width, 3), np.float32)
    if camera.is_pinhole:  # columns and rows are independent, which saves most of the work
        (fx, fy), (cx, cy) = camera.focal, camera.centre
        across = ((np.arange(width) + 0.5) * (camera.width / width) - cx) / fx
        down = ((np.arange(height) + 0.5) * (camera.height / height) - cy) / fy
        np.multiply(depth, across.astype(np.float32), out=points[..., 0])
        np.multiply(depth, down.astype(np.float32)[:, None], out=points[..., 1])
        points[..., 2] = depth
    else:
        points[:] = camera.rays(camera.grid(height, width)) * depth[..., None]
    return points


def normals_of(depth: Floats, camera: Camera) -> Floats:
    """Normals [H, W, 3] from the points one pixel before and behind; (0, 0, -1) where unknown.

    At the border the difference is one-sided. The map has 2 rows and columns at least.
    """
    points = points_of(depth, camera)
    down, across = (np.asarray(one, np.float32) for one in np.gradient(points, axis=(0, 1)))
    normals = np.empty_like(points)
    for axis in range(3):  # the cross product, without temporary arrays of all of it
        one, two = (axis + 1) % 3, (axis + 2) % 3
        normals[..., axis] = down[..., one] * across[..., two] - down[..., two] * across[..., one]
    # the sign turns normals towards the camera, against the ray
    squares, ahead = (np.einsum("hwc,hwc->hw", normals, other) for other in (normals, points))
    length: Floats = np.copysign(np.sqrt(squares), -ahead)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals /= length[..., None]
    normals[~np.isfinite(normals).all(axis=-1)] = (0, 0, -1)
    return normals


def read_normals(folder: Path, name: str, shape: tuple[int, int]) -> Floats:
    """Read what a normals checkpoint gave: NAME_normals.npy, [H, W, 3], x right, y up, z to us.

    Args:
        folder: Where the files are.
        name: The photo.
        shape: Height and width that are wanted; the nearest pixels are taken.

    Returns:
        [H, W, 3] in the camera's frame: y down, z forward.

    Raises:
        ImageError: the file is missing or no such thing.
    """
    path = folder / (stem_of(name) + NORMALS_SUFFIX)
    try:
        normals = read_map(path.read_bytes(), DepthKind.NORMALS)
    except (OSError, ValueError) as error:
        raise ImageError(Kind.FORMAT, f"{path}: no normals ({error})") from error
    turned = resize(normals, *shape) * np.array([1, -1, -1], np.float32)
    length = np.linalg.norm(turned, axis=-1, keepdims=True)
    unit: Floats = np.divide(turned, length, out=np.zeros_like(turned), where=length > 0)
    return unit
