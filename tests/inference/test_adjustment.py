from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.depth import Doubles
from marigold_cli.inference.adjustment import Cells, adjust
from marigold_cli.inference.equations import Pairs, gather


def checkered(rng: np.random.Generator, tiles: int = 3) -> tuple[Cells, list[Cells]]:
    """A whole of random cells, and overlapping tiles of it on lines of their own."""
    whole = Cells(0, 0, rng.random((4 + 6 * tiles, 4 + 6 * tiles)))
    parts = []
    for top in range(0, 6 * tiles, 6):
        for left in range(0, 6 * tiles, 6):
            values = whole.cut((top, left, top + 10, left + 10))
            parts.append(Cells(top, left, values * rng.uniform(0.2, 9) + rng.uniform(-3, 3)))
    return whole, parts


def dense(anchors: Pairs, pull: Doubles, overlaps: Pairs, bind: Doubles, count: int) -> Doubles:
    """The same problem as one long matrix, a row for every place."""
    rows, target = [], []
    which = np.repeat(anchors.first, anchors.counts)
    for tile, mine, theirs, weight in zip(which, anchors.mine, anchors.theirs, pull, strict=True):
        row = np.zeros(2 * count)
        row[2 * tile : 2 * tile + 2] = mine, 1
        rows.append(row * np.sqrt(weight))
        target.append(theirs * np.sqrt(weight))
    assert overlaps.second is not None
    ones, others = (np.repeat(side, overlaps.counts) for side in (overlaps.first, overlaps.second))
    for one, other, mine, theirs, weight in zip(
        ones, others, overlaps.mine, overlaps.theirs, bind, strict=True
    ):
        row = np.zeros(2 * count)
        row[2 * one : 2 * one + 2] = mine, 1
        row[2 * other : 2 * other + 2] = -theirs, -1
        rows.append(row * np.sqrt(weight))
        target.append(0.0)
    return np.linalg.lstsq(np.array(rows), np.array(target))[0].reshape(-1, 2)


def test_lines_equal_those_of_a_dense_least_squares_solution() -> None:
    rng = np.random.default_rng(3)
    anchors = Pairs(np.arange(4), None, np.array([9, 5, 7, 6]), rng.random(27), rng.random(27))
    first, second, counts = np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3]), np.array([3, 4, 1, 5])
    overlaps = Pairs(first, second, counts, rng.random(13), rng.random(13))
    pull, bind = rng.random(27), rng.random(13)

    lines = gather(anchors, pull, overlaps, bind).solve()

    assert np.abs(lines - dense(anchors, pull, overlaps, bind, 4)).max() < 1e-6


def test_many_lines_are_found_as_by_a_dense_solution() -> None:
    """A chain that only its ends' anchors hold: the hardest case for conjugate gradients."""
    rng, count = np.random.default_rng(4), 60
    weight = np.repeat(np.where(np.isin(np.arange(count), (0, count - 1)), 1.0, 1e-4), 5)
    anchors = Pairs(
        np.arange(count), None, np.full(count, 5), rng.normal(size=300), rng.normal(size=300)
    )
    chain = np.arange(count - 1)
    values = rng.normal(size=7 * (count - 1))
    near = values + 0.01 * rng.normal(size=values.size)
    overlaps = Pairs(chain, chain + 1, np.full(count - 1, 7), values, near)
    bind = np.ones_like(values)

    lines = gather(anchors, weight, overlaps, bind).solve()

    assert np.abs(lines - dense(anchors, weight, overlaps, bind, count)).max() < 1e-5


def test_shuffled_scales_and_shifts_are_undone() -> None:
    whole, tiles = checkered(np.random.default_rng(0))

    found = adjust(tiles, whole)

    for cells, scale, shift in zip(tiles, found.scale, found.shift, strict=True):
        assert np.abs(scale * cells.values + shift - whole.cut(cells.box)).max() < 1e-6
    assert (found.trust > 0.99).all()


def test_a_few_wild_cells_do_not_pull_a_tile_away() -> None:
    rng = np.random.default_rng(1)
    whole, tiles = checkered(rng)
    tiles[4].values[2:5, 2:5] = tiles[4].values.max()  # 9 of 100 cells

    found = adjust(tiles, whole)

    brought = found.scale[4] * tiles[4].values + found.shift[4]
    differing = np.abs(brought - whole.cut(tiles[4].box))
    assert np.median(differing) < 1e-3
    assert found.trust[4] < 0.8  # but what differs is not confirmed


def test_neighbours_decide_where_the_whole_says_nothing() -> None:
    rng = np.random.default_rng(2)
    whole, tiles = checkered(rng)
    knows = Cells(0, 0, whole.values.copy())
    knows.values[6:16, 6:16] = rng.random((10, 10))  # under the tile in the middle

    found = adjust(tiles, knows)

    brought = found.scale[4] * tiles[4].values + found.shift[4]
    assert np.abs(brought - whole.cut(tiles[4].box)).max() < 0.02


def test_a_flat_tile_gets_the_level_of_the_whole_and_no_trust() -> None:
    whole, tiles = checkered(np.random.default_rng(5))
    tiles[0] = Cells(0, 0, np.full((10, 10), 0.3))

    found = adjust(tiles, whole)

    assert found.scale[0] == 0
    assert 0 < found.shift[0] < 1
    assert found.trust[0] == 0


@pytest.mark.parametrize("noise", [1e-3, 1.0])
def test_noise_over_a_flat_wall_is_not_trusted(noise: float) -> None:
    rng = np.random.default_rng(6)
    whole = Cells(0, 0, np.full((16, 10), 0.5))
    whole.values[10:] = 1.0  # there is something elsewhere
    tiles = [Cells(0, 0, noise * rng.random((10, 10))), Cells(6, 0, rng.random((10, 10)))]

    found = adjust(tiles, whole)

    assert found.trust[0] < 0.2
    assert np.abs(found.scale[0] * tiles[0].values + found.shift[0] - 0.5).max() < 0.02


def test_a_tile_that_says_the_opposite_is_not_trusted() -> None:
    rng = np.random.default_rng(7)
    whole = Cells(0, 0, rng.random((10, 10)))

    found = adjust([Cells(0, 0, 1 - whole.values)], whole)

    assert found.scale[0] == pytest.approx(-1)
    assert found.trust[0] == 0


def test_a_whole_without_relief_makes_no_numbers_that_are_none() -> None:
    rng = np.random.default_rng(8)

    found = adjust([Cells(0, 0, rng.random((6, 6)))], Cells(0, 0, np.zeros((6, 6))))

    assert np.isfinite([found.scale, found.shift, found.trust]).all()
