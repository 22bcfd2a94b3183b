from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
import scipy.optimize
import torch
from diffusers import MarigoldDepthPipeline

from marigold_cli.depth import DepthKind
from marigold_cli.inference.alignment import align
from marigold_cli.inference.ensemble import merge, stretch
from marigold_cli.inference.options import Reduction

AFFINE = DepthKind.AFFINE_DEPTH


@dataclass(frozen=True)
class Comparison:
    """Ours over theirs, for one ensemble."""

    cost: float
    error: float


@pytest.fixture(scope="module")
def comparisons(make_ensemble) -> list[Comparison]:
    """50 ensembles merged by us and by diffusers."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        solutions = record_solutions(patch)
        for seed in range(50):
            truth, members = make_ensemble(seed)
            ours = merge(members, AFFINE, Reduction.MEDIAN)
            theirs, _ = MarigoldDepthPipeline.ensemble_depth(torch.from_numpy(members)[:, None])
            scale, shift = np.split(solutions.pop(), 2)
            aligned = align(members.reshape(len(members), -1)).apply(
                members.reshape(len(members), -1)
            )
            reference = members * scale[:, None, None] + shift[:, None, None]
            cost = relative_cost(aligned) / relative_cost(reference)
            found.append(
                Comparison(cost, error(ours.depth, truth) / error(theirs[0, 0].numpy(), truth))
            )
    return found


def record_solutions(patch) -> list[np.ndarray]:
    """Let scipy do its work and note what it found: diffusers keeps it to itself."""
    solutions: list[np.ndarray] = []
    solve = scipy.optimize.minimize

    def solve_and_note(*args, **choices):
        solution = solve(*args, **choices)
        solutions.append(solution.x)
        return solution

    patch.setattr(scipy.optimize, "minimize", solve_and_note)
    return solutions


def relative_cost(aligned) -> float:
    """Sum of pairwise RMSE once the median spans [0, 1]: free of the ensemble's own gauge."""
    aligned = aligned.reshape(len(aligned), -1).astype(float)
    aligned = aligned / np.ptp(np.median(aligned, axis=0))
    return sum(np.sqrt(np.mean((one - other) ** 2)) for one, other in combinations(aligned, 2))


def error(depth, truth) -> float:
    """Mean absolute error after the best affine fit."""
    design = np.stack([depth.ravel(), np.ones(depth.size)], axis=1)
    fit = np.linalg.lstsq(design, truth.ravel(), rcond=None)[0]
    return float(np.abs(design @ fit - truth.ravel()).mean())


def test_members_come_closer_than_in_diffusers(comparisons) -> None:
    ratios = [comparison.cost for comparison in comparisons]

    assert max(ratios) < 1.01
    assert np.mean(ratios) < 0.95


def test_the_median_is_at_least_as_true_as_that_of_diffusers(comparisons) -> None:
    ratios = [comparison.error for comparison in comparisons]

    assert np.mean(ratios) < 1
    assert max(ratios) < 1.1


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("seed", range(6))
def test_scale_and_shift_of_every_member_are_free(seed, reduction, make_ensemble) -> None:
    _, members = make_ensemble(seed)
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-1, 1, (len(members), 1, 1))
    moved = (members * scale + rng.uniform(-1, 1, scale.shape)).astype(np.float32)

    merged = merge(members, AFFINE, reduction)
    same = merge(moved, AFFINE, reduction)

    assert np.abs(merged.depth - same.depth).max() < 1e-3
    assert np.abs(merged.spread - same.spread).max() < 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_members_is_free(seed, make_ensemble) -> None:
    _, members = make_ensemble(seed)
    order = np.random.default_rng(seed).permutation(len(members))

    merged = merge(members, AFFINE, Reduction.MEDIAN)
    same = merge(members[order], AFFINE, Reduction.MEDIAN)

    assert np.abs(merged.depth - same.depth).max() < 1e-4


def test_perfect_members_give_the_truth_and_no_spread(make_ensemble) -> None:
    truth, _ = make_ensemble(0)
    members = np.stack([truth * s + t for s, t in [(1, 0), (0.2, 0.7), (3, -2), (0.5, 0.1)]])

    merged = merge(members, AFFINE, Reduction.MEDIAN)

    assert np.abs(merged.depth - truth).max() < 1e-5
    assert merged.spread.max() < 1e-5


@pytest.mark.parametrize("reduction", Reduction)
def test_the_spread_is_in_the_unit_of_the_depth(reduction, make_ensemble) -> None:
    _, members = make_ensemble(7)
    aligned = align(members.reshape(len(members), -1)).apply(members.reshape(len(members), -1))
    if reduction is Reduction.MEDIAN:
        middle = np.median(aligned, axis=0)
        spread = np.median(np.abs(aligned - middle), axis=0)
    else:
        middle, spread = aligned.mean(axis=0), aligned.std(axis=0, ddof=1)

    merged = merge(members, AFFINE, reduction)

    assert (merged.depth.min(), merged.depth.max()) == (0, 1)
    expected = (middle - middle.min()) / np.ptp(middle)
    assert np.abs(merged.depth.ravel() - expected).max() < 1e-6
    assert np.abs(merged.spread.ravel() - spread / np.ptp(middle)).max() < 1e-6


def test_near_stays_near_even_when_one_member_says_the_opposite(make_ensemble) -> None:
    truth, members = make_ensemble(6)
    members[1] *= -1

    merged = merge(members, AFFINE, Reduction.MEDIAN)

    assert np.corrcoef(merged.depth.ravel(), truth.ravel())[0, 1] > 0.98


def test_metric_members_are_neither_moved_nor_stretched(make_ensemble) -> None:
    _, members = make_ensemble(1)

    merged = merge(members, DepthKind.METRIC, Reduction.MEDIAN)

    assert np.array_equal(merged.depth, np.median(members, axis=0))
    deviation = np.abs(members - np.median(members, axis=0))
    assert np.array_equal(merged.spread, np.median(deviation, axis=0))


@pytest.mark.parametrize("reduction", Reduction)
def test_members_that_say_nothing_do_not_change_the_others(reduction, make_ensemble) -> None:
    _, members = make_ensemble(3)
    more = np.stack([*members, np.full_like(members[0], 0.4)])

    merged = merge(more, AFFINE, reduction)

    assert np.array_equal(merged.depth, merge(members, AFFINE, reduction).depth)


@pytest.mark.parametrize("reduction", Reduction)
def test_flat_members_give_a_flat_map(reduction) -> None:
    members = np.linspace(0, 1, 4, dtype=np.float32)[:, None, None] * np.ones((4, 6, 8), np.float32)

    merged = merge(members, AFFINE, reduction)

    assert np.array_equal(merged.depth, np.zeros((6, 8)))
    assert np.isfinite(merged.spread).all()


def test_members_smaller_than_the_ends_that_are_looked_at() -> None:
    members = np.random.default_rng(0).random((4, 2, 3), dtype=np.float32)

    merged = merge(members, AFFINE, Reduction.MEDIAN)

    assert (merged.depth.min(), merged.depth.max()) == (0, 1)


def test_stretching_tells_the_unit() -> None:
    depth, unit = stretch(np.array([[2, 4], [6, 3]], np.float32))

    assert depth.tolist() == [[0, 0.5], [1, 0.25]]
    assert unit == 4
