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
) -> Generator[_Result, None, None]:
    """Like map, but results are made in threads before they are asked for.

    Args:
        function: Makes a result.
        items: What of; read as results are asked for.
        weigh: A result's memory [bytes].
        threads: So many results at most are made at a time.
        ahead: So many results at most wait to be asked for; 0: none is made before its time.
        budget: No further one is begun while those that wait weigh more [bytes].
    """
    remaining = iter(items)
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for item in remaining:
                waiting.append(pool.submit(function, item))
                while waiting and not _has_room(waiting, weigh, ahead, budget):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _has_room(
    waiting: deque[Future[_Result]], weigh: Callable[[_Result], int], ahead: int, budget: int
) -> bool:
    held = sum(weigh(future.result()) for future in waiting if future.done())
    return len(waiting) <= ahead and held < budget


class WriteBehind:
    """Runs functions in threads while the caller goes on; a full queue makes the caller wait."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="write")
        self._limit = threads + 1
        self._room = threading.Semaphore(self._limit)

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def submit(self, function: Callable[[_Item], None], item: _Item) -> None:
        """Run the function soon; it must not raise."""
        self._room.acquire()
        self._pool.submit(function, item).add_done_callback(lambda _: self._room.release())

    def drain(self) -> None:
        """Return when everything submitted is done; for the submitting thread alone."""
        for _ in range(self._limit):
            self._room.acquire()
        for _ in range(self._limit):
            self._room.release()
