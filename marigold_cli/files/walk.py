"""Folders and globs: which photos lie in them. Hidden names and the output folder do not count."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from marigold_cli.errors import NoInputError
from marigold_cli.files.decode import SUFFIXES

_OURS = ".marigold"  # the folder of a run, in its output folder
_BINDING = "marigold.json"  # the file of a run, likewise
_WILDCARDS = frozenset("*?[")

_logger = logging.getLogger(__name__)


class Found(NamedTuple):
    """A file or folder, and its name below where the search began ("" for the beginning itself)."""

    path: str
    name: str


@dataclass(frozen=True)
class Walk:
    """A way to look through folders.

    Attributes:
        out: The output folder with all links resolved; it and what is in it is never found.
        recurse: Whether folders in folders are looked through.
        follow_links: Whether links to folders are; a link back to a folder above is not.
    """

    out: str
    recurse: bool = True
    follow_links: bool = False

    def photos(self, start: Found) -> Iterator[Found]:
        """Find what looks like a photo in a folder.

        Raises:
            NoInputError: the folder itself cannot be read.
        """
        for folder, entries in self._folders(start, self.recurse):
            for entry in entries:
                if _looks_like_photo(entry) and not self._is_output_link(entry):
                    yield _below(folder, entry)

    def glob(self, pattern: str) -> Iterator[Found]:
        """Find the photos that fit a pattern, and those in folders that fit it, as a shell would.

        Names begin behind the last folder before the first wildcard.
        """
        prefix, parts = _split(pattern)
        if os.path.isdir(prefix):  # noqa: PTH112 - the name need not be normalised
            yield from self._match(Found(prefix, ""), parts)

    def is_output(self, path: str) -> bool:
        """Whether a path lies in the output folder, or in a hidden folder of another one."""
        return self._is_output(os.path.realpath(path))

    def _match(self, folder: Found, parts: Sequence[str]) -> Iterator[Found]:
        head, *rest = parts
        if head == "**":
            for below, _ in self._folders(folder, recurse=True):
                yield from self._match(below, rest or ["*"])
            return
        if self.is_output(folder.path):
            return
        for entry in _visible(folder.path, hidden=head.startswith(".")):
            if not fnmatchcase(entry.name, head):
                continue
            if rest and self._is_entered(entry):
                yield from self._match(_below(folder, entry), rest)
            elif not rest:
                yield from self._last(_below(folder, entry), entry)

    def _last(self, found: Found, entry: os.DirEntry[str]) -> Iterator[Found]:
        if self._is_entered(entry):
            yield from self.photos(found)
        elif _looks_like_photo(entry) and not self._is_output_link(entry):
            yield found

    def _folders(
        self, start: Found, recurse: bool
    ) -> Iterator[tuple[Found, list[os.DirEntry[str]]]]:
        """A folder and those in it, each with its visible entries; loops of links are cut."""
        line: tuple[str, ...] = (os.path.realpath(start.path),)  # from the start to here
        waiting = [(start, line)]
        while waiting:
            folder, line = waiting.pop()
            if self._is_output(line[-1]):
                continue
            entries = _visible(folder.path, must_be_readable=folder is start)
            if folder is not start and any(entry.name == _BINDING for entry in entries):
                _logger.info("%s: left out, it holds results of an earlier run", folder.path)
                continue
            yield folder, entries
            for entry in entries if recurse else ():
                if self._is_entered(entry):
                    real = _real(entry, line[-1])
                    if real not in line:
                        waiting.append((_below(folder, entry), (*line, real)))

    def _is_entered(self, entry: os.DirEntry[str]) -> bool:
        return _is_folder(entry) and (self.follow_links or not entry.is_symlink())

    def _is_output(self, real: str) -> bool:
        is_inside = real == self.out or real.startswith(self.out.rstrip("/") + "/")
        return is_inside or _OURS in real.split("/")

    def _is_output_link(self, entry: os.DirEntry[str]) -> bool:
        return entry.is_symlink() and self.is_output(entry.path)


def is_pattern(text: str) -> bool:
    """Whether a text has wildcards of a glob in it."""
    return not _WILDCARDS.isdisjoint(text)


def matches(name: str, pattern: str) -> bool:
    """Whether a name, or a folder on the way to it, fits a pattern of --include or --exclude.

    Args:
        name: POSIX and relative.
        pattern: Without a slash: compared with each part; with one: with the parts from the first
            on, "**" standing for any number of them.
    """
    parts = name.split("/")
    bare = pattern.rstrip("/")
    if "/" not in bare:
        return any(fnmatchcase(part, bare) for part in parts)
    return _fits(parts, bare.removeprefix("/").split("/"))


def _fits(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return True
    if patterns[0] == "**":
        return any(_fits(parts[skip:], patterns[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _fits(parts[1:], patterns[1:])


def _split(pattern: str) -> tuple[str, list[str]]:
    """Part a glob into the folder before its first wildcard and the parts from there on."""
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if is_pattern(part))
    prefix = "/".join(parts[:first]) or ("/" if first else ".")
    return prefix, [part for part in parts[first:] if part not in ("", ".")]


def _below(folder: Found, entry: os.DirEntry[str]) -> Found:
    return Found(entry.path, f"{folder.name}/{entry.name}" if folder.name else entry.name)


def _visible(
    folder: str, hidden: bool = False, must_be_readable: bool = False
) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if hidden or not entry.name.startswith(".")]
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        if must_be_readable:
            raise NoInputError(f"{folder}: the folder cannot be read ({reason})") from error
        _logger.warning("%s: left out, the folder cannot be read (%s)", folder, reason)
        return []


def _real(entry: os.DirEntry[str], folder: str) -> str:
    """An entry's path without links, given that of its folder."""
    return os.path.realpath(entry.path) if entry.is_symlink() else f"{folder}/{entry.name}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _looks_like_photo(entry: os.DirEntry[str]) -> bool:
    _, dot, ending = entry.name.rpartition(".")
    return dot + ending.lower() in SUFFIXES and not _is_folder(entry)
