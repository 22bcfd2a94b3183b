from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.scene3d.overlap import find_strays
from marigold_cli.scene3d.refine import conjugate_gradients


def test_conjugate_gradients_solve_a_system() -> None:
    random = np.random.default_rng(0)
    roots = random.normal(size=(20, 20))
    matrix = roots @ roots.T + np.eye(20)
    right = random.normal(size=(10, 2))

    found = conjugate_gradients(
        lambda x: (matrix @ x.ravel()).reshape(10, 2),
        right,
        lambda x: x / np.diag(matrix).reshape(10, 2),
    )

    assert found.ravel() == pytest.approx(np.linalg.solve(matrix, right.ravel()), rel=1e-6)


def test_a_right_side_of_zeros_needs_no_round() -> None:
    found = conjugate_gradients(lambda x: x, np.zeros((3, 2)), lambda x: x)

    assert not found.any()


def test_one_stray_does_not_take_its_neighbours_along() -> None:
    shares = {(0, 1): 0.9, (0, 2): 0.1, (1, 2): 0.2, (2, 3): 0.1, (3, 4): 0.8}

    strays, medians = find_strays(shares, least=0.5)

    assert strays == {2}
    assert medians == {0: 0.9, 1: 0.9, 2: 0.1, 3: 0.8, 4: 0.8}
