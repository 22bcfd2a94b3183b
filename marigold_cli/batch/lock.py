"""Who may be at work in an output folder: one run alone, or several processes of one party.

The workers of one run are a party, and so are the shards of one split: they come with the same
words. Where a file system knows no locks everybody is let in; no promise rests on them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from marigold_cli.errors import ForeignFileError, OutputInUseError
from marigold_cli.files.disk import open_plain, output_errors

_TRIES = 20  # the first of a party is alone for a moment
_LOOKS = 3  # who only looks whether it is held holds it for a moment too
_PAUSE_S = 0.05


@contextlib.contextmanager
def admitted(path: Path, party: str | None) -> Iterator[bool]:
    """Hold a lock for as long as the block lasts; gives whether nobody else held it before.

    Args:
        path: The lock's file.
        party: The words that all of a party say; None: to be alone.

    Raises:
        OutputInUseError: somebody else is at work here.
        ForeignFileError: something that is no plain file stands there.
    """
    with output_errors(path):
        descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
    try:
        yield _be_alone(descriptor, path) if party is None else _join(descriptor, path, party)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether somebody is at work; False also where that cannot be seen, or nobody ever was.

    To look takes the lock for a moment, so whoever finds it taken looks once more.
    """
    try:  # network folders want it writable; on others whoever may read it can see
        descriptor = open_plain(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
    except (OSError, ForeignFileError):
        return False
    try:
        for _ in range(_LOOKS):
            if try_lock(descriptor, fcntl.LOCK_EX):
                return False
            time.sleep(_PAUSE_S)
        return True
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, kind: int) -> bool:
    """Lock an open file without waiting; True also where there are no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _be_alone(descriptor: int, path: Path) -> bool:
    for _ in range(_LOOKS):
        if try_lock(descriptor, fcntl.LOCK_EX):
            return True
        time.sleep(_PAUSE_S)
    raise _in_use(path)


def _join(descriptor: int, path: Path, party: str) -> bool:
    words = party.encode()
    for _ in range(_TRIES):
        is_first = try_lock(descriptor, fcntl.LOCK_EX)
        if is_first:
            with output_errors(path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, words, 0)
        # Another may slip in before an exclusive lock has become a shared one: so look again.
        if try_lock(descriptor, fcntl.LOCK_SH):
            if os.pread(descriptor, len(words) + 1, 0) == words:
                return is_first
            break
        time.sleep(_PAUSE_S)
    raise _in_use(path)


def _in_use(path: Path) -> OutputInUseError:
    return OutputInUseError(
        f"{path.parent.parent}: another run is at work; wait for it or choose another --out"
    )
