"""Files of our own: read without following links, made durable, and failures told as advice."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from marigold_cli.errors import ForeignFileError, OutputError

_NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)  # what a file system without it says


def sync(descriptor: int, wanted: bool = True) -> None:
    """Make a file's bytes or a folder's names durable, where the file system knows how."""
    if not wanted:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def sync_folder(folder: Path, wanted: bool = True) -> None:
    """Make a folder's names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor, wanted)
    finally:
        os.close(descriptor)


def open_plain(path: Path, flags: int) -> int:
    """Open a plain file, and nothing else: no link is followed, no pipe waited for.

    Raises:
        ForeignFileError: it is something else.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _not_ours(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_ours(path)
    return descriptor


def read_plain(path: Path) -> bytes:
    """The bytes of a plain file, and of nothing else."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        return file.read()


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says into what a user can do.

    Raises:
        OutputError: the folder takes no more.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{error.filename or path}: {error.strerror}; make it writable and free some space, "
            "then run the same line again to go on"
        ) from error


def _not_ours(path: Path) -> ForeignFileError:
    return ForeignFileError(f"{path}: a link or no plain file, so it is not ours; move it away")
