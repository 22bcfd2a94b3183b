"""Events as newline-delimited JSON, for programs that watch a run."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from io import FileIO
from pathlib import Path
from typing import TypeAlias

from marigold_cli.batch.folder import BINDING
from marigold_cli.batch.progress import Event, FromWorker, Observer, PlanMade, RunEnded
from marigold_cli.cli.console import put
from marigold_cli.errors import MarigoldError, OutputError, UsageError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BrokenOff:
    """A run came to nothing: what `error:` says, and the exit code."""

    error: str
    exit_code: int


@dataclass(frozen=True)
class Aligned:
    """The photos of a run came to the unit of a sparse model, or what hindered it.

    Attributes:
        accepted: Number of photos in that unit.
        refused: Number of photos that do not fit it.
        exit_code: Of all, which the code in `RunEnded` was not yet.
        error: What `error:` says; None: nothing.
    """

    accepted: int
    refused: int
    exit_code: int
    error: str | None = None


Told: TypeAlias = Event | Aligned | BrokenOff


def to_line(event: Told, at: float, also: Mapping[str, object] | None = None) -> str:
    """Return an event as one line of ASCII JSON.

    Args:
        event: What happened.
        at: When [s since 1970].
        also: What else is told of it.
    """
    match event:
        case PlanMade(plan):
            facts: dict[str, object] = {
                "jobs": len(plan.jobs),
                "skipped": len(plan.skipped),
                "passed_over": len(plan.passed_over),
                "fingerprint": plan.fingerprint,
            }
        case RunEnded(summary):
            facts = json.loads(summary.to_json())
        case FromWorker(worker, told):
            return to_line(told, at, {"worker": worker})
        case _:
            facts = asdict(event)
    when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"event": type(event).__name__, "time": when, **(also or {}), **facts})


class JsonLog:
    """Writes every event as a line; a log that cannot be written ends, the run does not."""

    def __init__(self, write: Callable[[str], object] | None) -> None:
        self._write = write

    def observe(self, event: Told) -> None:
        """Write a line."""
        if self._write is None:
            return
        try:
            self._write(to_line(event, time.time()))
        except (OSError, MarigoldError) as error:
            self._write = None
            _logger.warning("--log-json ends here: %s", error)


class Several:
    """Passes every event on to several observers."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def observe(self, event: Event) -> None:
        """Tell each of them."""
        for observer in self._observers:
            observer.observe(event)


@contextlib.contextmanager
def opened(target: str | None) -> Iterator[JsonLog]:
    """Give a log in a file, on stdout for "-", or for None one that nobody reads.

    What breaks off the block is the log's last line.

    Raises:
        OutputError: the file cannot be opened.
        UsageError: it is one of those that a run keeps for itself.
    """
    with contextlib.ExitStack() as stack:
        log = JsonLog(_writer(target, stack))
        try:
            yield log
        except MarigoldError as error:
            log.observe(BrokenOff(str(error), error.exit_code))
            raise


def _writer(target: str | None, stack: contextlib.ExitStack) -> Callable[[str], object] | None:
    if target is None:
        return None
    if target == "-":
        return put
    file = stack.enter_context(_append_to(target))
    return lambda line: file.write(f"{line}\n".encode())


def _append_to(target: str) -> FileIO:
    """Open a log; unbuffered, so that nothing waits that could fail at the end."""
    path = Path(target)
    if path.name == BINDING or fnmatch(path.name, "journal*.jsonl"):
        raise UsageError(f"--log-json {target}: a run keeps its own records under such a name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)  # the output folder may not be there yet
        return path.open("ab", buffering=0)
    except OSError as error:
        raise OutputError(f"--log-json {target}: {error.strerror}") from error
