"""The journals: append-only lines that are the only memory of a folder, one file for each writer.

A record is written only after what it names is durable. Records come one to a line, each by one
write to a file opened for appending, so lines of several threads never mix.

OUT/journal.jsonl                      one run, or the head of several workers
OUT/.marigold/journal-worker1.jsonl    one of its workers
OUT/.marigold/journal-3of8.jsonl       a shard, its workers journal-3of8-worker1.jsonl and so on

Clocks of several machines disagree. Who writes after having read the journals writes no earlier
time than the last that was read, so that the order of the times is the order of cause and effect.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from marigold_cli.batch.folder import HIDDEN
from marigold_cli.batch.lines import from_line, to_line
from marigold_cli.batch.lock import try_lock
from marigold_cli.batch.records import Record
from marigold_cli.batch.shard import in_file_name
from marigold_cli.batch.state import State
from marigold_cli.errors import OutputInUseError, RefusedError
from marigold_cli.files.disk import open_plain, output_errors, read_plain, sync, sync_folder

JOURNAL = "journal.jsonl"

_TICK_S = 0.001  # the resolution of a record's time


def journal_of(out: Path, shard: str = "", worker: int | None = None) -> Path:
    """Where a writer's journal lies."""
    words = [in_file_name(shard)] if shard else []
    words += [] if worker is None else [f"worker{worker}"]
    return out / HIDDEN / f"journal-{'-'.join(words)}.jsonl" if words else out / JOURNAL


class Journal:
    """One writer's journal, open for appending; safe to call from several threads.

    Args:
        path: Its file.
        fsync: Whether to wait until the disk has what must be durable.
        after: The time of the last record that was read before [s since 1970].

    Raises:
        OutputInUseError: somebody else writes to it.
    """

    def __init__(self, path: Path, fsync: bool = True, after: float = 0.0) -> None:
        self._path, self._fsync = path, fsync
        self._after = after + _TICK_S
        self._lock = threading.Lock()
        self._written = self._durable = 0  # records
        with output_errors(path):
            self._descriptor = open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if not try_lock(self._descriptor, fcntl.LOCK_EX):
            os.close(self._descriptor)
            raise OutputInUseError(f"{path}: another run writes to it; wait for its end")
        try:
            with output_errors(path):
                self._torn = _ends_torn(self._descriptor)
                sync_folder(path.parent, fsync)
        except BaseException:
            os.close(self._descriptor)  # and with it the lock
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def append(self, record: Record) -> None:
        """Write one record and return when it is durable."""
        self.settle(self.note(record))

    def note(self, record: Record) -> int:
        """Write one record that need not be durable yet; returns its mark for `settle`."""
        line = to_line(record, self.now())
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
        os.write(self._descriptor, b"\n" + to_line(record, self.now()))

    def now(self) -> float:
        """The time that a record gets now [s since 1970]."""
        return max(time.time(), self._after)

    def _write(self, line: bytes) -> None:
        with output_errors(self._path):
            self._torn = os.write(self._descriptor, line) < len(line)
            if self._torn:  # a full disk takes the first part and says so by the count alone
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fold(out: Path) -> State:
    """Read every journal of a folder and tell what is known of each photo.

    Raises:
        ForeignFileError: something else than a plain file bears a journal's name.
        RefusedError: this user may not read all of them.
    """
    state = State()
    lines: list[tuple[float, int, Record | None]] = []  # None: a line that cannot be read
    for writer, path in enumerate(_journals(out)):
        at = 0.0
        for line in _read_lines(path):
            try:
                record, told = from_line(line)
            except ValueError:
                lines.append((at, writer, None))
                continue
            at = max(at, told or 0.0)  # within a file the order holds, whatever the clock did
            if record:
                lines.append((at, writer, record))
    lines.sort(key=lambda line: line[:2])
    for at, writer, record in lines:
        state.apply(record, writer)
        state.latest = at
    state.close()
    return state


def _journals(out: Path) -> list[Path]:
    """The journal of all photos, then those of shards and workers; outputs are not looked at."""
    journals = [out / JOURNAL] if os.path.lexists(out / JOURNAL) else []
    hidden = out / HIDDEN
    with _permitted(hidden), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        journals += sorted(path for path in hidden.iterdir() if path.match("journal-*.jsonl"))
    return journals


def _read_lines(path: Path) -> Iterator[bytes]:
    with _permitted(path):
        return (line for line in read_plain(path).split(b"\n") if line.strip())


@contextlib.contextmanager
def _permitted(path: Path) -> Iterator[None]:
    """Turn the system's refusal to read into an error that says what follows from it."""
    try:
        yield
    except PermissionError as error:
        raise RefusedError(
            f"{path}: may not be read, so what is done in this folder is not known; "
            "have its owner change its permissions"
        ) from error


def _ends_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
