from __future__ import annotations

import pytest

from marigold_cli.batch.progress import (
    JobDone,
    JobFailed,
    JobStarted,
    ModelLoaded,
    PlanMade,
    StatusAsked,
    StepDone,
    Tally,
    Warned,
)


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


def test_the_rate_follows_the_recent_past(plan):
    events = [(StepDone((f"{n}.png",), 1, 1), 100.0 + n) for n in range(200)]

    tally = told((plan, 0), (LOADED, 0), *events)

    assert tally.rate == pytest.approx(1.0)
