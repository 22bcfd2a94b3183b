from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.training.renders.placement import Block, Region

blocks = st.builds(
    Block,
    x=st.floats(-1, 1),
    y=st.floats(-1, 1),
    length=st.floats(0.2, 2),
    width=st.floats(0.2, 2),
    heading=st.floats(-math.pi, math.pi),
    bottom=st.just(0.0),
    top=st.just(1.0),
)


def points_in(block: Block, steps: int = 12) -> list[tuple[float, float]]:
    """A lattice over a block, computed from its corners alone."""
    a, b, _, d = block.corners()
    shares = np.linspace(0.001, 0.999, steps)
    return [tuple(a + s * (b - a) + t * (d - a)) for s in shares for t in shares]


@settings(deadline=None, max_examples=60)
@given(blocks, blocks)
def test_blocks_overlap_where_they_share_a_point(one: Block, other: Block) -> None:
    shared = any(other.holds(x, y, 0.5) for x, y in points_in(one))

    if shared:
        assert one.overlaps(other)
    elif one.overlaps(other):  # the lattice is too coarse for a thin overlap
        assert one.grown(0.2).overlaps(other)
        assert any(other.grown(0.2).holds(x, y, 0.5) for x, y in points_in(one))


@settings(deadline=None)
@given(blocks, blocks)
def test_overlap_is_mutual(one: Block, other: Block) -> None:
    assert one.overlaps(other) == other.overlaps(one)


def test_what_stands_on_top_does_not_overlap() -> None:
    table = Block(0, 0, 1, 1, bottom=0, top=0.7)
    cup = Block(0, 0, 0.1, 0.1, bottom=0.7, top=0.8)

    assert not table.overlaps(cup)


def test_a_block_that_is_turned_holds_what_lies_ahead_of_it() -> None:
    block = Block(2, 3, length=4, width=1, heading=math.pi / 2, top=1)

    assert block.holds(2, 4.9, 0.5)
    assert not block.holds(3.9, 3, 0.5)
    assert not block.holds(2, 4.9, 1.5)


@pytest.mark.parametrize("seed", range(5))
def test_things_on_a_floor_stay_on_it_and_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    floor = Region(0, 0, 4, 5)

    placed = [floor.free(list(rng.uniform(0.2, 1.2, 3)), rng, gap=0.05) for _ in range(30)]

    found = [block for block in placed if block is not None]
    assert len(found) > 5
    for i, block in enumerate(found):
        corners = block.corners()
        assert corners.min() >= -1e-9
        assert (corners <= [4 + 1e-9, 5 + 1e-9]).all()
        assert not any(block.overlaps(other) for other in found[:i])


@pytest.mark.parametrize(
    ("side", "heading"), [(0, math.pi / 2), (1, math.pi), (2, -math.pi / 2), (3, 0.0)]
)
def test_what_stands_against_a_wall_has_its_back_to_it(side: int, heading: float) -> None:
    floor = Region(0, 0, 4, 5)

    block = floor.against((0.6, 1.5, 2.0), np.random.default_rng(0), sides=(side,), gap=0.02)

    assert block is not None
    assert block.heading == heading
    away = {0: block.y, 1: 4 - block.x, 2: 5 - block.y, 3: block.x}[side]
    assert away == pytest.approx(0.32)


def test_a_full_floor_takes_nothing_more() -> None:
    floor = Region(0, 0, 1, 1)
    floor.put(Block(0.5, 0.5, 1, 1, top=1))

    assert floor.free((0.3, 0.3, 0.3), np.random.default_rng(0)) is None


def test_nothing_stands_on_a_board_with_too_little_room_above() -> None:
    board = Region(0, 0, 1, 1, level=0.4, room=0.25)

    assert board.free((0.1, 0.1, 0.3), np.random.default_rng(0)) is None
    low = board.free((0.1, 0.1, 0.2), np.random.default_rng(0))
    assert low is not None
    assert (low.bottom, low.top) == (0.4, pytest.approx(0.6))


def test_an_inset_region_is_smaller_all_around() -> None:
    inner = Region(0, 0, 4, 5, level=0.7).inset(0.5)

    assert (inner.size, inner.level, inner.taken) == ((3, 4), 0.7, [])
