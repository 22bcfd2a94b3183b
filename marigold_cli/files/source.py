"""A photo's bytes, read once: what was hashed is what is decoded."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from marigold_cli.errors import ImageError

_MAX_BYTES = 4 << 30  # as much as a classic TIFF can hold
_TRANSIENT = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT}  # a network drive may recover
_PAUSES_S = (0.5, 2.0)  # before the second and the third try

_KINDS = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ELOOP: "missing",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.ENXIO: "not-a-file",  # a socket, or a device without a driver
    errno.ENODEV: "not-a-file",
    errno.ENOMEM: "memory",
}
_ADVICE = {
    "missing": "is not there (any more); look for it or leave it out with --exclude",
    "permission": "must not be read; change its permissions or leave it out with --exclude",
    "not-a-file": "is not a regular file; leave it out with --exclude",
    "changed": "kept changing while it was read; run again when it is complete",
    "memory": "does not fit into memory; leave it out with --exclude",
    "io": "cannot be read ({reason}); check the disk or network, then run again",
}


@dataclass(frozen=True)
class Source:
    """A file's bytes and what identifies them.

    Attributes:
        data: The whole file.
        digest: sha256 of `data`, hexadecimal.
        size: Length of `data` [bytes].
        mtime_ns: Modification time of the file that was read [ns].
    """

    data: bytes
    digest: str
    size: int
    mtime_ns: int


def read_source(path: Path, pause: Callable[[float], None] = time.sleep) -> Source:
    """Read a photo's file, once more if it changes meanwhile, and up to three times on EIO and kin.

    Args:
        path: A regular file or a link to one; anything else (pipe, device, folder) is refused.
        pause: Waits between the tries [s].

    Raises:
        ImageError: "missing", "permission", "not-a-file", "too-large", "changed", "memory", "io".
    """
    for wait_s in _PAUSES_S:
        try:
            return _read_unchanged(path)
        except OSError as error:
            if error.errno not in _TRANSIENT:
                raise _explain(path, error) from error
        pause(wait_s)
    try:
        return _read_unchanged(path)
    except OSError as error:
        raise _explain(path, error) from error


def _read_unchanged(path: Path) -> Source:
    source = _read_once(path) or _read_once(path)
    if source is None:
        raise _failure(path, "changed")
    return source


def _read_once(path: Path) -> Source | None:
    """Read a file whole; None: it changed while it was read."""
    # O_NONBLOCK: opening a pipe that nobody writes to must not hang
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        _check(path, before)
        data = FileIO(descriptor, closefd=False).readall()
        after = os.fstat(descriptor)
    except MemoryError as error:
        raise _failure(path, "memory") from error
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    if len(data) != after.st_size:
        return None
    return Source(data, hashlib.sha256(data).hexdigest(), len(data), after.st_mtime_ns)


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _failure(path, "not-a-file")
    if status.st_size > _MAX_BYTES:
        raise ImageError(
            "too-large",
            f"{path}: {status.st_size} bytes, the limit is {_MAX_BYTES}; is it a picture?",
        )


def _explain(path: Path, error: OSError) -> ImageError:
    return _failure(path, _KINDS.get(error.errno or 0, "io"), os.strerror(error.errno or errno.EIO))


def _failure(path: Path, kind: str, reason: str = "") -> ImageError:
    return ImageError(kind, f"{path}: {_ADVICE[kind].format(reason=reason)}")
