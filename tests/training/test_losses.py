from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from marigold_cli.training.losses import (
    affine_invariant_error,
    align,
    angular_error,
    mean_known,
)


def uniform(*size: int, seed: int = 0) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def known() -> Tensor:
    return uniform(3, 1, 12, 17, seed=9) < 0.7


def test_scale_and_shift_are_those_of_least_squares(known: Tensor) -> None:
    predicted = uniform(3, 1, 12, 17) * 2 - 1
    truth = 30 * predicted + 12 + 5 * uniform(3, 1, 12, 17, seed=1)

    scale, shift = align(predicted, truth, known)

    for index in range(3):
        x, y = predicted[index][known[index]].double(), truth[index][known[index]].double()
        matrix = np.stack([x.numpy(), np.ones(len(x))], axis=1)
        best = np.linalg.lstsq(matrix, y.numpy(), rcond=None)[0]
        np.testing.assert_allclose([scale[index].item(), shift[index].item()], best, rtol=1e-5)


def test_the_error_is_what_least_squares_leaves(known: Tensor) -> None:
    predicted = uniform(3, 1, 12, 17)
    truth = predicted.sqrt() * torch.tensor([1.0, 80, 1000]).view(3, 1, 1, 1)

    error = affine_invariant_error(predicted, truth, known)

    for index in range(3):
        x = predicted[index][known[index]].double().numpy()
        y = truth[index][known[index]].double().numpy()
        line = np.polynomial.Polynomial.fit(x, y, 1)
        assert error[index].item() == pytest.approx(np.abs(line(x) - y).mean(), rel=1e-4)


def test_a_prediction_far_from_zero_is_aligned_as_well() -> None:
    wiggle = uniform(1, 1, 40, 40)
    everywhere = torch.ones(1, 1, 40, 40, dtype=torch.bool)

    error = affine_invariant_error(0.9 + 1e-3 * wiggle, wiggle, everywhere)

    assert error.item() < 1e-4


@pytest.mark.parametrize("value", [0.0, -0.3, 1.0])
def test_nothing_is_fitted_to_a_constant(value: float) -> None:
    predicted = torch.full((1, 1, 7, 9), value, requires_grad=True)
    truth = uniform(1, 1, 7, 9)
    everywhere = torch.ones(1, 1, 7, 9, dtype=torch.bool)

    scale, shift = align(predicted, truth, everywhere)
    affine_invariant_error(predicted, truth, everywhere).sum().backward()

    assert (scale.item(), shift.item()) == (0, 0)
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()


def test_a_flat_truth_has_a_finite_slope() -> None:
    predicted = uniform(1, 1, 7, 9).requires_grad_()
    everywhere = torch.ones(1, 1, 7, 9, dtype=torch.bool)

    error = affine_invariant_error(predicted, torch.full((1, 1, 7, 9), -1.0), everywhere)
    error.sum().backward()

    assert error.item() == pytest.approx(0, abs=1e-6)
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()


def test_a_picture_of_which_nothing_is_known_costs_nothing() -> None:
    predicted = uniform(1, 1, 7, 9).requires_grad_()
    nowhere = torch.zeros(1, 1, 7, 9, dtype=torch.bool)

    error = affine_invariant_error(predicted, uniform(1, 1, 7, 9), nowhere)
    error.sum().backward()

    assert error.item() == 0
    assert predicted.grad is not None
    assert (predicted.grad == 0).all()


def test_unknown_pixels_change_nothing(known: Tensor) -> None:
    predicted, truth = uniform(3, 1, 12, 17), uniform(3, 1, 12, 17, seed=1)

    error = affine_invariant_error(predicted, truth, known)

    other = truth.masked_fill(~known, 1e6)
    torch.testing.assert_close(affine_invariant_error(predicted, other, known), error)


def test_learning_turns_an_inverted_prediction_around() -> None:
    truth = uniform(1, 1, 8, 8)
    everywhere = torch.ones_like(truth, dtype=torch.bool)
    predicted = (-truth).clone().requires_grad_()

    start = affine_invariant_error(predicted, truth, everywhere).item()
    for _ in range(300):
        error = affine_invariant_error(predicted, truth, everywhere).sum()
        (slope,) = torch.autograd.grad(error, predicted)
        predicted = (predicted - 0.5 * slope).detach().requires_grad_()

    assert error.item() < start / 5
    assert np.corrcoef(predicted.detach().flatten(), truth.flatten())[0, 1] > 0.9


def test_the_mean_is_by_picture() -> None:
    error = torch.tensor([[1.0, 3.0], [5.0, 100.0]]).view(2, 1, 1, 2)
    known = torch.tensor([[True, True], [True, False]]).view(2, 1, 1, 2)

    assert mean_known(error, known).tolist() == [2, 5]


def test_angles_are_those_of_the_arc_cosine() -> None:
    random = torch.Generator().manual_seed(0)
    a = functional.normalize(torch.randn(2, 3, 9, 9, generator=random), dim=1)
    b = functional.normalize(torch.randn(2, 3, 9, 9, generator=random), dim=1)
    everywhere = torch.ones(2, 1, 9, 9, dtype=torch.bool)

    angles = angular_error(4 * a, b, everywhere)

    expected = torch.acos((a.double() * b.double()).sum(1)).mean((1, 2))
    torch.testing.assert_close(angles.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_slope_is_finite_where_directions_are_equal_or_opposite(sign: float) -> None:
    truth = functional.normalize(uniform(1, 3, 4, 4), dim=1)
    predicted = (sign * truth).clone().requires_grad_()
    everywhere = torch.ones(1, 1, 4, 4, dtype=torch.bool)

    angle = angular_error(predicted, truth, everywhere)
    angle.sum().backward()

    assert angle.item() == pytest.approx(0 if sign > 0 else np.pi, abs=1e-3)
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()


def test_no_direction_at_all_has_a_finite_slope_too() -> None:
    truth = functional.normalize(uniform(1, 3, 4, 4), dim=1)
    predicted = torch.zeros_like(truth, requires_grad=True)
    everywhere = torch.ones(1, 1, 4, 4, dtype=torch.bool)

    angular_error(predicted, truth, everywhere).sum().backward()

    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()


def test_a_step_against_the_slope_brings_directions_together() -> None:
    truth = functional.normalize(uniform(1, 3, 6, 6), dim=1)
    predicted = functional.normalize(uniform(1, 3, 6, 6, seed=1), dim=1).requires_grad_()
    everywhere = torch.ones(1, 1, 6, 6, dtype=torch.bool)

    before = angular_error(predicted, truth, everywhere).sum()
    (slope,) = torch.autograd.grad(before, predicted)

    assert angular_error(predicted - 0.1 * slope, truth, everywhere).sum() < before
