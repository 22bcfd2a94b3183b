from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from marigold_cli.training.renders.views import Rules, fault_of, look

RULES = Rules(nearest=0.25, median=0.5, spread=1.6, one=0.7, sky=0.6, objects=4)
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def corridor() -> tuple[Floats, Ints]:
    """A view that is worth a picture: depth from 1 to 8 m, eight objects side by side."""
    depth = np.tile(np.linspace(1, 8, 16, dtype=np.float32), (12, 1))
    seen = np.tile(np.repeat(np.arange(1, 9), 2), (12, 1))
    return depth, seen


def test_a_view_along_a_room_is_worth_a_picture() -> None:
    assert fault_of(*corridor(), RULES) is None


def test_a_view_full_of_sky_is_not() -> None:
    depth, seen = corridor()
    depth[:8], seen[:8] = np.inf, 0

    assert fault_of(depth, seen, RULES) == "sky"


def test_nothing_but_sky_is_a_fault_too() -> None:
    depth = np.full((12, 16), np.inf, np.float32)

    assert fault_of(depth, np.zeros((12, 16), np.int64), RULES) == "sky"


def test_a_thing_before_the_lens_is_a_fault() -> None:
    depth, seen = corridor()
    depth[:, :2] = 0.05

    assert fault_of(depth, seen, RULES) == "near"


def test_a_view_into_a_wall_is_a_fault() -> None:
    depth, seen = corridor()

    assert fault_of(depth * 0 + 0.4, seen, RULES) == "wall"


def test_a_view_at_one_depth_is_a_fault() -> None:
    depth, seen = corridor()

    assert fault_of(depth * 0.05 + 3, seen, RULES) == "flat"


def test_a_view_filled_by_one_object_is_a_fault() -> None:
    depth, seen = corridor()
    seen[:10] = 1

    assert fault_of(depth, seen, RULES) == "one-object"


def test_a_view_of_few_objects_is_a_fault() -> None:
    depth, seen = corridor()

    assert fault_of(depth, (seen + 3) // 4, RULES) == "empty"


def test_sky_does_not_count_as_an_object() -> None:
    depth, seen = corridor()
    depth[:5], seen[:5] = np.inf, 0

    assert fault_of(depth, seen, RULES) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_view_has_its_target_in_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place, target = rng.uniform(0, 4, 3), rng.uniform(4, 8, 3) * [1, 1, 0.3]

    view = look(tuple(place), tuple(target), rng)

    away = target - place
    turned = (view.heading - math.atan2(away[1], away[0]) + math.pi) % (2 * math.pi) - math.pi
    assert abs(turned) < view.field_of_view / 2
    assert math.radians(30) <= view.field_of_view <= math.radians(95)
