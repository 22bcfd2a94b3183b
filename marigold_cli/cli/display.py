"""What a run says while it works: a live picture on a terminal, plain lines elsewhere.

Every class here observes events; none of them knows how the work is done.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from marigold_cli.batch import progress
from marigold_cli.batch.progress import Event, Observer, Teller
from marigold_cli.batch.tally import Tally
from marigold_cli.cli.board import Board
from marigold_cli.cli.console import is_live, printable, say
from marigold_cli.cli.wording import Course, clock, count, counts, failure, fit, pace, step

HEARTBEAT_S = 30.0


class Display(Teller, Observer, Protocol):
    """Hears what goes on before the first event, and every event, and talks of it."""

    def answer(self) -> None:
        """Say how far things are, for one who asks."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def make_display(console: Console, quiet: bool, verbosity: int) -> Display:
    """Choose how to talk: hardly, live, or in plain lines."""
    if quiet:
        return QuietDisplay(console)
    if is_live(console):
        return LiveDisplay(console, verbosity)
    return PlainDisplay(console, verbosity)


class QuietDisplay:
    """Says only what fails; the base of the ones that say more."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def stage(self, text: str) -> None:
        """Keep quiet."""

    def note(self, text: str) -> None:
        """Keep quiet."""

    def answer(self) -> None:
        """Keep quiet."""

    def observe(self, event: Event) -> None:
        """Print a line for a failure."""
        if isinstance(event, progress.FromWorker):
            event = event.event
        if isinstance(event, progress.JobFailed):
            say(failure(event.name, event.message), "failed", "bold red", self._console)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to tidy up."""


class TalkingDisplay(QuietDisplay):
    """Prints what a user wants to know line by line, and keeps the tally."""

    def __init__(self, console: Console, verbosity: int) -> None:
        super().__init__(console)
        self._verbosity = verbosity
        self.tally = Tally()
        self.course = Course()
        self._stage = "starting"
        self._is_waiting = True  # for a model that can begin

    def stage(self, text: str) -> None:
        """Keep it for who asks."""
        self._stage = text

    def answer(self) -> None:
        """Print how far things are."""
        self.note(self.line())

    def note(self, text: str) -> None:
        """Print a line."""
        say(printable(text), console=self._console)

    def observe(self, event: Event) -> None:
        """Count, and print what deserves a line."""
        before, self.tally = self.tally, self.tally.after(event, time.monotonic())
        super().observe(event)
        match event:
            case progress.FromWorker(worker, told):
                self._tell(told, f"worker {worker}: ")
            case progress.PlanMade(plan):
                recipe = plan.settings.recipe
                self.course = Course(recipe.steps, recipe.ensemble)
                self._tell(event)
            case progress.StepDone(_, done):
                batch = done - before.step if done > before.step else done
                self.course = replace(self.course, batch=batch)
            case _:
                self._tell(event)

    def _tell(self, event: Event, who: str = "") -> None:
        """Print a line, if there is anything to say."""
        self._is_waiting &= not isinstance(event, progress.ModelLoaded | progress.RunEnded)
        match event:
            case progress.PlanMade(plan):
                before = len(plan.skipped) + plan.finished
                self.note(f"{count(len(plan.jobs), 'photo')} to do, {before} done before")
            case progress.ModelLoaded():
                self.note(who + _loaded(event, with_reason=bool(self._verbosity)))
            case progress.JobDone() if self._verbosity:
                outputs = ", ".join(event.outputs)
                self.note(f"{who}done: {event.name} in {event.seconds:.1f} s: {outputs}")
            case progress.Warned(message):
                say(printable(who + message), "warning", "yellow", self._console)
            case progress.StopAsked(reason):
                again = "; a second signal stops at once" if reason.startswith("SIG") else ""
                self.note(f"stopping: {reason}; the photos in hand may still finish{again}")
            case progress.StatusAsked():
                self.answer()

    def line(self) -> str:
        """Return how far the run is, in one line, and what is done before there is any work."""
        if not self.tally.total:
            return self._stage
        words = [pace(self.tally), counts(self.tally)]
        names = list(self.tally.in_hand)
        if self._is_waiting:
            words.insert(0, self._stage)
        if self.tally.crew:
            words.append(f"{count(len(names), 'photo')} in hand")
        elif names:
            words.append(f"{fit(printable(names[0]), 60)} {step(self.tally, self.course)}".rstrip())
        return "; ".join(words)


class LiveDisplay(TalkingDisplay):
    """Keeps a board at the bottom of a terminal; lines that stay appear above it."""

    def __init__(self, console: Console, verbosity: int) -> None:
        super().__init__(console, verbosity)
        self.board = Board()
        self._live = Live(
            self.board,
            console=console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=sys.stdout.isatty(),  # data in a pipe must stay there
        )

    def stage(self, text: str) -> None:
        """Show it on the board."""
        super().stage(text)
        self.board.stage = text

    def observe(self, event: Event) -> None:
        """Draw what has happened."""
        super().observe(event)
        self.board.tally = self.tally
        self.board.course = self.course

    def __enter__(self) -> Self:
        self._live.start()
        self._console.show_cursor()  # a run that is killed cannot bring it back
        return self

    def __exit__(self, *_: object) -> None:
        """Take the board away."""
        self._live.stop()


class PlainDisplay(TalkingDisplay):
    """One plain line every now and then, and at the end: for log files and pipes."""

    def __init__(self, console: Console, verbosity: int, every_s: float = HEARTBEAT_S) -> None:
        super().__init__(console, verbosity)
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def stage(self, text: str) -> None:
        """Keep it for the next beat; a terminal that cannot redraw must not sit silent so long."""
        super().stage(text)
        if self._console.file.isatty():
            self.note(f"{text} ...")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Say a last line."""
        self._stopped.set()
        self._thread.join()
        if self.tally.total:
            self.note(self.line())

    def _beat(self) -> None:
        while not self._stopped.wait(self._every_s):
            self.answer()


def _loaded(event: progress.ModelLoaded, with_reason: bool) -> str:
    """Return how the model runs, and on request why so."""
    why = f" ({event.reason})" if event.reason and with_reason else ""
    took = f", loaded in {clock(event.seconds)}" if event.seconds >= 1 else ""
    return f"{event.name} on {event.device} in {event.dtype}{why}{took}"
