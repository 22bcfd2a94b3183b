"""The live picture of a run: three lines, or one more for each further worker, cut to fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from marigold_cli.batch.tally import Tally
from marigold_cli.cli.console import printable
from marigold_cli.cli.wording import Course, count, counts, fit, pace, step

_MIN_BAR = 12  # a shorter bar says nothing; the words beside it go first
_MAX_BAR = 60


class Board:
    """Draws a tally; what is not known yet is left out.

    Attributes:
        tally: The latest counts.
        stage: What is being done while no photo is in hand.
        course: How photos are predicted.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.stage = "starting"
        self.course = Course()
        self._spinner = Spinner("dots", style="cyan")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, none longer than the terminal is wide."""
        width = options.max_width - 3  # the spinner, and the last column: some terminals wrap there
        if not self.tally.total:
            yield _row(self._spinner, _line(fit(printable(self.stage), width)))
            return
        yield _row(self._spinner, *self._overall(width))
        for text in self._workers(width, options.max_height - 3):
            yield _row(" ", _line(text))
        yield _row(" ", _line(fit(counts(self.tally), width), "dim"))

    def _overall(self, width: int) -> tuple[RenderableType, RenderableType]:
        """Return the bar and `12/40 · 0.42 photos/s · 1:07 left`, cut to what fits."""
        full = pace(self.tally)
        words = full if width - cell_len(full) > _MIN_BAR else full.partition(" ")[0]
        room = max(1, width - cell_len(words) - 1)
        bar = ProgressBar(self.tally.total, self.tally.work, width=min(room, _MAX_BAR))
        return bar, _line(words)

    def _workers(self, width: int, height: int) -> Iterator[str]:
        """Yield a line for each of several workers, or one for the only worker."""
        if not self.tally.crew:
            yield self._in_hand(self.tally, self.course, width)
            return
        course = replace(self.course, batch=0)  # workers do not tell every step
        shown = min(len(self.tally.crew), max(1, height))
        for worker in sorted(self.tally.crew)[:shown]:
            label = f"worker {worker}: "
            yield label + self._in_hand(self.tally.crew[worker], course, width - len(label))
        if rest := len(self.tally.crew) - shown:
            yield f"and {count(rest, 'more worker')}"

    def _in_hand(self, tally: Tally, course: Course, width: int) -> str:
        """Return `day1/IMG_1.JPG + 2 more · step 23/50 · member 4 of 10`."""
        names = list(tally.in_hand)
        if not names:
            return fit("idle" if self.tally.crew else printable(self.stage), width)
        more = f" + {len(names) - 1} more" if len(names) > 1 else ""
        progress = step(tally, course)
        tail = f"{more} · {progress}" if progress else more
        return fit(fit(printable(names[0]), max(12, width - cell_len(tail))) + tail, width)


def _row(*cells: RenderableType) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_row(*cells)
    return row


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="crop")
