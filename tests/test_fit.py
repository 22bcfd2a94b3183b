from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.fit import Affine, fit_affine, fit_scale


def cloud(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((7, 9)).astype(np.float32)
    y = (3.5 * x + 2 + rng.normal(0, 0.3, x.shape)).astype(np.float32)
    return x, y, rng.random(x.shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_the_fit_is_that_of_lstsq(seed: int) -> None:
    x, y, weight = cloud(seed)
    root = np.sqrt(weight.ravel().astype(np.float64))
    design = np.stack((x.ravel(), np.ones(x.size)), 1) * root[:, None]

    expected = np.linalg.lstsq(design, y.ravel() * root, rcond=None)[0]

    fit = fit_affine(x, y, weight)
    assert (fit.scale, fit.shift) == pytest.approx(tuple(expected), rel=1e-5)


def test_pixels_without_weight_do_not_count() -> None:
    x, y, _ = cloud(0)
    weight = np.ones_like(x)
    weight[0, 0] = 0
    spoiled = y.copy()
    spoiled[0, 0] = 1e6

    assert fit_affine(x, spoiled, weight) == fit_affine(x, y, weight)


def test_a_constant_prediction_becomes_the_mean() -> None:
    _, y, _ = cloud(0)

    fit = fit_affine(np.ones_like(y), y)

    assert fit.scale == 0
    assert fit.shift == pytest.approx(float(y.mean()), rel=1e-6)


def test_a_fit_applies_to_any_shape() -> None:
    assert np.array_equal(Affine(2, 1)(np.float32([[0, 1]])), np.float32([[1, 3]]))


def test_small_numbers_are_fitted_as_well_as_large_ones() -> None:
    x, y, _ = cloud(0)

    fit = fit_affine(1e-5 * x.astype(np.float64), y)

    assert 1e-5 * fit.scale == pytest.approx(fit_affine(x, y).scale, rel=1e-6)


def test_a_scale_is_the_ratio_of_medians() -> None:
    x = np.float32([1, 2, 100])

    assert fit_scale(x, np.float32([6, 3, 9])) == Affine(3, 0)
    assert fit_scale(-x, x).scale == 0
