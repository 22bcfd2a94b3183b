"""Work before and behind the prediction, in threads and within bounds of memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_ahead(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    weigh: Callable[[_Result], int],
    threads: int,
    ahead: int,
    budget: int,
    guess: Callable[[_Item], float] = lambda item: 0,
) -> Generator[_Result, None, None]:
    """Like map, but results are made in threads before they are asked for.

    Args:
        function: Makes a result.
        items: What of; read as results are asked for.
        weigh: A result's memory [bytes].
        threads: So many results at most are made at a time.
        ahead: So many results at most wait to be asked for; 0: none is made before its time.
        budget: No further one is begun while those that wait or are made weigh more [bytes].
        guess: What the result of an item will weigh, while it is made [bytes].
    """
    remaining = iter(items)
    waiting: deque[tuple[_Item, Future[_Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for item in remaining:
                waiting.append((item, pool.submit(function, item)))
                while waiting and not _has_room(waiting, weigh, guess, ahead, budget):
                    yield waiting.popleft()[1].result()
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            for _, future in waiting:
                future.cancel()


def _has_room(
    waiting: deque[tuple[_Item, Future[_Result]]],
    weigh: Callable[[_Result], int],
    guess: Callable[[_Item], float],
    ahead: int,
    budget: int,
) -> bool:
    held = sum(weigh(made.result()) if made.done() else guess(item) for item, made in waiting)
    return len(waiting) <= ahead and held < budget


class WriteBehind:
    """Runs functions in threads while the caller goes on, who waits when they have too much."""

    def __init__(self, threads: int, budget: int) -> None:
        """Begin.

        Args:
            threads: So many functions run at a time, and one more waits.
            budget: The caller goes on when what is not done weighs no more [bytes].
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="write")
        self._limit, self._budget = threads + 1, budget
        self._count, self._weight = 0, 0
        self._changed = threading.Condition()

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def submit(self, function: Callable[[_Item], None], item: _Item, weight: int) -> None:
        """Run the function soon; it must not raise. The item weighs so many bytes until then."""
        with self._changed:
            self._changed.wait_for(lambda: self._count < self._limit)
        self._add(1, weight)
        self._pool.submit(function, item).add_done_callback(lambda _: self._add(-1, -weight))
        del item  # not to be held while waiting
        with self._changed:
            self._changed.wait_for(lambda: self._weight <= self._budget)

    def drain(self) -> None:
        """Return when everything submitted is done."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count)

    def _add(self, count: int, weight: int) -> None:
        with self._changed:
            self._count += count
            self._weight += weight
            self._changed.notify_all()
