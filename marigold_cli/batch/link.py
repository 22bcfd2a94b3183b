"""A worker's link to the head of its run, through the store that both of them see.

Without its head a worker has no right to go on: when the store is gone, it ends at once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator

from marigold_cli.batch.beside import beside
from marigold_cli.batch.claims import Store
from marigold_cli.batch.progress import StepDone
from marigold_cli.batch.signals import Stop
from marigold_cli.batch.wire import OVER, TALK, Alive, Arrived, Orders, Word, from_text, to_text
from marigold_cli.errors import ExitCode

_POLL_S = 0.25
_ALIVE_S = 20.0
_STEP_S = 0.25  # steps are told no more often


class Link:
    """Between a worker and the head of its run."""

    def __init__(self, store: Store, worker: int) -> None:
        self._store, self._worker = store, worker
        self._run = ""  # until there are orders
        self._last_words: Callable[[], object] = lambda: None
        self._stop: Stop | None = None
        self._told_step = 0.0

    def say(self, word: Word) -> None:
        """Tell the head something."""
        if isinstance(word, StepDone):
            if time.monotonic() < self._told_step + _STEP_S:
                return
            self._told_step = time.monotonic()
        try:
            self._store.queue_push(TALK, f"{self._worker} {self._run} {to_text(word)}")
        except RuntimeError:
            self._be_lost()

    def arrive(self, device: str, units: int) -> Orders | None:
        """Say that one is ready, and wait for orders; None: there is nothing to do.

        Args:
            device: What it computes with.
            units: Members of photos that go through its network together.
        """
        token = secrets.token_hex(8)
        self.say(Arrived(token, self._worker, device, units))
        while not self._store.check([f"orders/{token}"]):
            if self._store.check([OVER]):
                return None
            time.sleep(_POLL_S)
        orders: Orders = from_text(self._store.get(f"orders/{token}"))
        self._run = orders.run
        return orders

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Tell the head, in a thread, that this worker is alive, and end when the head is gone."""
        with beside("link", self._watch):
            yield

    @contextlib.contextmanager
    def heeding(self, stop: Stop, last_words: Callable[[], object]) -> Iterator[None]:
        """In the block, pass on the head's stop; if the head is gone, say last words and end."""
        self._stop, self._last_words = stop, last_words
        try:
            yield
        finally:
            self._stop, self._last_words = None, lambda: None

    def _watch(self, over: threading.Event) -> None:
        spoken = time.monotonic()
        while not over.wait(_POLL_S):
            try:
                if self._store.check([f"{self._run}/stop"]) and self._stop:
                    self._stop.ask(self._store.get(f"{self._run}/stop").decode())
            except RuntimeError:
                self._be_lost()
            if time.monotonic() > spoken + _ALIVE_S:
                spoken = time.monotonic()
                self.say(Alive())

    def _be_lost(self) -> None:
        with contextlib.suppress(Exception):
            self._last_words()
        os._exit(ExitCode.STOPPED)
