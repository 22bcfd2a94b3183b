from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marigold_cli.errors import ImageError
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.normals import normals_of, points_of, read_normals
from marigold_cli.scene3d.options import TrustOptions
from marigold_cli.scene3d.resample import resample, size_in
from marigold_cli.scene3d.trust import find_edges, trust

CAMERA = Camera("PINHOLE", 192, 144, (170.0, 170.0, 96.0, 72.0))
BENT = Camera("OPENCV", 200, 150, (170.0, 172.0, 99.0, 76.0, -0.15, 0.03, 0.001, -0.002))


def plane(normal: tuple[float, float, float], height: float, camera: Camera = CAMERA) -> np.ndarray:
    """Depth of all points with normal . point = height."""
    rays = camera.rays(camera.grid(camera.height, camera.width))
    with np.errstate(divide="ignore"):
        return (height / (rays @ np.array(normal))).astype(np.float32)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0.94, 0.34), (0.9, 0.1, 0.42)])
def test_a_plane_has_no_edge_however_it_is_tilted(normal: tuple[float, float, float]) -> None:
    depth = plane(normal, 2.0)
    seen = (depth > 0) & (depth < 60)

    edges = find_edges(np.where(seen, depth, np.nan), CAMERA, 0.04)

    inner = seen.copy()
    for shift in (-1, 1):
        inner &= np.roll(seen, shift, 0) & np.roll(seen, shift, 1)
    assert not edges[inner].any()


def test_both_sides_of_a_step_are_edges_and_nothing_else() -> None:
    depth = plane((0, 0, 1), 2.0)
    depth[:, 100:] = 3.0

    edges = find_edges(depth, CAMERA, 0.04)

    assert np.flatnonzero(edges.any(axis=0)).tolist() == [99, 100]
    assert edges[:, 99:101].all()


def test_a_step_below_the_limit_is_none() -> None:
    depth = plane((0, 0, 1), 2.0)
    depth[:, 100:] *= 1.03

    assert not find_edges(depth, CAMERA, 0.04).any()
    assert find_edges(depth, CAMERA, 0.02).any()


def test_the_slope_of_a_blurred_edge_is_an_edge_all_the_way() -> None:
    """A large map is a small one made larger: its steps are some pixels wide."""
    large = Camera("PINHOLE", 3072, 2304, (2720.0, 2720.0, 1536.0, 1152.0))
    depth = np.full((60, 3072), 2.0, np.float32)
    depth[:, 1500:] = 6.0
    depth[:, 1494:1506] = np.linspace(2, 6, 12)

    edges = find_edges(depth, large, 0.04)

    assert edges[:, 1494:1506].all()
    assert not edges[:, :1480].any()
    assert not edges[:, 1520:].any()


def test_what_the_ensemble_disagrees_on_is_not_trusted() -> None:
    depth = plane((0, 0, 1), 2.0)
    depth[3, 4] = np.nan
    spread = np.zeros_like(depth)
    spread[10, 20] = 0.2

    trusted = trust(depth, CAMERA, spread, TrustOptions(edges=None, uncertainty=0.1))

    assert np.argwhere(~trusted).tolist() == [[3, 4], [10, 20]]
    assert trust(depth, CAMERA, spread, TrustOptions(edges=None, uncertainty=None))[10, 20]


@pytest.mark.parametrize("normal", [(0, 0, -1), (0, -0.6, -0.8), (0.6, 0.0, -0.8)])
def test_normals_of_a_plane_face_the_camera(normal: tuple[float, float, float]) -> None:
    depth = plane(normal, -2.0)
    assert (depth > 0).all()

    normals = normals_of(depth, CAMERA)

    assert np.abs(normals - np.array(normal)).max() < 1e-3
    assert (normals[..., 2] < 0).all()


@pytest.mark.parametrize("camera", [CAMERA, BENT], ids=["straight", "bent"])
def test_points_lie_on_their_plane(camera: Camera) -> None:
    depth = plane((0, 0.6, 0.8), 2.0, camera)

    points = points_of(depth, camera)

    assert np.abs(points @ np.array([0, 0.6, 0.8]) - 2).max() < 1e-4
    assert np.abs(normals_of(depth, camera) - np.array([0, -0.6, -0.8])).max() < 2e-3


def test_unknown_depth_has_a_harmless_normal() -> None:
    depth = plane((0, 0, 1), 2.0)
    depth[10, 10] = np.nan

    normals = normals_of(depth, CAMERA)

    assert np.isfinite(normals).all()
    assert np.abs(np.linalg.norm(normals, axis=-1) - 1).max() < 1e-5


def test_normals_of_a_checkpoint_are_turned_into_the_frame_of_the_camera(tmp_path: Path) -> None:
    (tmp_path / "day1").mkdir()
    up_and_towards = np.tile(np.array([0.0, 1.2, 1.6], np.float32), (4, 6, 1))
    np.save(tmp_path / "day1/a_normals.npy", up_and_towards)

    camera = Camera("PINHOLE", 60, 40, (50.0, 50.0, 30.0, 20.0))
    normals = read_normals(tmp_path, "day1/a.jpg", camera, camera, (8, 12))

    assert normals.shape == (8, 12, 3)
    assert normals[5, 5] == pytest.approx([0, -0.6, -0.8])


def test_normals_of_a_distorted_photo_are_carried_to_the_undistorted_one(tmp_path: Path) -> None:
    """Of a ball around the camera: every normal is its pixel's ray, turned back."""
    rays = BENT.rays(BENT.grid(75, 100))
    np.save(tmp_path / "a_normals.npy", (rays * [-1, 1, 1]).astype(np.float32))

    normals = read_normals(tmp_path, "a.jpg", BENT, CAMERA, (144, 192))

    straight = CAMERA.rays(CAMERA.grid(144, 192))
    true = -straight / np.linalg.norm(straight, axis=-1, keepdims=True)
    assert np.abs(normals - true).max() < 1e-4


def test_normals_beyond_the_edge_of_the_photo_are_harmless(tmp_path: Path) -> None:
    np.save(tmp_path / "a_normals.npy", np.ones((144, 192, 3), np.float32))
    narrow = Camera("PINHOLE", 192, 144, (340.0, 340.0, 96.0, 72.0))

    normals = read_normals(tmp_path, "a.jpg", narrow, CAMERA, (144, 192))

    assert normals[0, 0].tolist() == [0, 0, -1]
    assert normals[72, 96] == pytest.approx(np.array([1, -1, -1]) / np.sqrt(3))


def test_normals_of_a_picture_that_was_turned_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a_normals.npy", np.ones((192, 144, 3), np.float32))

    with pytest.raises(ImageError, match=r"a_normals\.npy is 144 x 192, .*: turned by a quarter"):
        read_normals(tmp_path, "a.jpg", CAMERA, CAMERA, (144, 192))


def test_depth_of_a_distorted_photo_fits_the_undistorted_one() -> None:
    depth = plane((0.2, 0.3, 0.9), 4.0, BENT)

    straight = resample({"depth": depth}, BENT, CAMERA, (144, 192))["depth"]

    true = plane((0.2, 0.3, 0.9), 4.0)
    known = np.isfinite(straight)
    assert known.mean() > 0.95
    assert np.abs(straight / true - 1)[known].max() < 1e-3


def test_depth_fits_a_scene_of_reduced_images() -> None:
    half = Camera("PINHOLE", 96, 72, (85.0, 85.0, 48.0, 36.0))
    depth = plane((0.2, 0.3, 0.9), 4.0)

    shape = size_in(half, depth.shape, CAMERA)
    reduced = resample({"depth": depth}, CAMERA, half, shape)["depth"]

    assert reduced.shape == (72, 96)
    assert np.abs(reduced / plane((0.2, 0.3, 0.9), 4.0, half) - 1).max() < 1e-4
