from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marigold_cli.inference.options import AUTO_TILE, Recipe
from marigold_cli.inference.tiling import Axis, Tiling, decoded_edge, plan_tiling

LENGTHS = st.tuples(st.integers(1, 60), st.integers(0, 400)).map(lambda x: (x[0] + x[1], x[0]))


@given(LENGTHS)
def test_tiles_cover_an_axis_and_overlap_by_a_quarter(lengths: tuple[int, int]) -> None:
    length, tile = lengths

    axis = Axis.of(length, tile)

    assert (axis.starts[0], axis.starts[-1] + tile) == (0, length)
    assert all(0 < step <= max(1, 0.75 * tile) for step in np.diff(axis.starts))


@given(LENGTHS)
def test_weights_sum_to_one_everywhere(lengths: tuple[int, int]) -> None:
    axis = Axis.of(*lengths)
    total = np.zeros(axis.length)

    for part, weights in zip(axis.slices(), axis.weights(), strict=True):
        assert (weights > 0).all()
        total[part] += weights

    assert np.abs(total - 1).max() < 1e-6


def test_weights_begin_and_end_smoothly() -> None:
    axis = Axis.of(1000, 200)

    inner = np.concatenate([[0], axis.weights()[2], [0]])

    assert np.abs(np.diff(inner)).max() < np.pi / 2 / 50 * 1.01  # the steepest of a raised cosine
    assert np.abs(np.diff(inner, 2)).max() < (np.pi / 50) ** 2 / 2 * 1.01


def test_the_mosaic_has_the_scale_at_which_a_tile_is_a_frame(recipe: Recipe) -> None:
    recipe = replace(recipe, resolution=48, tile=96)

    tiling = plan_tiling((300, 400), recipe)

    assert tiling is not None
    assert tiling.size == (150, 200)
    assert tiling.tile_size == (36, 48)
    assert tiling.down.starts == (0, 23, 46, 68, 91, 114)


@pytest.mark.parametrize(
    ("size", "tile_size"),
    [
        ((400, 300), (48, 36)),
        ((300, 300), (48, 48)),
        ((100, 1000), (36, 48)),
        ((20, 1000), (20, 48)),
    ],
)
def test_tiles_are_shaped_as_the_photo_but_are_no_strips(
    size: tuple[int, int], tile_size: tuple[int, int], recipe: Recipe
) -> None:
    tiling = plan_tiling(size, replace(recipe, resolution=48, tile=48))

    assert tiling is not None
    assert tiling.tile_size == tile_size


@pytest.mark.parametrize(
    ("tile", "long_edge"), [(None, 9999), (400, 400), (AUTO_TILE, 4 * 48), (AUTO_TILE, 30)]
)
def test_a_photo_no_longer_than_a_tile_stays_whole(
    tile: int | None, long_edge: int, recipe: Recipe
) -> None:
    assert (
        plan_tiling((long_edge // 2, long_edge), replace(recipe, resolution=48, tile=tile)) is None
    )


@pytest.mark.parametrize("long_edge", [193, 400, 16_384])
def test_auto_makes_at_most_five_by_five_tiles_of_any_big_photo(
    long_edge: int, recipe: Recipe
) -> None:
    recipe = replace(recipe, resolution=48, tile=AUTO_TILE)

    tiling = plan_tiling((long_edge * 3 // 4, long_edge), recipe)

    assert tiling is not None
    assert len(tiling.tiles()) == 25
    assert max(tiling.size) == pytest.approx(4 * 48, abs=3)


@pytest.mark.parametrize(
    ("tile", "refine", "resolution", "edge"),
    [
        (None, False, 48, 48),
        (None, False, 0, None),
        (AUTO_TILE, False, 48, 192),
        (96, False, 48, None),
        (None, True, 48, None),
        (AUTO_TILE, True, 48, None),
    ],
)
def test_photos_are_decoded_no_larger_than_needed(
    tile: int | None, refine: bool, resolution: int, edge: int | None, recipe: Recipe
) -> None:
    asked = replace(recipe, tile=tile, refine=refine, resolution=resolution)

    assert decoded_edge(asked) == edge


def test_any_tile_holds_some_cells_along_every_side() -> None:
    shapes = [(576, 768), (20, 768), (3, 768), (1, 50), (48, 48)]
    tilings = [Tiling(Axis.of(4 * h, h), Axis.of(4 * w, w)) for h, w in shapes]

    assert [tiling.cell for tiling in tilings] == [32, 5, 1, 1, 2]
