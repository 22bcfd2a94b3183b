"""Limits of processor time that hold on a busy machine too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLongError(BaseException):
    """Something used more processor time than it was given; no `except Exception` may eat it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let what follows take so much processor time; limits nest, the tighter one holds.

    Raises:
        TookTooLongError: From within, where Python runs next.
    """
    handler = signal.signal(signal.SIGPROF, _stop)
    outer, _ = signal.setitimer(signal.ITIMER_PROF, seconds)
    if 0 < outer < seconds:
        signal.setitimer(signal.ITIMER_PROF, outer)
        seconds = outer
    try:
        yield
    finally:
        left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        if outer:
            signal.setitimer(signal.ITIMER_PROF, max(outer - (seconds - left), 1e-3))


def _stop(number: int, frame: FrameType | None) -> None:
    raise TookTooLongError
