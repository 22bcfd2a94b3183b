"""What a training says while it goes on: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from marigold_cli.batch.beside import beside
from marigold_cli.cli.console import is_live, printable, say
from marigold_cli.cli.display import HEARTBEAT_S
from marigold_cli.cli.wording import clock, fit
from marigold_cli.training.progress import Advance

_WINDOW = 100  # updates that loss and speed are averaged over
_MAX_BAR = 60


class QuietDisplay:
    """Keeps quiet; the base of those that do not."""

    def stage(self, text: str) -> None:
        """Keep quiet."""

    def note(self, text: str) -> None:
        """Keep quiet."""

    def advance(self, advance: Advance) -> None:
        """Keep quiet."""

    def tell(self) -> None:
        """Keep quiet."""


class TalkingDisplay(QuietDisplay):
    """Prints notes, and knows how to say where a training stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._latest: deque[Advance] = deque(maxlen=_WINDOW)
        self._stage = "starting"

    def note(self, text: str) -> None:
        """Print a line."""
        say(printable(text), console=self._console)

    def stage(self, text: str) -> None:
        """Remember it."""
        self._stage = text

    def advance(self, advance: Advance) -> None:
        """Remember it."""
        self._latest.append(advance)

    def line(self) -> str:
        """Return where the training stands, in one line."""
        return standing(list(self._latest)) or self._stage

    def tell(self) -> None:
        """Print that line."""
        self.note(self.line())

    def end(self) -> None:
        """Print it for the last time, if there was an update."""
        if self._latest:
            self.tell()


class LiveDisplay(TalkingDisplay):
    """Draws a bar and a line at the bottom of a terminal."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, none longer than the terminal is wide."""
        width = options.max_width - 1
        if self._latest:
            last = self._latest[-1]
            yield ProgressBar(last.updates, last.update, width=min(width, _MAX_BAR))
        yield Text(fit(printable(self.line()), width), no_wrap=True, overflow="crop")


@contextmanager
def displayed(console: Console, quiet: bool) -> Iterator[QuietDisplay]:
    """Choose how to talk: not at all, live, or in plain lines, for the time of the block."""
    if quiet:
        yield QuietDisplay()
    elif is_live(console):
        live = LiveDisplay(console)
        with Live(
            live,
            console=console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=sys.stdout.isatty(),  # data in a pipe must stay there
        ):
            yield live
        live.end()
    else:
        plain = TalkingDisplay(console)
        with beating(plain):
            yield plain


@contextmanager
def beating(display: TalkingDisplay, every_s: float = HEARTBEAT_S) -> Iterator[None]:
    """Say one plain line every now and then, and at the end: for log files and pipes."""

    def beat(ended: threading.Event) -> None:
        while not ended.wait(every_s):
            display.tell()

    try:
        with beside("heartbeat", beat):
            yield
    finally:
        display.end()


def standing(latest: list[Advance]) -> str:
    """Say where a training stands: "120/25,000 · loss 0.1234 · rate 3.0e-05 · 9:59 left".

    What was found at the last sheet stands behind the loss.

    Args:
        latest: The last updates; loss and speed are their mean.
    """
    if not latest:
        return ""
    last = latest[-1]
    losses = [one.loss for one in latest if math.isfinite(one.loss)]
    loss = f"{sum(losses) / len(losses):.4f}" if losses else "not finite"
    words = [f"{last.update:,}/{last.updates:,}", f"loss {loss}"]
    if last.scores:
        words.append(last.scores)
    words.append(f"rate {last.rate:.1e}")
    seconds = last.seconds - latest[0].seconds
    if seconds > 0:
        updates_per_s = (len(latest) - 1) / seconds
        words.append(f"{updates_per_s * last.samples:.3g} pictures/s")
        words.append(f"{clock((last.updates - last.update) / updates_per_s)} left")
    return " · ".join(words)
