from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.blocks import Blocks
from marigold_cli.depth import Doubles

MAPS = 12


@pytest.fixture
def blocks() -> Blocks:
    """Some maps that meet, two of them twice and in both orders, and one that meets none."""
    rng = np.random.default_rng(0)
    first, second = np.array([0, 3, 3, 5, 9, 10]), np.array([1, 4, 4, 0, 5, 9])
    roots = rng.normal(size=(MAPS, 2, 2))
    return Blocks(
        diagonal=roots @ roots.swapaxes(1, 2) + 9 * np.eye(2),
        target=rng.normal(size=(MAPS, 2)),
        first=np.concatenate([first, [4]]),
        second=np.concatenate([second, [3]]),
        coupling=rng.normal(size=(7, 2, 2)),
    )


def written_out(blocks: Blocks) -> Doubles:
    matrix = np.zeros((2 * MAPS, 2 * MAPS))
    for k, block in enumerate(blocks.diagonal):
        matrix[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] += block
    for one, other, block in zip(blocks.first, blocks.second, blocks.coupling, strict=True):
        matrix[2 * one : 2 * one + 2, 2 * other : 2 * other + 2] += block
        matrix[2 * other : 2 * other + 2, 2 * one : 2 * one + 2] += block.T
    return matrix


def test_products_are_those_of_the_matrix_written_out(blocks: Blocks) -> None:
    unknowns = np.random.default_rng(1).normal(size=(MAPS, 2))

    product = blocks.multiply(unknowns)

    assert product.ravel() == pytest.approx(written_out(blocks) @ unknowns.ravel())


def test_the_solution_is_that_of_the_matrix_written_out(blocks: Blocks) -> None:
    matrix = written_out(blocks)

    found = blocks.solve()

    assert np.linalg.eigvalsh(matrix).min() > 0
    assert found.ravel() == pytest.approx(np.linalg.solve(matrix, blocks.target.ravel()), rel=1e-9)


def test_maps_that_meet_no_others_are_solved_one_by_one() -> None:
    nothing = np.empty(0, np.intp)
    blocks = Blocks(
        np.array([[[2.0, 1.0], [1.0, 2.0]], [[1e-12, 0.0], [0.0, 1e-12]]]),
        np.array([[3.0, 3.0], [0.0, 0.0]]),  # of the second nothing is known
        *(nothing, nothing, np.empty((0, 2, 2))),
    )

    assert blocks.solve() == pytest.approx(np.array([[1.0, 1.0], [0.0, 0.0]]))


def test_a_target_of_zeros_needs_no_step(blocks: Blocks) -> None:
    still = Blocks(
        *(blocks.diagonal, np.zeros((MAPS, 2)), blocks.first, blocks.second, blocks.coupling)
    )

    assert not still.solve().any()
