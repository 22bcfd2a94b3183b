"""Files that are whole or absent, even after a crash, and never land outside the output folder.

A file is written under a random name in a folder of ours and renamed to its place. Every folder on
the way is opened without following links, and what comes next goes through that open folder, so
that nothing laid in our way, before or meanwhile, leads a write elsewhere.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from marigold_cli.errors import ImageError, Kind, OutputError
from marigold_cli.files.disk import Buffer, output_errors, sync, write_new

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass
class Measured:
    """Passes a file's pieces on, once, and knows afterwards what they were as a whole.

    Attributes:
        pieces: Of the file, in order; made as they are asked for.
        size: Of those that were passed on [bytes].
    """

    pieces: Iterable[Buffer]
    size: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[Buffer]:
        for piece in self.pieces:
            self._hash.update(piece)
            self.size += memoryview(piece).nbytes
            yield piece

    @property
    def sha256(self) -> str:
        """Of all that was passed on, in hexadecimal digits."""
        return self._hash.hexdigest()


def write_durably(
    root: Path,
    files: Sequence[tuple[str, bytes | Iterable[Buffer]]],
    temporary: Path,
    fsync: bool = True,
) -> None:
    """Put the files of one photo in their places, so that they survive a loss of power.

    All are written and synchronised before the first is renamed. What stood there is replaced; a
    link is replaced itself, not what it points to. On failure no temporary file is left.

    Args:
        root: The output folder.
        files: Names relative to it, POSIX, and their bytes, or pieces of them that are made one
            by one; missing folders are made.
        temporary: A folder of ours somewhere below it, such as OUT/.marigold/tmp.
        fsync: Whether to wait until the disk has it all.

    Raises:
        OutputError: the output folder takes no more files.
        ImageError: "io", a photo's name is too long for the output folder.
    """
    targets = [root / name for name, _ in files]
    drafts = [f"{secrets.token_hex(8)}.partial" for _ in files]
    with ExitStack() as stack:
        with output_errors(temporary):
            top = _keep(stack, os.open(root, _FOLDER))
            workshop = _keep(stack, _descend(top, _inside(root, temporary), 0o700, fsync))
        stack.callback(_discard, workshop, drafts)
        for draft, target, (_, content) in zip(drafts, targets, files, strict=True):
            with _explained(target):
                write_new(draft, content, fsync, workshop)
        folders: dict[Path, int] = {}
        for draft, target in zip(drafts, targets, strict=True):
            with _explained(target):
                if target.parent not in folders:
                    way = _inside(root, target.parent)
                    folders[target.parent] = _keep(stack, _descend(top, way, 0o777, fsync))
                os.replace(
                    draft, target.name, src_dir_fd=workshop, dst_dir_fd=folders[target.parent]
                )
        for path, folder in folders.items():
            with _explained(path):
                sync(folder, fsync)


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
        sync(folder, fsync)
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)


def _discard(folder: int, names: Sequence[str]) -> None:
    for name in names:
        with suppress(OSError):  # renamed to its place, or never made
            os.unlink(name, dir_fd=folder)


def _keep(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Tell what concerns one photo, its name, from what concerns the output folder."""
    with output_errors(path):
        try:
            yield
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            advice = "the photo's name leaves no room for the ending; rename the photo"
            raise ImageError(
                Kind.IO, f"{path}: {os.strerror(errno.ENAMETOOLONG)}; {advice}"
            ) from error
