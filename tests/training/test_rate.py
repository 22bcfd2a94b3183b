from __future__ import annotations

from itertools import pairwise

import pytest

from marigold_cli.errors import UsageError
from marigold_cli.training.options import Pace
from marigold_cli.training.rate import learning_rate

PACE = Pace(updates=1000, rate=3e-5, warm_up=100, final_rate=0.01)


def test_it_warms_up_in_a_line() -> None:
    assert learning_rate(0, PACE) == pytest.approx(3e-7)
    assert learning_rate(49, PACE) == pytest.approx(1.5e-5)
    assert learning_rate(99, PACE) == pytest.approx(3e-5)


def test_it_decays_by_the_same_factor_every_update_to_its_share_at_the_last() -> None:
    rates = [learning_rate(update, PACE) for update in range(100, 1000)]

    assert rates[0] == pytest.approx(3e-5)
    assert rates[-1] == pytest.approx(3e-7)
    factors = [later / earlier for earlier, later in pairwise(rates)]
    assert factors == pytest.approx([0.01 ** (1 / 899)] * 899)


def test_a_training_shorter_than_its_warm_up_has_rates_too() -> None:
    short = Pace(updates=3, rate=1.0, warm_up=100)

    assert [learning_rate(update, short) for update in range(3)] == pytest.approx(
        [0.01, 0.02, 0.03]
    )


def test_a_share_of_nothing_at_the_end_is_refused_since_the_rate_would_be_0_at_once() -> None:
    with pytest.raises(UsageError, match=r"--final-rate 0 would stop .* give a share above 0"):
        Pace(final_rate=0.0)
