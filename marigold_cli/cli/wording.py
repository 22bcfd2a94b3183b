"""Numbers in words: the same on the live board, in plain lines and in the last table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from marigold_cli.cli.console import printable
from marigold_cli.files.extras import EXTRAS

if TYPE_CHECKING:
    from marigold_cli.batch.tally import Tally


def clock(seconds: float) -> str:
    """Return a length of time, for instance "0:42", "12:05" or "3:04:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rate(photos_per_s: float) -> str:
    """Return a speed with two significant digits."""
    number = f"{photos_per_s:.0f}" if photos_per_s >= 10 else f"{photos_per_s:.2g}"
    return f"{number} photos/s"


def count(number: int, noun: str) -> str:
    """Return "1 photo" or "3 photos"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def left_out(numbers: Mapping[str, int]) -> str:
    """Return "12 HEIC photos (to read them: pip install 'marigold-cli[heic]')"."""
    return ", ".join(
        f"{extra.count(numbers[extra.name])} (to read them: {extra.command})"
        for extra in EXTRAS
        if extra.name in numbers
    )


def size(number: float) -> str:
    """Return a number of bytes, for instance "12 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB"


def pace(tally: Tally) -> str:
    """Return what is done of how much, the speed and the remaining time, where they are known."""
    parts = [f"{tally.finished}/{tally.total}"]
    if tally.rate is not None:
        parts.append(rate(tally.rate))
    if tally.eta is not None and tally.finished < tally.total:
        parts.append(f"{clock(tally.eta)} left")
    return " · ".join(parts)


def counts(tally: Tally) -> str:
    """Return "11 done · 1 skipped · 0 failed"."""
    return f"{tally.done} done · {tally.skipped} skipped · {tally.failed} failed"


@dataclass(frozen=True)
class Course:
    """How photos are predicted: what is needed to read a count of steps.

    Attributes:
        steps: Denoising steps of one member.
        members: Predictions per photo.
        batch: Members that go through the network together; 0: unknown.
    """

    steps: int = 1
    members: int = 1
    batch: int = 1


def failure(name: str, message: str) -> str:
    """Return what failed and why, with the photo's name once and safe to print."""
    name, message = printable(name), printable(message)
    return message if name in message else f"{name}: {message}"


def step(tally: Tally, course: Course) -> str:
    """Return the step of the photos in hand and the member that it belongs to, once it is known."""
    if not any(tally.in_hand.values()):
        return ""
    ensemble = f" · {course.members} members" if course.members > 1 else ""
    if tally.steps == course.batch * course.steps:
        return f"step {-(-tally.step // course.batch)}/{course.steps}{ensemble}"
    if tally.steps == course.members * course.steps and course.batch == 1:
        member, done = divmod(tally.step - 1, course.steps)
        return f"step {done + 1}/{course.steps} · member {member + 1} of {course.members}"
    return f"step {tally.step}/{tally.steps}{ensemble}"


def fit(text: str, width: int) -> str:
    """Cut a path at its front to a number of terminal cells; its end says more."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) >= width:
        text = text[1:]
    return set_cell_size("…" + text, width) if width > 0 else ""
