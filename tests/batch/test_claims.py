from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marigold_cli.batch.claims import Claims, InOrder, Shared, cost, publish
from marigold_cli.batch.folder import occupied
from marigold_cli.batch.journal import Journal, journal_of
from marigold_cli.batch.options import Policy
from marigold_cli.batch.outcome import Outcome
from marigold_cli.batch.pipeline import Pipeline
from marigold_cli.batch.plan import Job, outputs_for
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.signals import Stop
from marigold_cli.files.discover import ImageRef

NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: not {0, 47} & {*name})


@pytest.fixture
def store():
    from torch.distributed import HashStore

    return HashStore()


def job(studio, name: str, size: int = 1, alone: bool = False) -> Job:
    ref = ImageRef(Path("/photos") / name, name)
    return Job(ref, outputs_for(ref, studio.settings()), "new", 2, alone, size, 5)


def drain(claims: Claims) -> list[Job]:
    return list(iter(claims.take, None))


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(NAMES.map(os.fsdecode), unique=True, max_size=8))
def test_photos_come_out_of_the_store_as_they_went_in(studio, store, names):
    jobs, run = [job(studio, name) for name in names], os.urandom(4).hex()

    count = publish(store, run, jobs)

    assert drain(Shared(store, run, studio.settings(), count, 2)) == jobs


def test_each_photo_is_taken_once_the_longest_first_and_the_dangerous_ones_last(studio, store):
    sizes = [(37 * number) % 101 for number in range(300)]
    jobs = [job(studio, f"{n}.png", size, alone=n % 50 == 7) for n, size in enumerate(sizes)]
    count = publish(store, "run", jobs)
    claimers = [Shared(store, "run", studio.settings(), count, 4) for _ in range(4)]
    taken: list[list[Job]] = [[] for _ in claimers]

    threads = [
        threading.Thread(target=lambda n=n: taken[n].extend(drain(claimers[n]))) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    everything = [one for part in taken for one in part]
    assert sorted(everything, key=lambda one: one.ref.name) == sorted(
        jobs, key=lambda one: one.ref.name
    )
    for part in taken:
        assert part == sorted(part, key=lambda one: (one.alone, -cost(one)))


def test_a_worker_with_much_in_hand_leaves_the_rest_to_others(studio, store):
    jobs = [job(studio, name, size) for name, size in (("a", 100), ("b", 60), ("c", 30))]
    claims = Shared(store, "run", studio.settings(), publish(store, "run", jobs), workers=2)

    claims.take()

    assert not claims.may_hold(100)
    assert claims.may_hold(-45)  # 15 in all, and there are 30 after b for two


def test_of_many_alike_one_may_hold_some(studio, store):
    jobs = [job(studio, f"{n}", 10) for n in range(20)]
    claims = Shared(store, "run", studio.settings(), publish(store, "run", jobs), workers=2)

    claims.take()

    assert claims.may_hold(10)
    assert not claims.may_hold(90)


class VirtualClock:
    """Time that goes on only when everybody who takes part sleeps or has left."""

    def __init__(self, parties: int) -> None:
        self._awake, self._wakes = parties, {}
        self._turn = threading.Condition()
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        with self._turn:
            me, until = object(), self.now + seconds
            self._wakes[me] = until
            self._rest()
            self._turn.wait_for(lambda: me not in self._wakes)

    def leave(self) -> float:
        with self._turn:
            self._rest()
            return self.now

    def _rest(self) -> None:
        self._awake -= 1
        if not self._awake and self._wakes:
            self.now = min(self._wakes.values())
            due = [one for one, until in self._wakes.items() if until <= self.now]
            for one in due:
                del self._wakes[one]
            self._awake = len(due)
            self._turn.notify_all()


def makespan(studio, luminance, parts: Callable[[int], Claims], workers: int) -> float:
    """Time that pipelines need whose predictor takes a second for each 100 pixels of a photo."""
    clock, plan = VirtualClock(workers), studio.plan()
    ends, stop = [0.0] * workers, Stop(25)
    root = studio.out

    def work(number: int) -> None:
        def compute(photos) -> None:
            clock.sleep(sum(photo.pixels[..., 0].size / 100 for photo in photos))

        outcome = Outcome(plan, Policy(), stop)
        with (
            occupied(root, False, "us") as place,
            Journal(journal_of(root, "", number), False) as journal,
        ):
            shift = Shift(plan, Policy(fsync=False), place, stop, outcome, lambda event: None)
            predictor = luminance(photos_per_call=1, before=compute)
            Pipeline(shift, predictor, parts(number), journal).run()
        ends[number] = clock.leave()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    # Who comes first sweeps up behind a process of its own number: here that is all of them.
    with occupied(root, False, "us"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(studio.standing()) == len(plan.jobs)
    return max(ends)


COSTS = [int(2500 * 0.72**n) + 8 for n in range(24)]  # pixels; the first is a third of all


@pytest.mark.parametrize("workers", [2, 3])
def test_very_uneven_photos_are_shared_so_that_all_end_together(studio, store, luminance, workers):
    costs = COSTS if workers == 2 else sorted(COSTS[1:] + COSTS[1:2], reverse=True)
    for number, pixels in enumerate(costs):
        studio.shoot(f"{number:02}.png", number, size=(1, pixels))
    jobs, settings = studio.plan().jobs, studio.settings()
    count = publish(store, "run", jobs)
    part = -(-len(jobs) // workers)

    shared = makespan(
        studio, luminance, lambda _: Shared(store, "run", settings, count, workers), workers
    )
    other = replace(studio, root=studio.root / "static")
    other.root.mkdir()
    (other.root / "photos").symlink_to(studio.photos)
    static = makespan(other, luminance, lambda n: InOrder(jobs[n * part : (n + 1) * part]), workers)

    ideal = max(sum(costs) / workers, max(costs)) / 100
    assert shared <= 1.1 * ideal
    # Two workers can never need more than twice the ideal time; three can.
    assert static > (1.85 if workers == 2 else 2) * shared
