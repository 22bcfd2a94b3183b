from __future__ import annotations

import time
from contextlib import suppress

import pytest

from marigold_cli.training.renders.limits import TookTooLongError, at_most


def work(seconds: float) -> None:
    """Use so much processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(TookTooLongError), at_most(0.1):
        work(5)


def test_waiting_does_not_count() -> None:
    with at_most(0.2):
        time.sleep(0.4)


def test_the_outer_limit_holds_within_a_longer_inner_one() -> None:
    with pytest.raises(TookTooLongError), at_most(0.1), at_most(10):
        work(5)


def work_within_a_looser_limit() -> None:
    with at_most(10):
        work(0.2)
    work(5)


def test_the_outer_limit_goes_on_after_an_inner_one() -> None:
    with pytest.raises(TookTooLongError), at_most(0.3):
        work_within_a_looser_limit()


def test_no_clause_for_exceptions_takes_a_limit_for_one() -> None:
    with pytest.raises(TookTooLongError), at_most(0.1), suppress(Exception):
        work(5)


def test_nothing_is_stopped_afterwards() -> None:
    with at_most(0.1):
        pass

    work(0.2)
