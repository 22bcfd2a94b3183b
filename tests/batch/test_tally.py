from __future__ import annotations

import pytest

from marigold_cli.batch.progress import (
    JobDone,
    JobFailed,
    JobStarted,
    ModelLoaded,
    PartDone,
    PlanMade,
    StatusAsked,
    StepDone,
    Warned,
)
from marigold_cli.batch.tally import Tally


def told(*events: tuple[object, float]) -> Tally:
    tally = Tally()
    for event, now in events:
        tally = tally.after(event, now)
    return tally


@pytest.fixture
def plan(studio):
    studio.shoot("0.png")
    studio.run()
    for seed in range(1, 5):
        studio.shoot(f"{seed}.png", seed)
    return PlanMade(studio.plan())


LOADED = ModelLoaded("tiny", "cpu", "float32")


def test_a_tally_counts(plan):
    tally = told(
        (plan, 0),
        (LOADED, 10),
        (JobStarted("1.png"), 10),
        (JobDone("1.png", 1.0, ()), 12),
        (JobFailed("2.png", "format", ""), 14),
        (Warned("careful"), 14),
        (StatusAsked(), 14),
    )

    assert (tally.total, tally.skipped) == (4, 1)
    assert (tally.done, tally.failed, tally.finished) == (1, 1, 2)
    assert tally.in_hand == {}


def test_the_rate_knows_nothing_before_the_first_step(plan):
    tally = told((plan, 0), (LOADED, 10), (JobStarted("1.png"), 10))

    assert (tally.rate, tally.eta) == (None, None)


def test_steps_count_towards_the_rate_from_when_the_model_is_loaded(plan):
    tally = told((plan, 0), (LOADED, 10), (StepDone(("1.png", "2.png"), 5, 10), 20))

    assert tally.rate == pytest.approx(2 * 0.5 / 10)
    assert tally.eta == pytest.approx(3 / 0.1)
    assert (tally.step, tally.steps) == (5, 10)


def test_a_photo_that_is_predicted_but_not_yet_written_is_not_counted_twice(plan):
    tally = told(
        (plan, 0),
        (LOADED, 0),
        (StepDone(("1.png",), 10, 10), 10),
        (StepDone(("2.png",), 5, 10), 15),
        (JobDone("1.png", 1.0, ()), 20),
    )

    assert tally.work == pytest.approx(1.5)
    assert tally.in_hand == {"2.png": 0.5}


def test_members_that_several_workers_make_of_a_photo_are_added_up(plan):
    first, second, last = (0, 2, 5), (2, 4, 5), (4, 5, 5)
    events = [
        (plan, 0),
        (LOADED, 0),
        (JobStarted("1.png", first), 0),
        (JobStarted("1.png", second), 0),
        (StepDone(("1.png",), 5, 10, first), 5),
        (StepDone(("1.png",), 10, 10, second), 10),
        (PartDone("1.png", second), 10),
        (JobStarted("1.png", last), 10),
    ]

    half, whole = told(*events), told(*events, (JobDone("1.png", 1.0, ()), 20))
    failed = told(
        *events, (JobFailed("1.png", "memory", ""), 20), (PartDone("1.png", last, False), 21)
    )

    assert half.work == pytest.approx(0.5 * 0.4 + 0.4)
    assert list(half.in_hand) == ["1.png: members 1 to 2", "1.png: members 5 to 5"]
    assert (whole.finished, whole.parts) == (1, {})
    assert (failed.failed, failed.parts) == (1, {})
    assert "1.png: members 5 to 5" not in failed.in_hand


def test_the_rate_follows_the_recent_past(plan):
    events = [(StepDone((f"{n}.png",), 1, 1), 100.0 + n) for n in range(200)]

    tally = told((plan, 0), (LOADED, 0), *events)

    assert tally.rate == pytest.approx(1.0)
