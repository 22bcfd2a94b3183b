from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from marigold_cli import metrics
from marigold_cli.metrics import (
    METRICS,
    SMALLEST_DEPTH,
    abs_rel,
    angular_errors,
    boundary_f1,
    delta1,
    normal_scores,
    order_accuracy,
    select,
)


def by_hand(key: str, predicted: list[float], truth: list[float]) -> float:
    """The metric in float64, pixel by pixel, without NumPy."""
    pairs = list(zip(predicted, truth, strict=True))
    mean: Callable[[list[float]], float] = lambda values: math.fsum(values) / len(values)  # noqa: E731
    logs = [math.log(p) - math.log(t) for p, t in pairs]
    ratios = [max(p / t, t / p) for p, t in pairs]
    return {
        "abs_rel": lambda: mean([abs(p - t) / t for p, t in pairs]),
        "sq_rel": lambda: mean([(p - t) ** 2 / t for p, t in pairs]),
        "rmse": lambda: math.sqrt(mean([(p - t) ** 2 for p, t in pairs])),
        "rmse_log": lambda: math.sqrt(mean([d * d for d in logs])),
        "log10": lambda: mean([abs(math.log10(p) - math.log10(t)) for p, t in pairs]),
        "delta1": lambda: mean([float(r < 1.25) for r in ratios]),
        "delta2": lambda: mean([float(r < 1.5625) for r in ratios]),
        "delta3": lambda: mean([float(r < 1.953125) for r in ratios]),
        "i_rmse": lambda: math.sqrt(mean([(1 / p - 1 / t) ** 2 for p, t in pairs])),
        "silog": lambda: 100 * math.sqrt(mean([d * d for d in logs]) - mean(logs) ** 2),
    }[key]()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_that_of_a_loop_over_pixels(seed: int, metric: metrics.Metric) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 60, 400)
    predicted = truth * rng.lognormal(0.1, 0.4, 400)

    score = metric.formula(predicted, truth)

    assert score == pytest.approx(
        by_hand(metric.key, predicted.tolist(), truth.tolist()), rel=1e-10
    )


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_of_no_pixel_every_score_is_nan(metric: metrics.Metric) -> None:
    assert math.isnan(metric.formula(np.float32([]), np.float32([])))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_predictions_behind_the_camera_or_at_infinity_are_scored_not_lost(
    metric: metrics.Metric,
) -> None:
    predicted = np.float32([-1, 0, np.inf, 3])
    truth = np.float32([1, 2, 3, 4])

    score = metric.formula(*select(predicted, truth))

    assert math.isfinite(score)


def test_abs_rel_is_the_mean_relative_error() -> None:
    predicted, truth = np.float32([1, 3, 8]), np.float32([2, 2, 8])

    assert abs_rel(predicted, truth) == pytest.approx((0.5 + 0.5 + 0) / 3)


def test_delta1_counts_ratios_below_one_and_a_quarter_either_way() -> None:
    predicted, truth = np.float32([1.2, 0.85, 1.25, 0.5]), np.float32([1, 1, 1, 1])

    assert delta1(predicted, truth) == 0.5


def test_delta1_survives_predictions_behind_the_camera() -> None:
    assert delta1(np.float32([-1, 1]), np.float32([1, 1])) == 0.5


def test_only_known_truth_and_predicted_numbers_count() -> None:
    truth = np.float32([[1, 0, -1, np.nan], [np.inf, 2, 3, 4]])
    predicted = np.float32([[-5, 1, 1, 1], [1, np.nan, np.inf, 6]])
    valid = np.array([[True] * 4, [True, True, True, False]])

    ours, theirs = select(predicted, truth, valid)

    assert theirs.tolist() == [1, 3]
    assert ours[0] == SMALLEST_DEPTH
    assert np.isfinite(ours).all()


def slow_boundary_f1(predicted: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> float:
    """Depth Pro's definition, neighbour by neighbour: who is in front, on all four sides."""
    height, width = truth.shape
    bounds = [1.05 + i * (1.25 - 1.05) / 9 for i in range(10)]
    total = 0.0
    for bound in bounds:
        precisions, recalls = [], []
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            found = real = hits = 0
            for y in range(height):
                for x in range(width):
                    v, u = y + down, x + right
                    if not (0 <= v < height and 0 <= u < width and valid[y, x] and valid[v, u]):
                        continue
                    ours = (1 / predicted[v, u]) / (1 / predicted[y, x]) > bound
                    theirs = (1 / truth[v, u]) / (1 / truth[y, x]) > bound
                    found, real, hits = found + ours, real + theirs, hits + (ours and theirs)
            precisions.append(hits / max(found, 1))
            recalls.append(hits / max(real, 1))
        p, r = sum(precisions) / 4, sum(recalls) / 4
        total += bound * (2 * p * r / (p + r) if p + r else 0)
    return total / sum(bounds)


@pytest.mark.parametrize("seed", range(3))
def test_boundary_f1_is_that_of_a_loop_over_neighbours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.repeat(rng.uniform(1, 3, (4, 5)), 3, 0), 3, 1)
    predicted = truth * rng.lognormal(0, 0.08, truth.shape)
    valid = rng.random(truth.shape) < 0.9

    score = boundary_f1(predicted, truth, valid)

    assert 0.1 < score < 0.95
    assert score == pytest.approx(slow_boundary_f1(predicted, truth, valid), abs=1e-12)


def test_boundary_f1_does_not_see_the_scale() -> None:
    truth = np.random.default_rng(0).uniform(1, 3, (8, 9))

    assert boundary_f1(7 * truth, truth) == pytest.approx(1)


def test_boundaries_of_flat_or_unknown_truth_have_defined_scores() -> None:
    flat, step = np.ones((4, 4)), np.repeat([1.0, 2.0], 2)[None].repeat(4, 0)

    assert boundary_f1(step, flat) == 0
    assert math.isnan(boundary_f1(step, np.zeros((4, 4))))
    assert boundary_f1(np.full((4, 4), np.inf), step) == 0


def test_the_order_of_pairs_counts_and_ties_are_wrong() -> None:
    assert order_accuracy(np.float32([1, 2, 3]), np.float32([2, 2, 1])) == pytest.approx(1 / 3)
    assert math.isnan(order_accuracy(np.float32([]), np.float32([])))


def test_angles_are_those_of_hand_made_normals() -> None:
    truth = np.float32([[0, 0, 1], [0, 0, 2], [0, 0, 1], [0, 0, 0], [np.nan, 0, 1], [0, 0, 1]])
    turned = [math.sin(math.radians(10)), 0, math.cos(math.radians(10))]
    predicted = np.float32([[0, 0, 3], turned, [1, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0]])

    errors = angular_errors(predicted, truth)

    assert errors == pytest.approx([0, 10, 45, 90], abs=1e-4)


def test_angular_errors_are_summed_up_as_in_the_papers() -> None:
    scores = normal_scores(np.array([0, 11.0, 20, 25, 90]))

    assert (scores.mean, scores.median) == pytest.approx((29.2, 20))
    assert (scores.below_11_25, scores.below_22_5, scores.below_30) == (0.4, 0.6, 0.8)
    assert math.isnan(normal_scores(np.array([])).median)
