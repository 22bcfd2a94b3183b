from __future__ import annotations

import numpy as np
import torch

from marigold_cli.scenes.camera import Cameras
from marigold_cli.scenes.render import SKY_DEPTH, render
from marigold_cli.scenes.sample import sample_scene


def test_a_picture_depends_on_its_seed_alone() -> None:
    together = render([5, 6, 7], 36, 48)

    alone = render([6], 36, 48)

    assert torch.equal(together.rgb[1], alone.rgb[0])
    assert torch.equal(together.depth[1], alone.depth[0])
    assert not torch.equal(together.rgb[0], together.rgb[1])


def test_pictures_are_srgb_and_depth_is_in_metres_up_to_the_sky() -> None:
    views = render(range(8), 36, 48)

    assert views.rgb.shape == (8, 3, 36, 48)
    assert views.depth.shape == (8, 1, 36, 48)
    assert 0 <= views.rgb.min() < 0.2 < 0.8 < views.rgb.max() <= 1
    assert 0 < views.depth.min() < 2
    assert views.depth.max() == SKY_DEPTH
    assert views.depth.isfinite().all()


def test_depth_is_measured_along_the_optical_axis() -> None:
    """On empty ground, height = depth * (the ray's fall per unit of depth)."""
    seed = next(s for s in range(999) if np.isinf((scene := sample_scene(s)).hull[0]))
    scene = sample_scene(seed)
    depth = render([seed], 90, 120).depth[0, 0].numpy()

    pitch, roll = scene.pitch, scene.roll
    y = 1 - (np.arange(90) + 0.5) / 45
    x = (np.arange(120) + 0.5) / 60 - 1
    reach = np.tan(scene.field_of_view / 2)
    up, right = np.meshgrid(y * reach * 90 / 120, x * reach, indexing="ij")
    fall = -(np.sin(pitch) + np.cos(pitch) * (up * np.cos(roll) + right * np.sin(roll)))
    ground = np.where(fall > 0, scene.camera[2] / np.maximum(fall, 1e-9), np.inf)

    is_ground = np.isclose(depth, ground, rtol=1e-3)
    assert is_ground.mean() > 0.1
    assert (depth <= ground * 1.001).all()


def test_a_level_camera_looks_along_y_with_x_to_the_right() -> None:
    zero = torch.zeros(1)
    cameras = Cameras(torch.zeros(1, 3), zero, zero, zero, torch.tensor([np.pi / 2]))

    rays = cameras.rays(2, 2)[0]

    expected = [[-0.5, 1, 0.5], [0.5, 1, 0.5], [-0.5, 1, -0.5], [0.5, 1, -0.5]]
    np.testing.assert_allclose(rays.numpy(), expected, atol=1e-6)
