"""One go at a plan: what those share who do its jobs, and the records at its two ends."""

from __future__ import annotations

import contextlib
import math
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from marigold_cli.batch.fields import Json
from marigold_cli.batch.folder import Workplace, bind
from marigold_cli.batch.journal import Journal, journal_of
from marigold_cli.batch.options import Policy
from marigold_cli.batch.outcome import Outcome
from marigold_cli.batch.parts import clear
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.progress import Event, StatusAsked, StopAsked
from marigold_cli.batch.runs import End, Run
from marigold_cli.batch.signals import Stop, listening
from marigold_cli.batch.versions import changes, versions
from marigold_cli.errors import ExitCode, MarigoldError


@dataclass(frozen=True)
class Shift:
    """One go at a plan.

    Attributes:
        plan: What is to be done.
        policy: How.
        place: Where the results go.
        stop: Whether to go on.
        outcome: What came of it so far.
        tell: Hears every event.
        find_at_work: Tells which workers have not come to an end; when the run has, they are lost.
        hurry_s: Photos in flight get no more after a signal: who sent it will kill [s].
    """

    plan: Plan
    policy: Policy
    place: Workplace
    stop: Stop
    outcome: Outcome
    tell: Callable[[Event], None]
    find_at_work: Callable[[], tuple[int, ...]] = lambda: ()
    hurry_s: float = math.inf

    @contextlib.contextmanager
    def recorded(self, device: str) -> Iterator[Journal]:
        """Bind the folder and write what must be durable before the first output is replaced.

        In the block signals are heard; what goes wrong in it ends the run in order. After it the
        journal has the end of the run.

        Args:
            device: What it is computed with, for the record.

        Raises:
            SettingsMismatchError: another run bound the folder to other settings meanwhile.
        """
        path = journal_of(self.place.root, self.plan.shard)
        with Journal(path, self.place.fsync, self.plan.past.latest) as journal:
            self._begin(journal, device)
            with listening(
                self.stop,
                on_stop=lambda: self.tell(StopAsked(str(self.stop.reason))),
                on_status=lambda: self.tell(StatusAsked()),
                on_abort=lambda: self.bid_farewell(journal),
                grace_s=self.hurry_s,
            ):
                try:
                    yield journal
                except MarigoldError as error:
                    self.outcome.break_off(error)
                if self.outcome.is_short and self.stop.is_asked and self.stop.signal is None:
                    self.tell(StopAsked(str(self.stop.reason)))
            self._end(journal)

    def bid_farewell(self, journal: Journal) -> None:
        """Write the end into a journal and leave no files: the process ends at once."""
        journal.leave(End(int(ExitCode.STOPPED), signal=self.stop.signal, lost=self.find_at_work()))
        self.place.remove_unfinished()

    def _begin(self, journal: Journal, device: str) -> None:
        plan = self.plan
        about: dict[str, Json] = {
            "host": platform.node(),
            "python": platform.python_version(),
            "device": device,
            "command": " ".join(sys.argv),
        }
        run = Run(
            fp=plan.fingerprint,
            jobs=len(plan.jobs),
            versions=versions(),
            settings=plan.settings.to_dict(),
            about=about,
            shard=plan.shard,
            id=plan.run_id,
            total=plan.total,
            aside=plan.aside,
            overwrite=self.policy.overwrite,
        )
        mark = journal.note(run)
        for record in plan.records:
            mark = journal.note(record)
        journal.settle(mark)
        if (self.policy.overwrite and not plan.goes_on) or changes(plan.past.versions):
            clear(self.place.root, plan.shard)
        bind(self.place, plan.settings, self.policy.overwrite)

    def _end(self, journal: Journal) -> None:
        outcome, plan = self.outcome, self.plan
        end = End(
            code=int(outcome.exit_code),
            done=outcome.done,
            skipped=len(plan.skipped),
            failed=len(outcome.failures),
            signal=self.stop.signal,
            unread=plan.unread,
            lost=self.find_at_work(),
        )
        with contextlib.suppress(MarigoldError):  # a full disk has no room for this line either
            journal.append(end)
        if not outcome.is_short:
            clear(self.place.root, plan.shard)


class Crew(Protocol):
    """Those who do the jobs of a run: this process alone, or several."""

    def work(self, shift: Shift) -> None:
        """Do the jobs, inside of `Shift.recorded`.

        Raises:
            MarigoldError: nothing could be begun; no trace of it is left.
            DeadWorkerError: one of several died; what they have recorded is safe.
        """


class DeadWorkerError(Exception):
    """A worker was killed or crashed; the message says which one and of what."""
