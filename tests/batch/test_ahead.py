from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future

import pytest

from marigold_cli.batch.ahead import WriteBehind, _has_room, map_ahead


class Counter:
    """Squares numbers and remembers which ones were asked of it."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.lock = threading.Lock()

    def __call__(self, number: int) -> int:
        with self.lock:
            self.begun.append(number)
        return number * number


@pytest.mark.parametrize("ahead", [0, 1, 5, 100])
def test_results_come_in_the_order_of_the_items(ahead):
    squares = map_ahead(Counter(), range(30), lambda result: 0, 4, ahead, budget=1)

    assert list(squares) == [number * number for number in range(30)]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_no_more_is_made_ahead_than_allowed(ahead):
    counter = Counter()
    squares = map_ahead(counter, range(30), lambda result: 0, 2, ahead, budget=1)

    for taken, _ in enumerate(squares, start=1):
        assert len(counter.begun) <= taken + ahead


@pytest.mark.parametrize(
    ("made", "making", "has_room"),
    [
        ([], [0], True), ([40], [0], True), ([40, 40], [0], False), ([40], [9], True),
        ([40], [10], False), ([], [25], True), ([], [25, 25], False),
    ],
)  # fmt: skip
def test_nothing_is_begun_while_what_waits_or_is_made_is_heavy(made, making, has_room):
    waiting: deque[tuple[int, Future[int]]] = deque()
    for weight in made:
        waiting.append((1000, Future()))
        waiting[-1][1].set_result(weight)
    waiting.extend((guessed, Future()) for guessed in making)

    assert _has_room(waiting, weigh=int, guess=float, ahead=5, budget=50) == has_room


def test_leaving_early_makes_nothing_more():
    counter = Counter()
    squares = map_ahead(counter, range(1000), lambda result: 0, 2, ahead=3, budget=1)

    next(squares)
    squares.close()

    assert len(counter.begun) <= 4


def test_an_error_reaches_the_one_who_asks():
    def broken(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        next(map_ahead(broken, range(9), lambda result: 0, 2, ahead=3, budget=1))


def test_a_full_queue_makes_the_caller_wait_and_settling_waits_for_all():
    gate, written = threading.Event(), []

    def write(number: int) -> None:
        gate.wait()
        written.append(number)

    with WriteBehind(threads=2, budget=100) as writers:
        for number in range(3):
            writers.submit(write, number, 0)
        late = threading.Thread(target=lambda: writers.submit(write, 3, 0))
        late.start()
        is_waiting = late.is_alive() and not written
        gate.set()
        late.join()
        writers.drain()
        drained = sorted(written)

    assert is_waiting
    assert drained == [0, 1, 2, 3]


@pytest.mark.parametrize(("weight", "waits"), [(100, False), (101, True)])
def test_what_is_too_heavy_makes_the_caller_wait_until_it_is_done(weight, waits):
    gate, begun = threading.Event(), threading.Event()

    def write(number: int) -> None:
        begun.set()
        gate.wait()

    with WriteBehind(threads=2, budget=100) as writers:
        caller = threading.Thread(target=lambda: writers.submit(write, 0, weight))
        caller.start()
        begun.wait()
        caller.join(0.2 if waits else None)
        is_waiting = caller.is_alive()
        gate.set()
        caller.join()

    assert is_waiting == waits
