from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.training.renders.placement import Region
from marigold_cli.training.renders.solids import Solid, box, join
from marigold_cli.training.renders.supports import find_supports


def supports_of(solid: Solid) -> list[Region]:
    """Supports of a mesh whose faces are quadrilaterals."""
    corners = solid.vertices[np.array(solid.faces)]  # [F, 4, 3]
    across = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    areas = np.linalg.norm(across, axis=1) / 2
    extents = np.stack([corners[..., :2].min(1), corners[..., :2].max(1)], 1)
    return find_supports(corners.mean(1), across / (2 * areas[:, None]), areas, extents)


def test_the_boards_of_a_shelf_are_found_with_the_room_between_them() -> None:
    boards = [box((0, 0, z), (0.3, 0.9, z + 0.02), "wood") for z in (0.1, 0.5, 1.0)]
    sides = [box((0, y, 0), (0.3, y + 0.02, 1.02), "wood") for y in (-0.02, 0.9)]

    found = supports_of(join([*boards, *sides]))

    assert [board.level for board in found] == pytest.approx([0.12, 0.52, 1.02])
    assert found[0].size == pytest.approx((0.3, 0.9))
    assert found[0].room < 0.4
    assert found[2].room == np.inf


def test_what_looks_down_or_aside_carries_nothing() -> None:
    table = join(
        [box((0, 0, 0.7), (1, 2, 0.75), "wood"), box((0.45, 0.9, 0), (0.55, 1.1, 0.7), "wood")]
    )

    found = supports_of(table)

    assert [region.level for region in found] == pytest.approx([0.75])
    assert found[0].size == (1, 2)


def test_a_board_that_is_inside_out_carries_on_its_upper_side() -> None:
    board = box((0, 0, 0.7), (1, 2, 0.75), "wood")
    legs = box((0.4, 0.9, 0), (0.6, 1.1, 0.7), "wood")
    table = join([board, legs])
    turned = Solid(table.vertices, tuple(face[::-1] for face in table.faces), table.slots)

    found = supports_of(turned)

    assert [region.level for region in found] == pytest.approx([0.75])


def test_a_frame_with_nothing_inside_carries_nothing() -> None:
    bars = [
        box((0, 0, 0), (1, 0.05, 0.1), "wood"),
        box((0, 0.95, 0), (1, 1, 0.1), "wood"),
        box((0, 0.05, 0), (0.05, 0.95, 0.1), "wood"),
        box((0.95, 0.05, 0), (1, 0.95, 0.1), "wood"),
    ]

    assert supports_of(join(bars)) == []


def test_a_mesh_without_a_level_face_has_no_support() -> None:
    empty = np.zeros((0, 3))

    assert find_supports(empty, empty, np.zeros(0), np.zeros((0, 2, 2))) == []
