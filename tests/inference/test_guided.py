from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.files import strips
from marigold_cli.files.decode import Photo
from marigold_cli.inference import guided
from marigold_cli.inference.guided import box_mean, fit_windows, refine, to_unit_frame
from marigold_cli.inference.options import Resample
from marigold_cli.inference.restoring import restore

MakePhoto = Callable[..., Photo]


def windows(shape: tuple[int, int], radius: int) -> dict[tuple[int, int], tuple[slice, slice]]:
    """The window around every pixel, cut off at the border."""
    return {
        (y, x): (
            slice(max(0, y - radius), y + radius + 1),
            slice(max(0, x - radius), x + radius + 1),
        )
        for y in range(shape[0])
        for x in range(shape[1])
    }


def slow_fit(guide: Floats, depth: Floats, radius: int, epsilon: float) -> tuple[Floats, Floats]:
    """He et al. 2013, equations 14 to 16, window by window."""
    height, width = depth.shape
    slope, offset = np.empty((3, height, width)), np.empty((height, width))
    for at, window in windows(depth.shape, radius).items():
        colours, values = guide[:, *window].reshape(3, -1), depth[window].ravel()
        covariance = np.cov(colours, bias=True) + epsilon * np.eye(3)
        cross = (colours * values).mean(1) - colours.mean(1) * values.mean()
        slope[:, *at] = np.linalg.solve(covariance, cross)
        offset[at] = values.mean() - slope[:, *at] @ colours.mean(1)
    places = windows(depth.shape, radius).items()
    slope_mean, offset_mean = np.empty_like(slope), np.empty_like(offset)
    for at, window in places:
        slope_mean[:, *at] = slope[:, *window].mean(axis=(1, 2))
        offset_mean[at] = offset[window].mean()
    return slope_mean, offset_mean


def two_colours(height: int, width: int, edge: int) -> Photo:
    """A red and a green half, with some texture."""
    pixels = np.zeros((height, width, 3))
    pixels[:, :edge, 0] = pixels[:, edge:, 1] = 0.8
    pixels += 0.03 * np.random.default_rng(0).random((height, width, 3))
    return Photo((pixels * 255).astype(np.uint8), (height, width), 1, "two colours")


@pytest.mark.parametrize("radius", [1, 3])
@pytest.mark.parametrize("epsilon", [1e-3, 1e-1])
def test_windows_are_fitted_as_in_the_paper(radius: int, epsilon: float) -> None:
    rng = np.random.default_rng(radius)
    guide, depth = rng.random((3, 9, 12)), rng.random((9, 12))

    slope, offset = fit_windows(torch.from_numpy(guide), torch.from_numpy(depth), radius, epsilon)

    expected = slow_fit(guide, depth, radius, epsilon)
    assert np.abs(slope.numpy() - expected[0]).max() < 1e-9
    assert np.abs(offset.numpy() - expected[1]).max() < 1e-9


def test_single_precision_is_enough() -> None:
    rng = np.random.default_rng(0)
    guide, depth = torch.from_numpy(rng.random((3, 40, 50))), torch.from_numpy(rng.random((40, 50)))

    exact = fit_windows(guide, depth, 2, guided.EPSILON)
    found = fit_windows(guide.float(), depth.float(), 2, guided.EPSILON)

    for one, other in zip(exact, found, strict=True):
        assert (one - other).abs().max() < 1e-3


def test_boxes_end_with_the_map() -> None:
    maps = torch.arange(12.0).reshape(3, 4)

    found = box_mean(maps, 1)

    assert found[0, 0] == (0 + 1 + 4 + 5) / 4
    assert found[1, 3] == (2 + 3 + 6 + 7 + 10 + 11) / 6


def test_refined_depth_is_the_fitted_function_of_the_photos_own_pixels(
    make_photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = make_photo(60, 83)
    depth = DepthMap(np.random.default_rng(1).random((20, 28), np.float32))
    guide = to_unit_frame(photo.pixels, (20, 28)).numpy()
    slope, offset = slow_fit(guide, depth.values, guided.RADIUS, guided.EPSILON)
    monkeypatch.setattr(strips, "_STRIP_PX", 7 * 83)  # strips of 7 rows

    found = refine(depth, photo)

    maps = torch.from_numpy(np.concatenate([slope, offset[None]]))[None]
    large = torch.nn.functional.interpolate(maps, (60, 83), mode="bilinear")[0].numpy()
    colours = np.moveaxis(photo.pixels / 255, -1, 0)
    expected = np.clip((large[:3] * colours).sum(0) + large[3], 0, 1)
    assert np.abs(found.values - expected).max() < 1e-3


def test_a_blurred_step_moves_to_the_photos_edge() -> None:
    photo = two_colours(60, 80, edge=40)
    blurred = 0.2 + 0.6 / (1 + np.exp(-(np.arange(20) - 9.5) / 0.7))
    depth = DepthMap(np.tile(blurred.astype(np.float32), (15, 1)))

    plain = restore(depth, (60, 80), Resample.BILINEAR).values
    found = refine(depth, photo).values

    def step(values: Floats) -> float:
        return float(np.diff(values[:, 39:41].mean(axis=0))[0])

    assert step(plain) < 0.1
    assert step(found) > 0.4


def test_a_flat_depth_takes_nothing_from_a_busy_photo(make_photo: MakePhoto) -> None:
    depth = DepthMap(np.full((20, 28), 0.4, np.float32))

    found = refine(depth, make_photo(60, 84))

    assert np.abs(found.values - 0.4).max() < 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_photos_of_any_depth_guide_alike(dtype: str, make_photo: MakePhoto) -> None:
    depth = DepthMap(np.random.default_rng(2).random((10, 14), np.float32))

    found = refine(depth, make_photo(40, 56, dtype=dtype)).values
    other = refine(depth, make_photo(40, 56, dtype="float32")).values

    assert np.abs(found - other).max() < 0.02


def test_the_spread_stays_as_it_is_and_metric_depth_has_no_ceiling(
    make_photo: MakePhoto,
) -> None:
    values = 3 + 9 * np.random.default_rng(3).random((10, 14), np.float32)
    depth = DepthMap(values, DepthKind.METRIC, uncertainty=values / 10)
    photo = make_photo(40, 56)

    found = refine(depth, photo)

    assert found.values.max() > 9
    assert found.uncertainty is depth.uncertainty
