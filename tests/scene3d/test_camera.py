from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.errors import ImageError
from marigold_cli.scene3d.camera import Camera, Pose
from marigold_cli.scene3d.lenses import LENSES

PARAMS = {
    "SIMPLE_PINHOLE": (500.0, 322.0, 241.0),
    "PINHOLE": (500.0, 510.0, 322.0, 241.0),
    "SIMPLE_RADIAL": (500.0, 322.0, 241.0, -0.12),
    "RADIAL": (500.0, 322.0, 241.0, -0.12, 0.03),
    "OPENCV": (500.0, 510.0, 322.0, 241.0, -0.2, 0.05, 0.002, -0.003),
    "OPENCV_FISHEYE": (300.0, 310.0, 322.0, 241.0, 0.02, -0.01, 0.003, -0.0005),
    "FULL_OPENCV": (500.0, 510.0, 322.0, 241.0, 0.1, 0.05, 0.002, -0.003, 0.01, 0.2, 0.03, 0.004),
    "SIMPLE_RADIAL_FISHEYE": (300.0, 322.0, 241.0, 0.02),
    "RADIAL_FISHEYE": (300.0, 322.0, 241.0, 0.02, -0.01),
    "SIMPLE_FISHEYE": (300.0, 322.0, 241.0),
    "FISHEYE": (300.0, 310.0, 322.0, 241.0),
}
CAMERAS = [Camera(model, 640, 480, params) for model, params in PARAMS.items()]


def test_every_lens_that_can_be_projected_with_is_tested() -> None:
    assert {name for name, lens in LENSES.items() if lens.known} == set(PARAMS)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.model)
def test_rays_undo_the_projection(camera: Camera) -> None:
    pixels = camera.grid(48, 64)

    rays = camera.rays(pixels)

    assert np.allclose(rays[..., 2], 1)
    assert np.abs(camera.project(rays * 3.7) - pixels).max() < 1e-8


@pytest.mark.readers
@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.model)
def test_pixels_are_those_of_colmap(camera: Camera) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    theirs = pycolmap.Camera(
        model=camera.model, width=camera.width, height=camera.height, params=camera.params
    )
    points = np.random.default_rng(0).uniform([-1, -0.8, 1.5], [1, 0.8, 3], (200, 3))

    assert np.abs(camera.project(points) - theirs.img_from_cam(points)).max() < 1e-9


def test_an_opencv_lens_bends_as_its_manual_says() -> None:
    camera = Camera("OPENCV", 640, 480, PARAMS["OPENCV"])
    x, y, r2 = 0.3, -0.2, 0.13
    radial = 1 - 0.2 * r2 + 0.05 * r2**2
    bent_x = x * radial + 2 * 0.002 * x * y - 0.003 * (r2 + 2 * x * x)
    bent_y = y * radial + 0.002 * (r2 + 2 * y * y) + 2 * -0.003 * x * y

    (pixel,) = camera.project(np.array([[0.6, -0.4, 2.0]]))

    assert pixel == pytest.approx([500 * bent_x + 322, 510 * bent_y + 241])


def test_the_first_pixel_of_a_smaller_map_has_its_centre_half_a_step_in() -> None:
    camera = Camera("PINHOLE", 640, 480, PARAMS["PINHOLE"])

    grid = camera.grid(120, 160)

    assert grid.shape == (120, 160, 2)
    assert grid[0, 0].tolist() == [2, 2]
    assert grid[-1, -1].tolist() == [638, 478]


def test_a_fisheye_sees_nothing_beyond_its_rim() -> None:
    camera = Camera("SIMPLE_FISHEYE", 640, 480, (100.0, 320.0, 240.0))

    ray = camera.rays(np.array([320 + 100 * np.pi / 2 + 1, 240.0]))

    assert np.isnan(ray[:2]).all()


def test_what_is_beyond_the_rim_is_not_folded_back_into_the_picture() -> None:
    camera = Camera("SIMPLE_RADIAL", 4000, 3000, (3000.0, 2000.0, 1500.0, -0.15))
    rim = np.sqrt(1 / (3 * 0.15))  # where r - 0.15 r^3 is largest

    def see(tangents: np.ndarray) -> np.ndarray:
        return camera.project(np.stack([tangents, 0 * tangents, np.ones_like(tangents)], axis=1))

    within, beyond = see(rim * np.linspace(0, 0.99, 50)), see(rim * np.linspace(1.01, 1e9, 50))

    assert (np.diff(within[:, 0]) > 0).all()
    assert np.isnan(beyond).all()


@pytest.mark.parametrize("model", ["FULL_OPENCV", "OPENCV_FISHEYE"])
def test_other_lenses_have_a_rim_as_well(model: str) -> None:
    fisheye = model == "OPENCV_FISHEYE"
    bend = (-0.4, 0, 0, 0) if fisheye else (0, 0, 0, 0, -0.4, 0, 0, 0)
    camera = Camera(model, 640, 480, (500.0, 500.0, 320.0, 240.0, *bend))
    # the largest r - 0.4 r^7, and the largest a - 0.4 a^3 of the angle a
    rim = np.tan(np.sqrt(1 / (3 * 0.4))) if fisheye else (1 / (7 * 0.4)) ** (1 / 6)

    pixels = camera.project(np.array([[0, 0.99 * rim, 1], [0, 1.01 * rim, 1]]))

    assert np.isnan(pixels).all(axis=1).tolist() == [False, True]


def test_corners_that_a_lens_cannot_reach_have_no_ray_and_leave_others_theirs() -> None:
    camera = Camera("RADIAL", 640, 480, (400.0, 320.0, 240.0, -0.30, 0.03))
    pixels = camera.grid(48, 64)
    reach = 400 * 0.75635  # the largest r - 0.3 r^3 + 0.03 r^5

    rays = camera.rays(pixels)

    away = np.linalg.norm(pixels - [320, 240], axis=-1)
    assert np.array_equal(np.isnan(rays[..., 0]), away > reach)
    known = away < reach
    assert np.abs(camera.project(rays[known]) - pixels[known]).max() < 1e-3


@pytest.mark.parametrize("model", [name for name, lens in LENSES.items() if not lens.known])
def test_nothing_is_computed_with_a_lens_that_is_not_known(model: str) -> None:
    camera = Camera(model, 640, 480, (500.0,) * LENSES[model].size)

    for compute in (camera.project, lambda points: camera.rays(points[:, :2])):
        with pytest.raises(ImageError, match=f"nothing can be computed with a {model} camera"):
            compute(np.ones((1, 3)))


def test_only_a_lens_without_bend_is_a_pinhole() -> None:
    assert Camera("OPENCV", 4, 4, (1.0, 1.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0)).is_pinhole
    assert not Camera("OPENCV", 4, 4, (1.0, 1.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.1)).is_pinhole
    assert not Camera("FISHEYE", 4, 4, (1.0, 1.0, 2.0, 2.0)).is_pinhole


@pytest.mark.parametrize(
    ("width", "params"),
    [(0, (1.0, 1.0, 2.0, 2.0)), (4, (0.0, 1.0, 2.0, 2.0)), (4, (1.0, 1.0, np.nan, 2.0))],
)
def test_a_camera_without_size_or_focal_length_is_not_sound(
    width: int, params: tuple[float, ...]
) -> None:
    assert Camera("PINHOLE", 4, 4, (1.0, 1.0, 2.0, 2.0)).is_sound
    assert not Camera("PINHOLE", width, 4, params).is_sound


def test_a_pose_without_a_rotation_is_no_number() -> None:
    assert np.isnan(Pose.of_quaternion(np.zeros(4), np.ones(3)).rotation).all()


def test_a_pose_turns_a_quarter_about_the_vertical_and_back() -> None:
    half = np.sqrt(0.5)
    pose = Pose.of_quaternion(np.array([half, 0, half, 0]) * 3, np.array([1.0, 2.0, 3.0]))
    points = np.array([[0.0, 0.0, 1.0], [4.0, 5.0, 6.0]])

    moved = pose.to_camera(points)

    assert moved[0] == pytest.approx([2, 2, 3])
    assert pose.to_world(moved) == pytest.approx(points)
    assert pose.to_camera(pose.centre) == pytest.approx([0, 0, 0])
