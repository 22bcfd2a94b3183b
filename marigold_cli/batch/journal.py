"""The journal: append-only lines that are the only memory of a run, and their fold.

A record is written only after what it names is durable. Records come one to a line, each by one
write to a file opened for appending, so lines of several threads or processes never mix.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from marigold_cli.batch.records import (
    Done,
    End,
    Failed,
    Record,
    Run,
    Start,
    Void,
    from_line,
    to_line,
)
from marigold_cli.files.disk import open_plain, output_errors, read_plain, sync, sync_folder

JOURNAL = "journal.jsonl"


class Journal:
    """One writer's journal, open for appending; safe to call from several threads."""

    def __init__(self, path: Path, fsync: bool = True) -> None:
        self._path, self._fsync = path, fsync
        self._lock = threading.Lock()
        self._written = self._durable = 0  # records
        with output_errors(path):
            self._descriptor = open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._torn = _ends_torn(self._descriptor)
            sync_folder(path.parent, fsync)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def append(self, record: Record) -> None:
        """Write one record and return when it is durable."""
        self.settle(self.note(record))

    def note(self, record: Record) -> int:
        """Write one record that need not be durable yet; returns its mark for `settle`."""
        line = to_line(record, time.time())
        with self._lock:
            self._write(b"\n" + line if self._torn else line)
            self._written += 1
            return self._written

    def settle(self, mark: int) -> None:
        """Return when every record up to *mark* is durable; often it is already."""
        with self._lock:
            if mark <= self._durable:
                return
            with output_errors(self._path):
                sync(self._descriptor, self._fsync)
            self._durable = self._written

    def leave(self, record: Record) -> None:
        """Write one last record at once: the process ends now, whoever holds the lock."""
        os.write(self._descriptor, b"\n" + to_line(record, time.time()))

    def _write(self, line: bytes) -> None:
        with output_errors(self._path):
            self._torn = os.write(self._descriptor, line) < len(line)
            if self._torn:  # a full disk takes the first part and says so by the count alone
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass
class Entry:
    """What the journals know of one photo.

    Attributes:
        done: Its last completion, if that still counts.
        failed: Its last failure, if nothing came after it.
        fingerprints: Settings under which it was ever begun: such outputs may lie there unrecorded.
        paths: Every output that was ever recorded for it.
        attempts: Failures since the last completion.
        crashes: Times that a process died while it was in flight, since it was last finished.
        alone: How many of these nothing else was in flight, so that they are its own doing.
    """

    done: Done | None = None
    failed: Failed | None = None
    fingerprints: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    attempts: int = 0
    crashes: int = 0
    alone: int = 0


@dataclass
class State:
    """The fold of all journals of a folder.

    Attributes:
        entries: By photo, in the order of their first record.
        owners: The photo whose record names an output, by the output's path.
        bad_lines: Lines that could not be read: torn by a crash, or damaged.
        run: The last run; None: there never was one.
        end: How it ended; None: it goes on, or died.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    bad_lines: int = 0
    run: Run | None = None
    end: End | None = None

    def entry(self, name: str) -> Entry:
        """The entry of a photo, made if need be."""
        return self.entries.setdefault(name, Entry())


def fold(out: Path) -> State:
    """Read every journal of a folder and tell what is known of each photo.

    Raises:
        ForeignFileError: something else than a plain file bears a journal's name.
    """
    state = State()
    lines: list[tuple[float, int, Record | None]] = []  # None: a line that cannot be read
    for number, path in enumerate(sorted(out.glob("journal*.jsonl"))):
        at = 0.0
        for line in _read_lines(path):
            try:
                record, told = from_line(line)
            except ValueError:
                lines.append((at, number, None))
                continue
            at = max(at, told or 0.0)  # within a file the order holds, whatever the clock did
            if record:
                lines.append((at, number, record))
    lines.sort(key=lambda line: line[:2])
    flights: dict[int, dict[str, bool]] = {}
    for _, number, record in lines:
        _apply(state, record, flights.setdefault(number, {}))
    for flight in flights.values():
        _count_crashes(state, flight)
    return state


def _apply(state: State, record: Record | None, flight: dict[str, bool]) -> None:
    """Fold one record; *flight*: photos begun by the same writer, and whether each was alone."""
    match record:
        case None:
            state.bad_lines += 1
            flight.clear()  # a full disk or a loss of power tears lines, never a photo
        case Run():
            _count_crashes(state, flight)
            state.run, state.end = record, None
        case End():
            state.end = record
            flight.clear()
        case Start(name, fp, alone):
            state.entry(name).fingerprints.add(fp)
            flight[name] = alone
        case Void(name):
            _finish(state.entry(name), None, None)
        case Done(name):
            flight.pop(name, None)
            _finish(state.entry(name), record, None)
            _own(state, record)
        case Failed(name):
            flight.pop(name, None)
            _finish(state.entry(name), None, record)


def _finish(entry: Entry, done: Done | None, failed: Failed | None) -> None:
    entry.done, entry.failed = done, failed
    entry.attempts = failed.attempt if failed else 0
    entry.crashes = entry.alone = 0


def _own(state: State, done: Done) -> None:
    """Give the outputs to this photo; another one that had them has them no longer."""
    for file in done.outputs:
        owner = state.owners.get(file.path, done.input)
        if owner != done.input:
            state.entry(owner).done = None
        state.owners[file.path] = done.input
        state.entry(done.input).paths.add(file.path)


def _count_crashes(state: State, flight: dict[str, bool]) -> None:
    for name, alone in flight.items():
        state.entry(name).crashes += 1
        state.entry(name).alone += alone
    flight.clear()


def _read_lines(path: Path) -> Iterator[bytes]:
    return (line for line in read_plain(path).split(b"\n") if line.strip())


def _ends_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
