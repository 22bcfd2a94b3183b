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

from marigold_cli.errors import ImageError, Kind

_MAX_BYTES = 4 << 30  # as much as a classic TIFF can hold
_TRANSIENT = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT}  # a network drive may recover
_TIME_STEP_NS = 2_000_000_000
_PAUSES_S = (0.5, 2.0)  # before the second and the third try

_KINDS = {
    errno.ENOENT: Kind.MISSING,
    errno.ENOTDIR: Kind.MISSING,
    errno.ELOOP: Kind.MISSING,
    errno.EACCES: Kind.PERMISSION,
    errno.EPERM: Kind.PERMISSION,
    errno.ENXIO: Kind.NOT_A_FILE,  # a socket, or a device without a driver
    errno.ENODEV: Kind.NOT_A_FILE,
    errno.ENOMEM: Kind.MEMORY,
}
_ADVICE = {
    Kind.MISSING: "is not there (any more); look for it or leave it out with --exclude",
    Kind.PERMISSION: "must not be read; change its permissions or leave it out with --exclude",
    Kind.NOT_A_FILE: "is not a regular file; leave it out with --exclude",
    Kind.CHANGED: "kept changing while it was read; run again when it is complete",
    Kind.MEMORY: "does not fit into memory; leave it out with --exclude",
    Kind.IO: "cannot be read ({reason}); check the disk or network, then run again",
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


def stat_photo(path: Path) -> tuple[int, int]:
    """Size [bytes] and time of change [ns] of a photo's file; zeros when it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns


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


def trusted_time(mtime_ns: int, now_ns: int) -> int:
    """A photo's time of change, or 0 when it is so young that a later change may bear the same.

    File systems count time in steps of up to 2 s (FAT).

    Args:
        mtime_ns: The photo's time of change.
        now_ns: When reading it began.
    """
    return mtime_ns if now_ns - mtime_ns > _TIME_STEP_NS else 0


def _read_unchanged(path: Path) -> Source:
    source = _read_once(path) or _read_once(path)
    if source is None:
        raise _failure(path, Kind.CHANGED)
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
        raise _failure(path, Kind.MEMORY) from error
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    if len(data) != after.st_size:
        return None
    return Source(data, hashlib.sha256(data).hexdigest(), len(data), after.st_mtime_ns)


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _failure(path, Kind.NOT_A_FILE)
    if status.st_size > _MAX_BYTES:
        raise ImageError(
            Kind.TOO_LARGE,
            f"{path}: {status.st_size} bytes, the limit is {_MAX_BYTES}; is it a photo?",
        )


def kind_of(error: OSError) -> Kind:
    """Why a file or folder cannot be read."""
    return _KINDS.get(error.errno or 0, Kind.IO)


def _explain(path: Path, error: OSError) -> ImageError:
    return _failure(path, kind_of(error), os.strerror(error.errno or errno.EIO))


def _failure(path: Path, kind: Kind, reason: str = "") -> ImageError:
    return ImageError(kind, f"{path}: {_ADVICE[kind].format(reason=reason)}")
