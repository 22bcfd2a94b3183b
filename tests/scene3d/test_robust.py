from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.fit import Affine, fit_affine
from marigold_cli.scene3d.robust import fit_robust, relative_residuals


def crowd(wrong: float, noise: float, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Values in [0, 1] and depth 2 + 58 x, noisy, some of it far off."""
    random = np.random.default_rng(3)
    x = random.uniform(0, 1, count) ** 2
    y = (2 + 58 * x) * (1 + noise * random.normal(size=count))
    bad = random.random(count) < wrong
    y[bad] *= random.uniform(0.3, 3, bad.sum())
    return x, y


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.4])
def test_a_line_is_found_among_wrong_points(wrong: float) -> None:
    x, y = crowd(wrong, noise=0.01)

    fit = fit_robust(x, y, tolerance=0.15)

    assert fit is not None
    ends = np.array([fit.affine.shift, fit.affine.scale + fit.affine.shift])
    assert np.abs(ends / [2, 60] - 1).max() < 0.01
    assert fit.deviation == pytest.approx(0.01, rel=0.35)


def test_plain_least_squares_would_be_many_times_worse() -> None:
    x, y = crowd(0.1, noise=0.01)

    robust, plain = fit_robust(x, y, tolerance=0.15), fit_affine(x, y)

    assert robust is not None
    errors = [
        np.median(np.abs(line.scale * x + line.shift - (2 + 58 * x)) / (2 + 58 * x))
        for line in (robust.affine, plain)
    ]
    assert errors[0] < 0.002
    assert errors[1] > 0.03


def test_without_wrong_points_it_is_least_squares_with_weights_of_one_over_depth_squared() -> None:
    x, y = crowd(0.0, noise=0.001)

    fit = fit_robust(x, y, tolerance=0.15)

    system = np.stack([x, np.ones_like(x)], axis=1) / y[:, None]
    scale, shift = np.linalg.lstsq(system, np.ones_like(y), rcond=None)[0]
    assert fit is not None
    assert (fit.affine.scale, fit.affine.shift) == pytest.approx((scale, shift), rel=1e-3)
    assert relative_residuals(Affine(scale, shift), x, y) == pytest.approx(
        system @ [scale, shift] - 1
    )


def test_exact_points_give_the_exact_line() -> None:
    x = np.linspace(0, 1, 50)

    fit = fit_robust(x, 3 * x + 1, tolerance=0.1)

    assert fit is not None
    assert (fit.affine.scale, fit.affine.shift) == pytest.approx((3, 1), rel=1e-9)
    assert fit.inliers.all()


def test_a_falling_line_is_found_as_such() -> None:
    x = np.linspace(0, 1, 50)

    fit = fit_robust(x, 5 - 3 * x, tolerance=0.1)

    assert fit is not None
    assert fit.affine.scale == pytest.approx(-3)


def test_the_same_value_everywhere_gives_no_line() -> None:
    assert fit_robust(np.full(50, 0.3), np.linspace(1, 2, 50), tolerance=0.1) is None


def test_the_same_points_give_the_same_line() -> None:
    x, y = crowd(0.3, noise=0.02, count=5000)

    first, second = fit_robust(x, y, 0.1), fit_robust(x, y, 0.1)
    assert first is not None
    assert second is not None
    assert first.affine == second.affine
