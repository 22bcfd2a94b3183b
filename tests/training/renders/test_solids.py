from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from marigold_cli.training.renders.facades import (
    Opening,
    building,
    choose_style,
    lamp_post,
    pierced_wall,
)
from marigold_cli.training.renders.figures import person
from marigold_cli.training.renders.plants import bush, conifer, grass, hedge, tree
from marigold_cli.training.renders.solids import Solid, box, capsule, ellipsoid, join, sheet, tube
from marigold_cli.training.renders.terrain import hills, stone
from marigold_cli.training.renders.vehicles import car

Floats = NDArray[np.float64]

MAKERS: dict[str, Callable[[np.random.Generator], Solid]] = {
    "building": lambda rng: building(12, 10, 4, rng),
    "lamp post": lamp_post,
    "person": person,
    "tree": lambda rng: tree(rng, 8, 500),
    "conifer": lambda rng: conifer(rng, 8, 500),
    "bush": lambda rng: bush(rng, (1, 1, 0.7), 300),
    "hedge": lambda rng: hedge(rng, 4, 1.5, 0.6),
    "grass": lambda rng: grass(rng, 1.5, 0.1, 200),
    "hills": lambda rng: hills(rng, 8, 1500, 60),
    "stone": lambda rng: stone(rng, 0.4),
    "car": car,
}


def volume(solid: Solid) -> float:
    """What a closed mesh encloses, by the divergence theorem; positive if it looks outwards."""
    total = 0.0
    for face in solid.faces:
        corners = solid.vertices[list(face)]
        for b, c in pairwise(corners[1:]):
            total += float(np.dot(corners[0], np.cross(b, c))) / 6
    return total


def is_closed(solid: Solid) -> bool:
    """Whether every edge belongs to two faces that run along it in opposite ways."""
    edges = Counter(
        (face[i], face[(i + 1) % len(face)]) for face in solid.faces for i in range(len(face))
    )
    return all(edges[b, a] == count == 1 for (a, b), count in edges.items())


@pytest.mark.parametrize(
    ("solid", "expected"),
    [
        (box((1, 2, 3), (2, 4, 6), "s"), 6.0),
        (ellipsoid((5, 0, 0), (1, 2, 3), "s", sides=60), 4 / 3 * np.pi * 6),
        (tube(np.array([(0, 0, 0), (0, 0, 4)]), [1, 1], "s", sides=60), np.pi * 4),
        (tube(np.array([(3, 0, 0), (0, 4, 0)]), [1, 1], "s", sides=60), np.pi * 5),
        (capsule((0, 0, 0), (2, 0, 0), (0.5, 0.5), "s"), np.pi * (0.25 * 2 + 4 / 3 * 0.125)),
    ],
)
def test_solids_are_closed_and_as_large_as_they_should_be(solid: Solid, expected: float) -> None:
    assert is_closed(solid)
    assert volume(solid) == pytest.approx(expected, rel=0.13)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", range(6))
def test_every_face_has_a_slot_and_corners_that_exist(name: str, seed: int) -> None:
    solid = MAKERS[name](np.random.default_rng(seed))

    assert len(solid.slots) == len(solid.faces) > 0
    assert np.isfinite(solid.vertices).all()
    assert all(0 <= min(face) <= max(face) < len(solid.vertices) for face in solid.faces)


@pytest.mark.parametrize("seed", range(20))
def test_a_car_is_as_large_as_cars_are_and_stands_on_its_wheels(seed: int) -> None:
    low, high = car(np.random.default_rng(seed)).bounds()

    length, width, height = high - low
    assert 3.3 < length < 6.3
    assert 1.5 < width < 2.3
    assert 1.2 < height < 2.7
    assert low[2] == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("seed", range(20))
def test_a_person_is_as_tall_as_people_are(seed: int) -> None:
    low, high = person(np.random.default_rng(seed)).bounds()

    assert low[2] == pytest.approx(0)
    assert 0.9 < high[2] < 2.05
    assert (high - low)[1] < 1.2


def test_a_pierced_wall_has_its_openings_and_nothing_else_left_out() -> None:
    openings = [Opening(1, 2, 0.8, 2), Opening(3, 4, 0, 2)]

    wall = pierced_wall(5, 3, openings, 0.3)

    faces = [wall.vertices[list(face)] for face in wall.faces]
    front = [corners for corners in faces if (corners[:, 1] == 0).all()]
    area = sum(np.prod(np.ptp(corners, axis=0)[[0, 2]]) for corners in front)
    assert area == pytest.approx(5 * 3 - 1 * 1.2 - 1 * 2)


@pytest.mark.parametrize("seed", range(8))
def test_a_building_has_the_storeys_asked_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    style = choose_style(rng)

    low, high = building(12, 10, 5, rng, style).bounds()

    assert high[2] > 5 * style.storey
    assert low[2] == pytest.approx(0)


def test_hills_leave_the_road_level() -> None:
    land = hills(np.random.default_rng(0), flat=8, reach=1500, height=60)

    x, _, z = land.vertices.T
    assert np.abs(z[np.abs(x) < 8]).max() < 0.05
    assert z.max() > 20


def covered(solid: Solid, axis: int, points: Floats) -> float:
    """The share of points [P, 2] that some face hides from who looks along an axis."""
    kept = [k for k in range(3) if k != axis]
    hidden = np.zeros(len(points), bool)
    for face in solid.faces:
        corners = solid.vertices[list(face)][:, kept]
        edges = np.roll(corners, -1, axis=0) - corners
        off = points[:, None] - corners
        turns = edges[:, 0] * off[..., 1] - edges[:, 1] * off[..., 0]
        hidden |= (turns >= 0).all(1) | (turns <= 0).all(1)
    return float(hidden.mean())


def test_nothing_is_seen_through_a_hedge() -> None:
    rng = np.random.default_rng(0)

    solid = hedge(rng, 2, 0.6, 0.6)

    places = rng.uniform([-0.95, 0], [0.95, 0.57], (50, 2))
    assert covered(solid, 1, places) == 1


def test_the_leaves_of_a_hedge_lie_as_close_on_its_top_as_on_its_sides_and_nowhere_else() -> None:
    solid = hedge(np.random.default_rng(0), 4, 1.5, 0.6)

    _, y, z = np.array([solid.vertices[face[0]] for face in solid.faces]).T
    middle, low = np.abs(y) < 0.2, z < 1.3
    assert np.mean(middle & low) < 0.01
    on_top = np.count_nonzero(middle & ~low) / (4 * 0.4)
    on_sides = np.count_nonzero((z > 0.5) & (z < 1.0)) / (2 * 4 * 0.5)
    assert on_top == pytest.approx(on_sides, rel=0.15)  # leaves a square metre


def test_moves_and_turns_do_what_they_say() -> None:
    one = sheet([(1, 0, 0), (2, 0, 0), (2, 1, 0)], "s")

    turned = one.turned(np.pi / 2).moved(0, 0, 5)

    assert turned.vertices[0] == pytest.approx([0, 1, 5])
    assert join([one, turned]).faces == ((0, 1, 2), (3, 4, 5))
