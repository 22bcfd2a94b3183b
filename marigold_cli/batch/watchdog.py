"""Ends a process in which nothing happens any more, so that it can be started again.

A network that never comes back (a driver, a deadlock) cannot be interrupted from within. That the
process dies of it is in the journal as any crash is: of several workers all begin again, the photo
is taken alone, and set aside when it hangs twice.
"""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

from marigold_cli.batch.beside import beside
from marigold_cli.batch.progress import Event, JobStarted, Warned
from marigold_cli.batch.shift import Shift

_TICK_S = 1.0
_FAREWELL_S = 2.0  # a display that hangs as well is waited for no longer [s]


@contextlib.contextmanager
def watched(shift: Shift) -> Iterator[Shift]:
    """Give a shift each of whose events is a sign of life; end the process when there is none.

    Time is counted in ticks, so that a process that was halted and goes on is not at once too late.
    """
    limit = shift.policy.hang_limit_s
    if not limit:
        yield shift
        return
    tick, silence, photo = min(_TICK_S, limit / 4), 0.0, ""

    def tell(event: Event) -> None:
        nonlocal silence, photo
        silence = 0.0
        if isinstance(event, JobStarted):
            photo = event.name
        shift.tell(event)

    def watch(over: threading.Event) -> None:
        nonlocal silence
        while not over.wait(tick):
            silence += tick
            if silence >= limit:
                _end(shift, f"{photo or 'the first photo'}: not one step in {limit:g} s")

    with beside("watchdog", watch):
        yield replace(shift, tell=tell)


def _end(shift: Shift, what: str) -> NoReturn:
    """Say why, leave no files, and die as of a crash."""
    words = Warned(f"{what}; the process is ended (--hang-limit)")
    herald = threading.Thread(target=shift.tell, args=(words,), daemon=True)
    herald.start()
    herald.join(_FAREWELL_S)
    shift.place.remove_unfinished()
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))  # of gigabytes that nobody would read
    os.abort()
