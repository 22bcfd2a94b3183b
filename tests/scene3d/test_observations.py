from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from marigold_cli.errors import ImageError
from marigold_cli.scene3d.colmap import read_model
from marigold_cli.scene3d.observations import check_size, observe, sample
from marigold_cli.scene3d.options import PointFilter

Site = Any  # of conftest.py


def test_reading_between_pixels_is_exact_on_a_plane() -> None:
    rows, columns = np.mgrid[0:30, 0:40] + 0.5
    plane = (2 * columns + 3 * rows + 5).astype(np.float32)
    pixels = np.random.default_rng(0).uniform([1, 1], [39, 29], (100, 2))

    found = sample(plane, pixels, (30, 40))

    assert found == pytest.approx(2 * pixels[:, 0] + 3 * pixels[:, 1] + 5, abs=1e-4)


def test_a_smaller_map_is_read_at_the_same_places() -> None:
    rows, columns = np.mgrid[0:15, 0:20] + 0.5
    plane = (4 * columns + 6 * rows).astype(np.float32)

    found = sample(plane, np.array([[10.0, 8.0], [33.0, 21.0]]), (30, 40))

    assert found == pytest.approx([2 * 10 + 3 * 8, 2 * 33 + 3 * 21], abs=1e-4)


def test_outside_and_beside_the_unknown_nothing_is_read() -> None:
    values = np.ones((4, 4), np.float32)
    values[1, 1] = np.nan

    found = sample(values, np.array([[-0.1, 2], [2, 4.1], [1.5, 2.0], [3.5, 3.5]]), (4, 4))

    assert np.isnan(found).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "shape", [(3000, 4000), (1500, 2000), (577, 769), (768, 1024), (6000, 8000)]
)
def test_a_map_of_the_same_picture_fits_at_any_size(shape: tuple[int, int]) -> None:
    check_size(shape, (3000, 4000), "camera")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((4000, 3000), "turned by a quarter"), ((3000, 4100), "not the same picture")],
)
def test_a_map_of_another_picture_is_refused(shape: tuple[int, int], reason: str) -> None:
    with pytest.raises(ImageError, match=f"the camera 4000 x 3000: {reason}"):
        check_size(shape, (3000, 4000), "camera")


def test_points_are_seen_at_their_depth(indoors: Site, writers: Any) -> None:
    model = read_model(writers["text"](indoors.world, indoors.points, indoors.root))
    shot = indoors.world.shots[2]

    observed = observe(model.views[shot.name], model.cloud, PointFilter())

    true = sample(shot.depth, observed.pixels, observed.size)
    error = np.abs(observed.depth / true - 1)
    assert np.median(error) < 0.01
    assert 0.03 < (error > 0.1).mean() < 0.25  # the wrong ones cannot be seen to be wrong here


def test_broken_and_distrusted_points_are_left_out(indoors: Site, writers: Any) -> None:
    model = read_model(writers["text"](indoors.world, indoors.points, indoors.root))
    view = next(iter(model.views.values()))
    rows = model.cloud.find(view.points)
    model.cloud.errors[rows[:10]] = 9.0
    model.cloud.errors[rows[10:20]] = -1.0  # not known
    view.points[20:30] = 10**9  # of no point
    model.cloud.places[rows[30:40]] = view.pose.to_world(np.array([0.0, 0.0, -2.0]))
    view.pixels[40:50] += 30.0
    view.pixels[50:60] = np.nan

    observed = observe(view, model.cloud, PointFilter(min_track=2))

    left = {tuple(pixel) for pixel in observed.pixels}
    kept = [tuple(pixel) in left for pixel in view.pixels[:60]]
    bad = [*range(10), *range(20, 60)]
    assert not any(kept[index] for index in bad)
    assert all(kept[index] for index in range(10, 20) if model.cloud.tracks[rows[index]] >= 2)
