"""Stopping in order: what may ask a run to stop, and what signals do to it.

The first INT, TERM or HUP lets the photos in flight finish within a grace time; a second one, or
the end of the grace time, ends the process at once. USR1 asks for a status line. A signal that was
already ignored when we began (nohup) stays ignored.

Signals are taken by a thread of their own, through the byte that Python's C handler writes, so
they work while the main thread is deep in a long computation.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], object] | int

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_DEBOUNCE_S = 0.020  # a parent may forward the same Ctrl-C once more
_LATE = "the time limit is reached"
_SLACK_S = 2.0  # after the grace time the main thread has so long to end in order [s]


class Dropped(BaseException):
    """The grace time is over: the photos in hand are given up."""


class Stop:
    """Whether a run shall stop, why, and how long it may take; safe to ask from any thread.

    Attributes:
        signal: The signal that asked for it.
        reason: Why, in the reader's words; None: nobody asked.
    """

    def __init__(self, grace_s: float, max_time_s: float | None = None) -> None:
        self._grace_s = grace_s
        self._limit = None if max_time_s is None else time.monotonic() + max_time_s
        self._end: float | None = None
        self.signal: int | None = None
        self.reason: str | None = None

    def ask(self, reason: str) -> None:
        """Ask for a stop; the first reason is remembered."""
        if self._end is None:
            self.reason, self._end = reason, time.monotonic() + self._grace_s

    def hurry(self, grace_s: float) -> None:
        """Leave photos in flight no more than so long from now, once a stop was asked for [s]."""
        if self._end is not None:
            self._end = min(self._end, time.monotonic() + grace_s)

    @property
    def is_asked(self) -> bool:
        """Whether no further photo may begin."""
        if self._limit is not None and time.monotonic() >= self._limit:
            self.ask(_LATE)
        return self._end is not None

    @property
    def is_late(self) -> bool:
        """Whether it was the time limit that asked."""
        return self.reason == _LATE

    @property
    def grace(self) -> float | None:
        """How long photos in flight may still take [s]; None: as long as they need."""
        if not self.is_asked or self._end is None:
            return None
        return max(0.0, self._end - time.monotonic())

    def check(self) -> None:
        """Raise `Dropped` when the grace time is over."""
        if self.grace == 0:
            raise Dropped


@contextlib.contextmanager
def tidy() -> Iterator[None]:
    """Have what is open in the block closed before TERM or HUP ends the process.

    Within `listening` they end a run in order; this is for what comes before and after.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    untouched = {number: old for number, old in before.items() if old is signal.SIG_DFL}
    for number in untouched:
        signal.signal(number, _leave)
    try:
        yield
    except _Left as left:
        die_by(left.number)
    finally:
        for number, old in untouched.items():
            signal.signal(number, old)


@contextlib.contextmanager
def listening(
    stop: Stop,
    on_stop: Callable[[], None],
    on_status: Callable[[], None],
    on_abort: Callable[[], None],
    grace_s: float = math.inf,
) -> Iterator[None]:
    """Let signals steer a run; does nothing outside of the main thread.

    Args:
        stop: Is asked on the first stopping signal.
        on_stop: Called then, in a thread of its own.
        on_status: Called on USR1, likewise.
        on_abort: Last words before the process ends at once; must be short and take no lock.
        grace_s: Photos in flight get no more after a signal: who sent it will kill [s].
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ear = _Ear(stop, on_stop, on_status, on_abort, grace_s)
    with ear.open():
        yield


class _Ear:
    """The listening thread and the pipe that signals arrive through."""

    def __init__(
        self,
        stop: Stop,
        on_stop: Callable[[], None],
        on_status: Callable[[], None],
        on_abort: Callable[[], None],
        grace_s: float,
    ) -> None:
        self._stop, self._on_abort, self._grace_s = stop, on_abort, grace_s
        self._on_stop, self._on_status = on_stop, on_status
        self._last = 0.0
        self._heralds: list[threading.Thread] = []
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Listen for the time of the block, then put everything back."""
        thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        handlers = {number: _take(number) for number in (*STOPPING, signal.SIGUSR1)}
        thread.start()
        try:
            yield
        finally:
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            os.write(self._writing, b"\0")  # no signal has this number: stop listening
            thread.join()
            for herald in self._heralds:
                herald.join(_SLACK_S)
            os.close(self._reading)
            os.close(self._writing)

    def _listen(self) -> None:
        while True:
            grace = self._stop.grace
            wait = None if self._stop.signal is None or grace is None else grace + _SLACK_S
            if not select.select([self._reading], [], [], wait)[0]:
                self._abort(self._stop.signal or signal.SIGTERM)
            for number in os.read(self._reading, 64):
                if not number:
                    return
                self._heard(number)

    def _heard(self, number: int) -> None:
        if number == signal.SIGUSR1:
            self._announce(self._on_status)
        elif number in STOPPING and self._stop.signal is None:
            self._last = time.monotonic()
            self._stop.signal = number  # also when something else had asked for a stop before
            self._stop.ask(signal.Signals(number).name)
            self._stop.hurry(self._grace_s)
            self._announce(self._on_stop)
        elif number in STOPPING and time.monotonic() - self._last >= _DEBOUNCE_S:
            self._abort(number)

    def _announce(self, tell: Callable[[], None]) -> None:
        """Tell aside: a display that hangs must not keep the next signal from being heard."""
        herald = threading.Thread(target=tell, daemon=True)
        herald.start()
        self._heralds.append(herald)

    def _abort(self, number: int) -> NoReturn:
        with contextlib.suppress(Exception):
            self._on_abort()
        os._exit(128 + number)


def die_by(number: int) -> NoReturn:
    """End this process by a signal, so that whoever waits for it sees just that.

    A shell's loop stops on Ctrl-C only if the command died of it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # process 1 of a container does not die of its own signals


class _Left(BaseException):
    """A signal ends the process from where it is; nothing that only handles errors takes it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise _Left(number)


def _take(number: signal.Signals) -> Handler | None:
    """Catch a signal unless it is ignored; returns what held before, None: left alone."""
    before = signal.getsignal(number)
    if before is signal.SIG_IGN or before is None:
        return None
    signal.signal(number, _note)
    return before


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: the byte in the pipe has said it."""
