from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.files.orientation import turn_stored, turn_upright
from marigold_cli.files.vectors import from_picture, turn_normals_stored, turn_normals_upright


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


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_normals_come_back_from_a_picture_within_its_steps(dtype: str) -> None:
    normals = np.random.default_rng(0).standard_normal((40, 50, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    unit = np.iinfo(dtype).max

    back = from_picture(np.round((normals + 1) / 2 * unit).astype(dtype))

    assert np.abs(back - normals).max() < 1.01 / unit  # half a step of 2 / unit


def test_black_and_grey_of_a_picture_are_not_known() -> None:
    pixels = np.array([[[0, 0, 0], [128, 128, 127], [128, 128, 255]]], np.uint8)

    assert np.isnan(from_picture(pixels)).all(axis=-1).tolist() == [[True, True, False]]
