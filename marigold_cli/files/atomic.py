"""Files that are whole or absent, even after a crash, and never land outside the output folder.

A file is written under a random name in a folder of ours and renamed to its place. Every folder on
the way is opened without following links, and what comes next goes through that open folder, so
that nothing laid in our way, before or meanwhile, leads a write elsewhere.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from marigold_cli.errors import ImageError, OutputError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FSYNC = {errno.EINVAL, errno.ENOTSUP}  # some network drives; nothing better can be had there

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


def write_durably(files: Sequence[tuple[Path, bytes]], temporary: Path, fsync: bool = True) -> None:
    """Put the files of one photo in their places, so that they survive a loss of power.

    All are written and synchronised before the first is renamed. What stood there is replaced; a
    link is replaced itself, not what it points to. On failure no temporary file is left.

    Args:
        files: Targets inside the output folder and their bytes; missing folders are made.
        temporary: A folder of ours two levels below the output folder, such as OUT/.marigold/tmp.
        fsync: Whether to wait until the disk has it all.

    Raises:
        OutputError: the output folder takes no more files.
        ImageError: "io", a photo's name is too long for the output folder.
    """
    root = temporary.parent.parent
    drafts = [f"{secrets.token_hex(8)}.partial" for _ in files]
    with ExitStack() as stack:
        with _explained(temporary):
            top = _keep(stack, os.open(root, _FOLDER))
            workshop = _keep(stack, _descend(top, _inside(root, temporary), 0o700, fsync))
        stack.callback(_discard, workshop, drafts)
        for draft, (target, data) in zip(drafts, files, strict=True):
            with _explained(target):
                _write_new(workshop, draft, data, fsync)
        folders: dict[Path, int] = {}
        for draft, (target, _) in zip(drafts, files, strict=True):
            with _explained(target):
                if target.parent not in folders:
                    way = _inside(root, target.parent)
                    folders[target.parent] = _keep(stack, _descend(top, way, 0o777, fsync))
                os.replace(
                    draft, target.name, src_dir_fd=workshop, dst_dir_fd=folders[target.parent]
                )
        for path, folder in folders.items():
            with _explained(path):
                _synchronise(folder, fsync)


def append_durably(descriptor: int, line: bytes, fsync: bool = True) -> None:
    """Add one line to an open file in a single write.

    Args:
        descriptor: Opened with O_APPEND.
        line: Ends with a newline.
        fsync: Whether to wait until the disk has it.

    Raises:
        OutputError: the line could not be written, or only a part of it.
    """
    with _explained(Path("journal")):
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, "only a part was written")
        _synchronise(descriptor, fsync)


def _inside(root: Path, path: Path) -> tuple[str, ...]:
    """The folders that lead from the root to a path below it."""
    way = path.relative_to(root).parts if path.is_relative_to(root) else ("..",)
    if ".." in way:
        raise OutputError(f"{path}: lies outside of {root}; nothing is written there")
    return way


def _descend(top: int, way: tuple[str, ...], mode: int, fsync: bool) -> int:
    """Open the last of nested folders and make those that are missing; links are refused."""
    folder = os.dup(top)
    for name in way:
        try:
            below = _enter(folder, name, mode, fsync)
        finally:
            os.close(folder)
        folder = below
    return folder


def _enter(folder: int, name: str, mode: int, fsync: bool) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another writer was faster
            os.mkdir(name, mode, dir_fd=folder)
        _synchronise(folder, fsync)
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)


def _write_new(folder: int, name: str, data: bytes, fsync: bool) -> None:
    # 0666 less the umask, not the 0600 of tempfile: others on a shared drive want to read depth
    descriptor = os.open(name, _NEW_FILE, 0o666, dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        _synchronise(descriptor, fsync)
    finally:
        os.close(descriptor)


def _synchronise(descriptor: int, fsync: bool) -> None:
    if not fsync:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def _discard(folder: int, names: Sequence[str]) -> None:
    for name in names:
        with suppress(OSError):  # renamed to its place, or never made
            os.unlink(name, dir_fd=folder)


def _keep(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        if error.errno == errno.ENAMETOOLONG:
            advice = "the photo's name leaves no room for the ending; rename the photo"
            raise ImageError("io", f"{path}: {reason}; {advice}") from error
        advice = _ADVICE.get(error.errno or errno.EIO, "choose another --out")
        raise OutputError(f"{path}: {reason}; {advice}") from error
