from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.depth import DepthKind
from marigold_cli.errors import UsageError
from marigold_cli.evaluation.alignment import align, choose_alignment
from marigold_cli.evaluation.datasets import Truth
from marigold_cli.evaluation.options import Alignment
from marigold_cli.evaluation.protocols import Protocol

FREE = Protocol("any")


def truth_of(depth: np.ndarray, valid: np.ndarray | None = None) -> Truth:
    return Truth(depth, depth > 0 if valid is None else valid, depth.shape)


@pytest.fixture
def truth() -> Truth:
    depth = np.random.default_rng(0).uniform(1, 8, (20, 30))
    depth[:4] = 0
    return truth_of(depth)


def test_affine_depth_is_fitted_in_depth(truth: Truth) -> None:
    values = (truth.depth - 1.5) / 7
    values[:4] = 55  # where no truth is

    aligned = align(values, DepthKind.AFFINE_DEPTH, truth, Alignment.DEPTH, FREE)

    np.testing.assert_allclose(aligned.depth[4:], truth.depth[4:], rtol=1e-9)
    assert (aligned.fit.scale, aligned.fit.shift) == pytest.approx((7, 1.5))


def test_affine_disparity_is_fitted_in_disparity(truth: Truth) -> None:
    disparity = np.divide(1, truth.depth, out=np.ones((20, 30)), where=truth.depth > 0)
    values = 3 * (disparity - 0.1)

    aligned = align(values, DepthKind.AFFINE_DISPARITY, truth, Alignment.DISPARITY, FREE)

    positive = (values > 0) & truth.valid  # others are not fitted, but scored
    assert positive.sum() > 400
    np.testing.assert_allclose(aligned.depth[truth.valid], truth.depth[truth.valid], rtol=1e-9)


def test_disparity_that_falls_below_a_thousandth_becomes_a_kilometre(truth: Truth) -> None:
    disparity = np.divide(1, truth.depth, out=np.ones((20, 30)), where=truth.depth > 0)
    disparity[10, 10] = -0.5

    aligned = align(disparity, DepthKind.AFFINE_DISPARITY, truth, Alignment.DISPARITY, FREE)

    assert aligned.depth[10, 10] == pytest.approx(1000)


def test_noisy_fits_are_those_of_lstsq(truth: Truth) -> None:
    values = np.random.default_rng(1).uniform(0.1, 1, truth.depth.shape)
    design = np.stack((values[truth.valid], np.ones(truth.valid.sum())), 1)

    in_depth = align(values, DepthKind.AFFINE_DEPTH, truth, Alignment.DEPTH, FREE)
    in_disparity = align(values, DepthKind.AFFINE_DISPARITY, truth, Alignment.DISPARITY, FREE)

    expected = np.linalg.lstsq(design, truth.depth[truth.valid], rcond=None)[0]
    assert (in_depth.fit.scale, in_depth.fit.shift) == pytest.approx(tuple(expected), rel=1e-9)
    expected = np.linalg.lstsq(design, 1 / truth.depth[truth.valid], rcond=None)[0]
    assert (in_disparity.fit.scale, in_disparity.fit.shift) == pytest.approx(
        tuple(expected), rel=1e-9
    )


def test_metric_depth_is_left_alone_or_scaled_by_medians(truth: Truth) -> None:
    kind = DepthKind.METRIC

    as_it_is = align(2 * truth.depth, kind, truth, Alignment.NONE, FREE)
    scaled = align(2 * truth.depth, kind, truth, Alignment.MEDIAN, FREE)
    by_disparity = align(2 * truth.depth, kind, truth, Alignment.DISPARITY, FREE)

    assert np.array_equal(as_it_is.depth, 2 * truth.depth)
    np.testing.assert_allclose(scaled.depth, truth.depth)
    np.testing.assert_allclose(by_disparity.depth[truth.valid], truth.depth[truth.valid])


def test_aligned_depth_stays_within_the_protocols_bounds(truth: Truth) -> None:
    bounds = Protocol("bounded", min_depth=2, max_depth=5)

    aligned = align(truth.depth, DepthKind.METRIC, truth, Alignment.NONE, bounds)

    assert (aligned.depth.min(), aligned.depth.max()) == (2, 5)


def test_a_constant_prediction_becomes_the_mean(truth: Truth) -> None:
    aligned = align(np.ones((20, 30)), DepthKind.AFFINE_DEPTH, truth, Alignment.DEPTH, FREE)

    np.testing.assert_allclose(aligned.depth, truth.depth[truth.valid].mean())


def test_unknown_and_infinite_predictions_do_not_spoil_the_fit(truth: Truth) -> None:
    values = truth.depth.copy()
    values[10], values[11] = np.nan, np.inf

    aligned = align(values, DepthKind.AFFINE_DEPTH, truth, Alignment.DEPTH, FREE)

    assert aligned.fit.scale == pytest.approx(1)
    assert np.isnan(aligned.depth[10]).all()


def test_without_a_common_pixel_there_is_no_alignment(truth: Truth) -> None:
    nothing = np.full(truth.depth.shape, np.nan)

    assert align(nothing, DepthKind.AFFINE_DEPTH, truth, Alignment.DEPTH, FREE) is None


def test_the_fit_may_be_made_on_fewer_columns() -> None:
    depth = np.tile(np.arange(1.0, 2001), (3, 1))
    values = depth.copy()
    values[:, 1] = 1e6  # a column that is left out: 0, 1.95, 3.9, ... are taken

    aligned = align(
        values,
        DepthKind.AFFINE_DEPTH,
        truth_of(depth),
        Alignment.DEPTH,
        Protocol("large", fit_edge=1000),
    )

    assert aligned.fit.scale == pytest.approx(1)


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        (DepthKind.AFFINE_DEPTH, Alignment.DEPTH),
        (DepthKind.AFFINE_DISPARITY, Alignment.DISPARITY),
        (DepthKind.METRIC, Alignment.NONE),
    ],
)
def test_each_kind_has_its_own_alignment(kind: DepthKind, own: Alignment) -> None:
    assert choose_alignment(kind, Alignment.AUTO) is own


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (DepthKind.AFFINE_DEPTH, Alignment.NONE),
        (DepthKind.AFFINE_DEPTH, Alignment.DISPARITY),
        (DepthKind.AFFINE_DISPARITY, Alignment.DEPTH),
        (DepthKind.AFFINE_DISPARITY, Alignment.MEDIAN),
    ],
)
def test_alignment_against_the_kind_is_refused(kind: DepthKind, how: Alignment) -> None:
    with pytest.raises(UsageError, match=f"{how} means nothing for {kind}"):
        choose_alignment(kind, how)
