"""Keeps a composing process going: a fresh one every so many scenes, none too large or stuck.

Knows nothing of Blender. A seed during which its process dies, grows too large or stands still is
skipped by name, and the next process goes on behind it.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.errors import ExitCode, MarigoldError, OutputError, OutputInUseError
from marigold_cli.files.disk import output_errors
from marigold_cli.training.renders.pictures import PictureFolder

_LOG = logging.getLogger(__name__)

_LOOK = 1.0  # between two looks at the process [s]
_START = 300.0  # for a process to come to its first seed [s]


class ComposerError(MarigoldError):
    """The composing process does not even start."""


@dataclass(frozen=True)
class Limits:
    """What one process may use.

    Attributes:
        scenes: So many, then a fresh process, since Blender does not give all memory back.
        memory: Resident [bytes].
        patience: Without a new seed [s].
    """

    scenes: int = 40
    memory: int = 4 * 2**30
    patience: float = 3600.0


def unfinished(folder: PictureFolder, first: int, count: int | None) -> Iterator[int]:
    """The seeds from the first on that need work, as the folder stands now."""
    finished = folder.finished()
    seeds = itertools.count(first) if count is None else iter(range(first, first + count))
    return (seed for seed in seeds if seed not in finished)


def keep_composing(
    command: Sequence[str],
    folder: PictureFolder,
    stop: Path,
    first: int = 0,
    count: int | None = None,
    limits: Limits = Limits(),
) -> None:
    """Run processes until all seeds are done or the stop file appears.

    Args:
        command: Composes the seeds appended to it; see `note_seed`.
        folder: Where the pictures go.
        stop: A file whose appearance ends the work.
        first: Seed.
        count: Of seeds; None for no end.
        limits: Of one process.

    Raises:
        ComposerError: A process ended before its first seed.
        OutputError: The folder takes no more files; no seed is skipped for it.
        OutputInUseError: Another one keeps composing into this folder, or what a killed one left.
    """
    with _alone(folder) as lock:
        while not stop.exists():
            seeds = list(itertools.islice(unfinished(folder, first, count), limits.scenes))
            if not seeds:
                return
            _compose([*command, *map(str, seeds)], folder, limits, lock)


def _compose(command: Sequence[str], folder: PictureFolder, limits: Limits, lock: int) -> None:
    """One process, which holds the lock too: it may outlive a keeper that is killed."""
    note = _note(folder)
    note.unlink(missing_ok=True)
    process = subprocess.Popen(command, pass_fds=[lock])
    try:
        fault = _watch(process, note, limits)
    finally:
        process.kill()
        process.wait()
    if process.returncode == ExitCode.OUTPUT:
        raise OutputError(
            f"{folder.root}: takes no more files; free some space, then run the same line again"
        )
    if not note.exists():
        raise ComposerError(f"{command[0]}: ended with {process.returncode} before any scene")
    seed = int(note.read_text(encoding="ascii"))
    if fault and seed not in folder.finished():
        _LOG.warning("seed %d: %s", seed, fault)
        folder.skip(seed, fault)


def note_seed(folder: PictureFolder, seed: int) -> None:
    """Say which seed is being composed, for the keeper to know if the process dies.

    Raises:
        OutputError: The folder takes no more files.
    """
    note = _note(folder)
    with output_errors(note):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(seed), encoding="ascii")


def resident(process: int | str = "self") -> int:
    """The memory that a process holds [bytes]; 0 once it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


@contextmanager
def _alone(folder: PictureFolder) -> Iterator[int]:
    """Hold the folder's lock; the system gives it back once no process has this file open."""
    path = folder.root / ".partial" / "lock"
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputInUseError(
                f"{folder.root}: another process is filling it; wait for its end"
            ) from error
        yield lock.fileno()


def _note(folder: PictureFolder) -> Path:
    return folder.root / ".partial" / "seed"


def _watch(process: subprocess.Popen[bytes], note: Path, limits: Limits) -> str | None:
    """Wait for the end of a process; why it was not a good one, or None."""
    last, since = "", time.monotonic()
    while process.poll() is None:
        time.sleep(_LOOK)
        seed = note.read_text(encoding="ascii") if note.exists() else ""
        if seed != last:
            last, since = seed, time.monotonic()
        if resident(process.pid) > limits.memory:
            return "memory"
        if time.monotonic() - since > (limits.patience if seed else _START):
            return "stuck"
    if process.returncode < 0:
        return signal.Signals(-process.returncode).name
    return f"exit code {process.returncode}" if process.returncode else None
