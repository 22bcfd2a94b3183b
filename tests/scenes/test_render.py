from __future__ import annotations

import pickle
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
import torch

from marigold_cli.scenes.render import SKY_DEPTH, Views, render, render_drafts, sample_draft
from marigold_cli.scenes.sample import KINDS, sample_scene
from marigold_cli.scenes.scene import Scene

SIZE = (72, 96)
SEEDS = range(24)


@pytest.fixture(scope="module")
def views() -> Views:
    return render(SEEDS, *SIZE)


def test_a_picture_depends_on_its_seed_alone(views: Views) -> None:
    alone = render([6], *SIZE)

    assert torch.equal(views.rgb[6], alone.rgb[0])
    assert torch.equal(views.depth[6], alone.depth[0])
    assert torch.equal(views.normals[6], alone.normals[0])
    assert not torch.equal(views.rgb[5], alone.rgb[0])


def test_scenes_rendered_at_once_are_the_same_as_one_by_one(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marigold_cli.scenes.render.AT_ONCE", {"cpu": 8})

    together = render(SEEDS, *SIZE)

    near = torch.isclose(together.depth, views.depth, rtol=1e-4)
    assert near.float().mean() > 0.9999
    assert (together.rgb - views.rgb).abs().mean() < 1e-3


def test_pictures_are_srgb_and_depth_is_in_metres_up_to_the_sky(views: Views) -> None:
    assert views.rgb.shape == (len(SEEDS), 3, *SIZE)
    assert views.depth.shape == (len(SEEDS), 1, *SIZE)
    assert views.rgb.isfinite().all()
    assert 0 <= views.rgb.min() < 0.1 < 0.9 < views.rgb.max() <= 1
    assert 0 < views.depth.min() < 1
    assert views.depth.max() == SKY_DEPTH
    assert views.depth.isfinite().all()


def test_normals_have_length_one_and_look_at_the_viewer_and_the_sky_has_none(views: Views) -> None:
    length = views.normals.norm(dim=1, keepdim=True)

    is_sky = views.depth == SKY_DEPTH
    assert (length[is_sky] == 0).all()
    torch.testing.assert_close(length[~is_sky], torch.ones_like(length[~is_sky]))


def test_normals_are_those_of_the_surface_that_depth_describes(views: Views) -> None:
    """Against the cross product of differences between neighbouring points, in float64."""
    height, width = SIZE
    for seed, depth, normals in zip(SEEDS, views.depth, views.normals, strict=True):
        reach = np.tan(sample_scene(seed).field_of_view / 2)
        x = ((np.arange(width) + 0.5) / width * 2 - 1) * reach
        y = (1 - (np.arange(height) + 0.5) / height * 2) * reach * height / width
        z = depth[0].double().numpy()
        points = np.stack((x * z, y[:, None] * z, -z), -1)
        across = points[1:-1, 2:] - points[1:-1, :-2]
        upwards = points[:-2, 1:-1] - points[2:, 1:-1]
        expected = np.cross(across, upwards)
        expected /= np.linalg.norm(expected, axis=-1, keepdims=True)

        inverse = 1 / z  # linear in the picture on planes
        bend = np.abs(inverse[1:-1, 2:] + inverse[1:-1, :-2] - 2 * inverse[1:-1, 1:-1])
        bend += np.abs(inverse[2:, 1:-1] + inverse[:-2, 1:-1] - 2 * inverse[1:-1, 1:-1])
        flat = (bend < 1e-4 * inverse[1:-1, 1:-1]) & (z[1:-1, 1:-1] < SKY_DEPTH / 2)
        found = normals.permute(1, 2, 0)[1:-1, 1:-1].numpy()
        cosine = (found * expected).sum(-1)[flat]
        assert flat.mean() > 0.05
        assert (cosine > 0.99).mean() > 0.97, seed


def test_depth_is_measured_along_the_optical_axis() -> None:
    """On open ground, height = depth * (the ray's fall per unit of depth)."""
    seed = next(s for s in range(999) if max(max(i.half) for i in sample_scene(s).solids) > 1000)
    scene = sample_scene(seed)

    depth = render([seed], 90, 120).depth[0, 0].numpy()

    y = 1 - (np.arange(90) + 0.5) / 45
    x = (np.arange(120) + 0.5) / 60 - 1
    reach = np.tan(scene.field_of_view / 2)
    up, right = np.meshgrid(y * reach * 90 / 120, x * reach, indexing="ij")
    tilted = up * np.cos(scene.roll) + right * np.sin(scene.roll)
    fall = -(np.sin(scene.pitch) + np.cos(scene.pitch) * tilted)
    ground = np.where(fall > 0, scene.camera[2] / np.maximum(fall, 1e-9), np.inf)
    is_ground = np.isclose(depth, ground, rtol=1e-3)
    assert is_ground.mean() > 0.05
    assert (depth <= ground * 1.001).all()


def test_pictures_are_many_sided(views: Views) -> None:
    """Brightness, hue, depth and layout differ from seed to seed."""
    inverse = 1 / views.depth.flatten(1)
    ordered = (inverse - inverse.mean(1, keepdim=True)) / inverse.std(1, keepdim=True)
    likeness = (ordered @ ordered.T / ordered.shape[1]).fill_diagonal_(0)

    assert views.rgb.mean((1, 2, 3)).std() > 0.08
    assert views.rgb.mean((2, 3)).var(1).mean() > 1e-4
    assert views.depth.flatten(1).median(1).values.log().std() > 0.7
    assert likeness.max() < 0.995
    assert likeness.mean() < 0.7


def test_blank_and_blocked_views_are_rare() -> None:
    views = render(range(1000, 1100), 48, 64)

    dark = views.rgb.mean((1, 2, 3)) < 0.08
    blank = views.rgb.flatten(1).std(1) < 0.04
    near = views.depth.flatten(1).quantile(0.9, 1) < 0.35
    flat = (views.depth == SKY_DEPTH).flatten(1).float().mean(1) > 0.9
    assert (dark | blank | near | flat).sum() <= 4


def test_scenes_can_be_drawn_in_another_process_and_rendered_later(views: Views) -> None:
    drafts = pickle.loads(pickle.dumps([sample_draft(seed) for seed in SEEDS]))

    later = render_drafts(drafts, *SIZE)

    assert torch.equal(later.rgb, views.rgb)
    assert torch.equal(later.depth, views.depth)


@pytest.mark.parametrize("sample", list(KINDS), ids=lambda sample: sample.__name__)
def test_every_kind_of_scene_can_be_drawn_many_times(sample: Callable[[Random], Scene]) -> None:
    scenes = [sample(Random(seed)) for seed in range(30)]

    for scene in scenes:
        assert len(scene.lights) == 2
        assert 5 < len(scene.solids) < 3000
        assert all(min(solid.half) > 0 for solid in scene.solids)
        assert all(
            0 <= albedo <= 1
            for solid in scene.solids
            for colour in solid.material[:3]
            for albedo in colour
        )
    assert len({len(scene.solids) for scene in scenes}) > 8
