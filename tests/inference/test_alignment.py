from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from marigold_cli.inference.alignment import align, balance, distances, keep, measure

SEEDS = range(12)


def flat(members):
    return members.reshape(len(members), -1)


def pairwise_cost(members) -> float:
    return sum(
        np.sqrt(np.mean((one.astype(float) - other) ** 2))
        for one, other in combinations(members, 2)
    )


def unit_cost(correlation, weights) -> float:
    pairs = np.triu_indices(len(weights), 1)
    return float(distances(correlation, weights)[pairs].sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_moments_tell_the_pairwise_cost_without_the_pixels(seed, make_ensemble) -> None:
    _, members = make_ensemble(seed)
    moments = measure(flat(members))
    weights = np.random.default_rng(seed).uniform(0.5, 2, len(members))
    scale = weights / moments.spread
    aligned = flat(members) * scale[:, None] - (scale * moments.mean)[:, None]

    cost = unit_cost(moments.covariance / np.outer(moments.spread, moments.spread), weights)

    assert cost == pytest.approx(pairwise_cost(aligned), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_solver_of_scipy_finds_a_lower_cost_under_the_same_gauge(seed, make_ensemble) -> None:
    _, members = make_ensemble(seed)
    correlation = np.corrcoef(flat(members))
    count = len(members)
    gauge = np.random.default_rng(seed).uniform(0.6, 1.4, count)
    gauge /= gauge.mean()

    weights = balance(correlation, gauge)

    theirs = minimize(
        lambda x: unit_cost(correlation, x),
        np.ones(count),
        method="SLSQP",
        bounds=[(0.05, None)] * count,
        constraints={"type": "eq", "fun": lambda x: gauge @ x - count},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert gauge @ weights == pytest.approx(count)
    assert unit_cost(correlation, weights) <= theirs.fun * (1 + 1e-6)


def test_a_contradicting_member_is_held_at_the_bound_that_scipy_finds(make_ensemble) -> None:
    _, members = make_ensemble(5)
    members[2] *= -1
    correlation = np.corrcoef(flat(members))
    count = len(members)

    weights = balance(correlation, np.ones(count))

    theirs = minimize(
        lambda x: unit_cost(correlation, x),
        np.ones(count),
        method="SLSQP",
        bounds=[(0.05, None)] * count,
        constraints={"type": "eq", "fun": lambda x: x.sum() - count},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert weights[2] == pytest.approx(0.05)
    assert unit_cost(correlation, weights) <= theirs.fun * (1 + 1e-6)


def test_members_that_differ_in_scale_and_shift_alone_are_brought_onto_each_other(
    make_ensemble,
) -> None:
    truth, _ = make_ensemble(0)
    members = np.stack([truth * s + t for s, t in [(1, 0), (0.1, 3), (40, -7), (2, 1)]])

    aligned = align(flat(members)).apply(flat(members))

    assert np.ptp(aligned, axis=0).max() < 1e-5 * np.ptp(aligned)


@pytest.mark.parametrize("seed", SEEDS)
def test_scales_are_positive_and_far_from_collapse(seed, make_ensemble) -> None:
    _, members = make_ensemble(seed)

    alignment = align(flat(members))

    spread = alignment.apply(flat(members)).std(axis=1)
    assert (alignment.scale > 0).all()
    assert spread.mean() == pytest.approx(1, rel=1e-3)
    assert spread.min() > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_refining_the_gauge_lowers_the_cost_that_counts(seed, make_ensemble) -> None:
    _, members = make_ensemble(seed)
    moments = measure(flat(members))
    first = balance(np.corrcoef(flat(members)), np.ones(len(members))) / moments.spread

    refined = align(flat(members)).apply(flat(members))

    plain = (flat(members) - moments.mean[:, None]) * first[:, None]
    costs = [pairwise_cost(x) / np.ptp(np.median(x, axis=0)) for x in (plain, refined)]
    assert costs[1] <= costs[0] * (1 + 1e-5)


def test_flat_members_are_left_out(make_ensemble) -> None:
    _, members = make_ensemble(4)
    members[[1, 3]] = 0.3

    alignment = align(flat(members))

    assert alignment.kept.tolist() == [0, 2, 4, 5, 6]
    assert np.isfinite(alignment.scale).all()


def test_one_usable_member_stays_as_it_is(make_ensemble) -> None:
    _, members = make_ensemble(0)
    members[[0, 2]] = 0.5

    alignment = align(flat(members))

    assert np.array_equal(alignment.apply(flat(members)), flat(members)[1:2])


def test_members_of_one_scale_are_kept_as_they_are(make_ensemble) -> None:
    _, members = make_ensemble(0)

    assert np.array_equal(keep(flat(members)).apply(flat(members)), flat(members))
