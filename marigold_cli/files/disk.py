"""The output folder's disk: plain files only, made durable, and its refusals told as advice."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from marigold_cli.errors import ForeignFileError, OutputError

Buffer: TypeAlias = bytes | bytearray | memoryview

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Some network drives; nothing better can be had there.
_NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_ABANDONED_S = 24 * 3600  # a draft that nobody touched for so long: its writer was killed

_ADVICE = {
    errno.ENOSPC: "free some space, then run the same line again",
    errno.EDQUOT: "free some space or raise the quota, then run the same line again",
    errno.EFBIG: "no file may grow this large there; choose another --out",
    errno.EROFS: "it is mounted read-only; choose another --out",
    errno.EIO: "the disk or network drive fails; check it or choose another --out",
    errno.EACCES: "change its permissions or choose another --out",
    errno.EPERM: "change its permissions or choose another --out",
    errno.ELOOP: "links inside the output folder are not followed; remove it",
    errno.ENOTDIR: "a file or link stands where a folder is needed; move it away",
    errno.EISDIR: "a folder stands where a file is needed; move it away",
}


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what the system refuses at a path into an error that says what to do.

    Raises:
        OutputError: the output folder takes no more.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or errno.EIO
        advice = _ADVICE.get(number, "choose another --out")
        raise OutputError(f"{path}: {os.strerror(number)}; {advice}") from error


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


def write_new(
    path: str | Path, content: bytes | Iterable[Buffer], fsync: bool, folder: int | None = None
) -> None:
    """Write a file that must not be there yet.

    Args:
        path: Where; with a folder, a name in it.
        content: All of it, or its pieces in order.
        fsync: Whether to wait until the disk has it.
        folder: Descriptor of an open folder.
    """
    # 0666 less the umask, not the 0600 of tempfile: others on a shared drive want to read depth
    descriptor = os.open(path, _NEW_FILE, 0o666, dir_fd=folder)
    try:
        for piece in [content] if isinstance(content, bytes) else content:
            rest = memoryview(piece).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        sync(descriptor, fsync)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, fsync: bool = True) -> None:
    """Write a file that has its name only when all of it is there; its folder is made.

    What stood there is replaced. Several processes, on several machines, may write the same file.
    Drafts that killed ones left in its folder are removed.

    Raises:
        OutputError: the disk takes no more.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        try:
            write_new(draft, content, fsync)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent, fsync)


def _sweep(folder: Path) -> None:
    for draft in folder.glob(f".*.{'[0-9a-f]' * 16}.partial"):
        with suppress(OSError):  # another process was faster
            if time.time() - draft.lstat().st_mtime > _ABANDONED_S:
                draft.unlink()


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


def _not_ours(path: Path) -> ForeignFileError:
    return ForeignFileError(f"{path}: a link or no plain file, so it is not ours; move it away")
