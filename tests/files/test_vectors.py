from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.files.orientation import turn_stored, turn_upright
from marigold_cli.files.vectors import turn_normals_stored, turn_normals_upright


def normals_of(height):
    """Normals of a height field [H, W]: x right, y up, z to the viewer."""
    down, right = np.gradient(height)
    normals = np.stack([-right, down, np.ones_like(height)], axis=-1)
    return (normals / np.linalg.norm(normals, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_normals_are_those_of_the_turned_surface(orientation: int) -> None:
    surface = np.random.default_rng(0).random((7, 11)).cumsum(axis=0).cumsum(axis=1)

    upright = turn_normals_upright(normals_of(surface), orientation)
    stored = turn_normals_stored(normals_of(surface), orientation)

    assert np.abs(upright - normals_of(turn_upright(surface, orientation))).max() < 1e-6
    assert np.abs(stored - normals_of(turn_stored(surface, orientation))).max() < 1e-6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_stored_undoes_upright(orientation: int) -> None:
    normals = normals_of(np.random.default_rng(1).random((5, 8)))

    there = turn_normals_upright(normals, orientation)

    assert np.array_equal(turn_normals_stored(there, orientation), normals)
