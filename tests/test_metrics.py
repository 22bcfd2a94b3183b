from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.metrics import abs_rel, delta1


def test_abs_rel_is_the_mean_relative_error() -> None:
    predicted, truth = np.float32([1, 3, 8]), np.float32([2, 2, 8])

    assert abs_rel(predicted, truth) == pytest.approx((0.5 + 0.5 + 0) / 3)


def test_delta1_counts_ratios_below_one_and_a_quarter_either_way() -> None:
    predicted, truth = np.float32([1.2, 0.85, 1.25, 0.5]), np.float32([1, 1, 1, 1])

    assert delta1(predicted, truth) == 0.5


def test_delta1_survives_predictions_behind_the_camera() -> None:
    assert delta1(np.float32([-1, 1]), np.float32([1, 1])) == 0.5
