"""Where a data set's files lie: a folder, or a tar archive whose members are read in any order."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from marigold_cli.errors import DataSetError, name_some

_TRANSIENT = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT)  # a network drive may recover
_PAUSES_S = (0.5, 2.0)  # before the second and the third try
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe must not hang

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class OpenFile:
    """A file open for reading: one of its own, or a stretch of an archive.

    Attributes:
        descriptor: The operating system's.
        start: Where in it the file begins [bytes].
        length: Its size [bytes].
    """

    descriptor: int
    start: int
    length: int

    def read(self, offset: int, count: int) -> bytes:
        """So many bytes from an offset on; fewer where the file ends."""
        count = max(0, min(count, self.length - offset))
        return os.pread(self.descriptor, count, self.start + offset)


class Storage(Protocol):
    """Files by their names: relative, with forward slashes. Safe to be read by many threads."""

    @property
    def root(self) -> Path:
        """The folder or archive."""

    def path(self, name: str) -> Path | None:
        """Where a file lies on the disk by itself; None: inside an archive."""

    def place(self, name: str) -> str:
        """Where a file is, for messages."""

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""

    def names(self, below: str = "") -> list[str]:
        """All files in a folder and the folders in it, sorted; hidden ones do not count."""

    def open(self, name: str) -> AbstractContextManager[OpenFile]:
        """Open a file; OSError as the system gives it."""


class Folder:
    """Files in a folder; links to folders are followed, once each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Where a file lies on the disk by itself."""
        return (self.root / name).absolute()

    def place(self, name: str) -> str:
        """Where a file is, for messages."""
        return str(self.root / name)

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return (self.root / name).exists()

    def names(self, below: str = "") -> list[str]:
        """All files in a folder and the folders in it, sorted; hidden ones do not count."""
        found: list[str] = []
        seen: set[tuple[int, int]] = set()
        for folder, folders, files in os.walk(self.root / below, onerror=_refuse, followlinks=True):
            status = Path(folder).stat()
            identity = status.st_dev, status.st_ino
            if identity in seen:  # through another link, or from below
                folders.clear()
                continue
            seen.add(identity)
            folders[:] = sorted(filter(_is_visible, folders))  # of several ways the first counts
            prefix = Path(folder).relative_to(self.root).as_posix()
            found += (posixpath.normpath(f"{prefix}/{name}") for name in filter(_is_visible, files))
        return sorted(found)

    @contextmanager
    def open(self, name: str) -> Iterator[OpenFile]:
        """Open a file; OSError as the system gives it."""
        descriptor = os.open(self.root / name, _READ)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is not a regular file")
            yield OpenFile(descriptor, 0, status.st_size)
        finally:
            os.close(descriptor)


class Archive:
    """Members of a tar archive that is not compressed, found through an index made at the start.

    Making it takes one short read a member; every reader then opens the archive for itself.
    """

    def __init__(self, path: Path) -> None:
        """Read the index.

        Raises:
            DataSetError: compressed, cut off, or no tar archive; one with links or sparse files.
        """
        self.root = path
        try:
            with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                members = archive.getmembers()
                file.seek(archive.offset)  # where a block of zeros ends it; Python does without
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise tarfile.ReadError("its end is missing")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DataSetError(
                f"{path}: is no whole and plain tar archive ({error}); "
                "copy it again, and unpack it if it is compressed"
            ) from error
        self._members = _locate(path, members)

    def path(self, name: str) -> None:
        """Nowhere."""

    def place(self, name: str) -> str:
        """Where a file is, for messages."""
        return f"{self.root}:{name}"

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return name in self._members or any(one.startswith(f"{name}/") for one in self._members)

    def names(self, below: str = "") -> list[str]:
        """All files in a folder and the folders in it, sorted; hidden ones do not count."""
        start = f"{below}/" if below else ""
        found = (name for name in self._members if name.startswith(start))
        return sorted(filter(_is_visible, found))

    @contextmanager
    def open(self, name: str) -> Iterator[OpenFile]:
        """Open a file; OSError as the system gives it."""
        if name not in self._members:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        descriptor = os.open(self.root, _READ)
        try:
            yield OpenFile(descriptor, *self._members[name])
        finally:
            os.close(descriptor)


def open_storage(path: Path) -> Storage:
    """The storage at a path.

    Raises:
        DataSetError: there is neither a folder nor a tar archive.
    """
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Archive(path)
    raise DataSetError(f"{path}: there is no such folder or archive; look for a slip in the name")


def examine(
    storage: Storage,
    name: str,
    look: Callable[[OpenFile], _Found],
    pauses_s: Sequence[float] = _PAUSES_S,
) -> _Found:
    """Open a file and look at it, once more after each pause while a drive fails.

    Args:
        storage: Where it lies.
        name: Which one.
        look: What to do with it; a ValueError says in a few words what is wrong with the file.
        pauses_s: Before each further try [s].

    Raises:
        DataSetError: it is missing, cannot be read, or `look` finds it wrong.
    """
    try:
        with storage.open(name) as file:
            return look(file)
    except ValueError as error:
        raise DataSetError(f"{storage.place(name)}: {error}") from error
    except OSError as error:
        if error.errno not in _TRANSIENT or not pauses_s:
            raise DataSetError(f"{storage.place(name)}: {_explain(error)}") from error
    time.sleep(pauses_s[0])
    return examine(storage, name, look, pauses_s[1:])


def read_whole(storage: Storage, name: str) -> bytes:
    """All bytes of a file.

    Raises:
        DataSetError: it is missing or cannot be read.
    """
    return examine(storage, name, lambda file: file.read(0, file.length))


def _locate(path: Path, members: Sequence[tarfile.TarInfo]) -> dict[str, tuple[int, int]]:
    """Starts and lengths [bytes] of an archive's files; a hard link is where its file is."""
    found: dict[str, tuple[int, int]] = {}
    others = []
    for member in members:
        name, target = posixpath.normpath(member.name), posixpath.normpath(member.linkname)
        if member.isfile() and not member.issparse():
            found[name] = member.offset_data, member.size
        elif member.islnk() and target in found:
            found[name] = found[target]
        elif (member.isfile() or member.islnk() or member.issym()) and _is_visible(name):
            others.append(name)
    if others:  # a data set must not become smaller without a word
        raise DataSetError(
            f"{path}: {name_some(others)} cannot be read in place, being links or files with "
            "holes; pack it again with --dereference and without --sparse"
        )
    return found


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "is missing"
    return f"cannot be read ({os.strerror(error.errno or errno.EIO)})"


def _refuse(error: OSError) -> None:
    """Stop looking through folders at one that cannot be read; one that is missing is empty."""
    if error.errno != errno.ENOENT:
        raise DataSetError(f"{error.filename}: {_explain(error)}") from error


def _is_visible(name: str) -> bool:
    return "/." not in f"/{name}"
