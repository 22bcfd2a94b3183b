"""What `marigold run` does once its flags are read: carry out a plan, or only show it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.summary import Summary
from marigold_cli.cli import plan_view
from marigold_cli.cli.console import configure_logging, printable, put, say, stderr_console
from marigold_cli.cli.crew import ALONE, Team, follow, hire_here, leading, settle_device
from marigold_cli.cli.display import Display, make_display
from marigold_cli.cli.engine import read_rank
from marigold_cli.cli.events import Several, opened
from marigold_cli.cli.metric import look_ahead, make_metric, print_alignment, to_json
from marigold_cli.cli.wording import clock, count, left_out, rate
from marigold_cli.cli.workflow import execute, prepare
from marigold_cli.errors import ExitCode, UsageError

_SHOWN = 20  # failed photos in the last table; the journal has them all


@dataclass(frozen=True)
class Talk:
    """How much is said, and to whom."""

    quiet: bool = False
    verbosity: int = 0
    log_json: str | None = None
    json: bool = False

    def __post_init__(self) -> None:
        if self.json and self.log_json == "-":
            raise UsageError("--json and --log-json - both want standard output; give a FILE")

    def console(self) -> Console:
        """Return the console for talk, with log records on it."""
        console = stderr_console()
        configure_logging(console, -1 if self.quiet else self.verbosity)
        return console


def carry_out(asked: RunOptions, talk: Talk, colmap: Path | None = None) -> int:
    """Run, alone or as one of several workers, and return what the process should end with."""
    rank = read_rank(os.environ)
    if rank is None:
        return code_of(run(asked, talk, colmap, hire_here(asked)))
    asked = settle_device(asked, rank)
    if rank.number:
        talk.console()
        return follow(asked, rank)
    with leading(asked, rank) as team:
        return rank.soften(code_of(run(asked, talk, colmap, team)))


def code_of(summary: Summary) -> int:
    """The exit code; 128 + n for death by signal n."""
    return summary.exit_code if summary.signal is None else 128 + summary.signal


def run(asked: RunOptions, talk: Talk, colmap: Path | None = None, team: Team = ALONE) -> Summary:
    """Run, make the depth metric where a sparse model is given, and tell what came of it."""
    console = talk.console()
    display = make_display(console, talk.quiet, talk.verbosity)
    with answering(display), opened(talk.log_json) as log:
        with display:
            prepared = prepare(asked, display, team.name)
            if colmap:
                look_ahead(colmap, prepared, display)
            summary = execute(prepared, asked, display, Several(display, log), team.hire)
        if not talk.quiet:
            print_summary(console, summary, asked.out)
        alignment = None
        if colmap:
            summary, alignment = make_metric(colmap, summary, asked, console, log)
        if alignment:
            print_alignment(console, alignment, asked.out, talk.quiet)
        if summary.error:
            say(printable(summary.error), "error", "bold red", console)
        if talk.json:
            put(to_json(summary, alignment) if colmap else summary.to_json())
        return summary


@contextlib.contextmanager
def answering(display: Display) -> Iterator[None]:
    """Have USR1 answered before and after the work, too, where it would end the process."""
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL:
        yield
        return

    def answer(number: int, frame: FrameType | None) -> None:
        """Say it aside: this thread may be in the middle of a line."""
        threading.Thread(target=display.answer, daemon=True).start()

    signal.signal(signal.SIGUSR1, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def show_plan(asked: RunOptions, talk: Talk, colmap: Path | None = None) -> int:
    """Print what a run would do; write nothing."""
    if (rank := read_rank(os.environ)) and rank.number:
        return 0  # the first worker says it
    console = talk.console()
    with make_display(console, talk.quiet, talk.verbosity) as display:
        prepared = prepare(asked, display)
        if colmap:
            look_ahead(colmap, prepared, display)
        display.stage("estimating the size of the results")
        view = plan_view.make_view(prepared, asked)
    put(plan_view.to_json(view) if talk.json else plan_view.to_text(view, bool(talk.verbosity)))
    return 0


def print_summary(console: Console, summary: Summary, out: Path) -> None:
    """Print what came of a run as a small table."""
    speed = f" ({rate(summary.done / summary.seconds)})" if summary.done else ""
    rows = [
        ("done", f"{summary.done:,}"),
        ("skipped", f"{summary.skipped:,}"),
        ("failed", f"{len(summary.failed):,}"),
        *(("", f"{one.name}: {one.kind}") for one in summary.failed[:_SHOWN]),
    ]
    if len(summary.failed) > _SHOWN:
        rows.append(("", f"and {len(summary.failed) - _SHOWN:,} more; see: marigold status"))
    if summary.left_out:
        rows.append(("left out", left_out(summary.left_out)))
    rows += [("time", clock(summary.seconds) + speed), ("results", str(out))]
    if summary.stopped:
        rows.append(("stopped", _stopped(summary)))
    for key, value in rows:
        say(f"{key:<9}{printable(value)}", console=console)


def _stopped(summary: Summary) -> str:
    """Return why photos were left undone; who has given up would only do so again."""
    if summary.exit_code is ExitCode.STOPPED or summary.signal or summary.error:
        return "early; run the same line again to go on"
    untried = count(summary.remaining, "photo")
    return f"early, after {count(len(summary.failed), 'failure')}; not tried: {untried}"
