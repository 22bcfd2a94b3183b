"""Surface normals of depth maps: unit vectors in the camera's frame, towards the camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marigold_cli.depth import DepthKind, Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.readers import read_map
from marigold_cli.scene3d.camera import Camera, strips
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.observations import check_size
from marigold_cli.scene3d.resample import resample

NORMALS_SUFFIX = "_normals.npy"
_HARMLESS = (0, 0, -1)  # where nothing is known


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
        for rows, pixels in camera.strips(height, width):
            points[rows] = camera.rays(pixels) * depth[rows, :, None]
    return points


def normals_of(depth: Floats, camera: Camera) -> Floats:
    """Normals [H, W, 3] from the points one pixel before and behind; (0, 0, -1) where unknown.

    At the border the difference is one-sided. The map has 2 rows and columns at least.
    """
    points = points_of(depth, camera)
    normals = np.empty_like(points)
    for rows in strips(len(points)):
        before = min(rows.start, 1)  # a row more above and below
        block = _normals_of(points[rows.start - before : rows.stop + 1])
        normals[rows] = block[before:][: rows.stop - rows.start]
    return normals


def _normals_of(points: Floats) -> Floats:
    down, across = (np.asarray(one, np.float32) for one in np.gradient(points, axis=(0, 1)))
    normals = np.empty_like(points)
    for axis in range(3):  # the cross product, without temporary arrays of all of it
        one, two = (axis + 1) % 3, (axis + 2) % 3
        normals[..., axis] = down[..., one] * across[..., two] - down[..., two] * across[..., one]
    # the sign turns normals towards the camera, against the ray
    squares, ahead = (np.einsum("hwc,hwc->hw", normals, other) for other in (normals, points))
    return _divide(normals, np.copysign(np.sqrt(squares), -ahead))


def read_normals(
    folder: Path, name: str, source: Camera, target: Camera, shape: tuple[int, int]
) -> Floats:
    """Read what a normals checkpoint gave: NAME_normals.npy, [H, W, 3], x right, y up, z to us.

    Args:
        folder: Where the files are.
        name: The photo.
        source: Its camera.
        target: The scene's.
        shape: Height and width that are wanted.

    Returns:
        [H, W, 3] in the target's pixels and the camera's frame: y down, z forward; (0, 0, -1) where
        unknown.

    Raises:
        ImageError: the file is missing, no such thing, or of another picture.
    """
    path = folder / (stem_of(name) + NORMALS_SUFFIX)
    try:
        normals = read_map(path.read_bytes(), DepthKind.NORMALS)
    except (OSError, ValueError) as error:
        raise ImageError(Kind.FORMAT, f"{path}: no normals ({error})") from error
    height, width, _ = normals.shape
    check_size((height, width), (source.height, source.width), "camera", str(path))
    carried = resample({"normals": normals}, source, target, shape)["normals"]
    turned: Floats = carried * np.array([1, -1, -1], np.float32)
    return _divide(turned, np.linalg.norm(turned, axis=-1))


def _divide(vectors: Floats, lengths: Floats) -> Floats:
    """Vectors [H, W, 3] by their lengths [H, W], in place."""
    with np.errstate(invalid="ignore", divide="ignore"):
        vectors /= lengths[..., None]
    vectors[~np.isfinite(vectors).all(axis=-1)] = _HARMLESS
    return vectors
