"""A folder or a tar archive as names and bytes, so that a data set need not be unpacked."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from marigold_cli.errors import DataSetError

_BLOCK = 512  # of tar archives [bytes]


class Tree(Protocol):
    """Files by their POSIX names relative to a root; reading is safe from several threads."""

    @property
    def root(self) -> Path:
        """The folder or archive, for messages."""

    def names(self) -> list[str]:
        """Every file, sorted."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def size(self, name: str) -> int:
        """Its length [bytes]."""

    def read(self, name: str) -> bytes:
        """All of it.

        Raises:
            DataSetError: missing or unreadable.
        """

    def place(self, name: str) -> Path | None:
        """Where the file lies on the disk by itself; None: inside an archive."""


@dataclass(frozen=True)
class FolderTree:
    """Files below a folder."""

    root: Path

    def names(self) -> list[str]:
        """Every file, sorted; hidden ones do not count."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        names = (path.relative_to(self.root).as_posix() for path in found)
        return sorted(name for name in names if not any(p[0] == "." for p in name.split("/")))

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.root / name).is_file()

    def size(self, name: str) -> int:
        """Its length [bytes]."""
        return (self.root / name).stat().st_size

    def read(self, name: str) -> bytes:
        """All of it."""
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise DataSetError(f"{self.root / name}: cannot be read ({reason})") from error

    def place(self, name: str) -> Path | None:
        """The file itself."""
        return (self.root / name).absolute()


@dataclass(frozen=True)
class ArchiveTree:
    """Files of an uncompressed tar archive, read where they lie in it."""

    root: Path
    _members: dict[str, tuple[int, int]] = field(repr=False)  # name -> offset, length [bytes]

    def names(self) -> list[str]:
        """Every file, sorted."""
        return sorted(self._members)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._members

    def size(self, name: str) -> int:
        """Its length [bytes]."""
        return self._members[name][1]

    def read(self, name: str) -> bytes:
        """All of it."""
        if name not in self._members:
            raise DataSetError(f"{self.root}: holds no {name}; download the archive again")
        offset, length = self._members[name]
        with self.root.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def place(self, name: str) -> Path | None:
        """Nowhere."""
        return None


def open_tree(path: Path) -> Tree:
    """Open a folder or an archive.

    Raises:
        DataSetError: it is neither, or the archive is compressed or damaged.
    """
    if path.is_dir():
        return FolderTree(path)
    if not path.is_file():
        raise DataSetError(f"{path}: no such folder or archive; check --data")
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
    except (tarfile.TarError, OSError) as error:
        raise DataSetError(
            f"{path}: no uncompressed tar archive ({error}); unpack it, and name the folder"
        ) from error
    _refuse_cut(path, members)
    return ArchiveTree(
        path,
        {
            str(PurePosixPath(member.name)): (member.offset_data, member.size)
            for member in members
            if member.isreg() and not member.issparse()
        },
    )


def _refuse_cut(path: Path, members: list[tarfile.TarInfo]) -> None:
    """See that an archive has its end, a block of zeros; Python reads what is there without it."""
    ends = (member.offset_data + (member.size if member.isreg() else 0) for member in members)
    with path.open("rb") as file:
        file.seek(-(-max(ends, default=0) // _BLOCK) * _BLOCK)
        if file.read(_BLOCK) != bytes(_BLOCK):
            raise DataSetError(f"{path}: cut off; download the archive again")
