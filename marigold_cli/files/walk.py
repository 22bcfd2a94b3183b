"""Folders and globs: which photos lie in them. Hidden names and results of runs do not count."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import NamedTuple

from marigold_cli.errors import Kind, NoInputError
from marigold_cli.files.decode import SUFFIXES
from marigold_cli.files.extras import EXTRAS, Extra
from marigold_cli.files.source import kind_of

_OURS = ".marigold"  # the folder of a run, in its output folder
_BINDING = "marigold.json"  # the file of a run, likewise
_WILDCARDS = frozenset("*?[")


class Found(NamedTuple):
    """A file or folder, and its name below where the search began ("" for the beginning itself)."""

    path: str
    name: str


@dataclass(frozen=True)
class Unread:
    """A folder, or a link to one, that cannot be read, so that its photos are missing.

    Attributes:
        name: Below where the search began, with a slash at its end; no photo has such a name.
        kind: Why, in one word.
        message: Why, and what to do.
    """

    name: str
    kind: Kind
    message: str


@dataclass
class Sights:
    """What a walk meets beside photos; filled while it goes on, whatever is met again counts once.

    Attributes:
        unread: Folders that cannot be read, by name.
        needy: Extras that photos need and that are not installed, by the photos' names.
        links: Paths of links to folders that are not followed, by name.
        results: Folders with results of an earlier run; left out unless the search began there.
        others: How many other files there are, by suffix.
    """

    unread: dict[str, Unread] = field(default_factory=dict)
    needy: dict[str, Extra] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    results: set[Found] = field(default_factory=set)
    others: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Walk:
    """A way to look through folders.

    Attributes:
        out: The output folder with all links resolved; it and what is in it is never found.
        recurse: Whether folders in folders are looked through.
        follow_links: Whether links to folders are; a link back to a folder above is not.
        sights: What else is met on the way.
    """

    out: str
    recurse: bool = True
    follow_links: bool = False
    sights: Sights = field(default_factory=Sights)

    def photos(self, start: Found) -> Iterator[Found]:
        """Find what looks like a photo in a folder.

        Raises:
            NoInputError: the folder itself cannot be read.
        """
        return self._photos(start, self.recurse)

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

    def _photos(self, start: Found, recurse: bool) -> Iterator[Found]:
        for folder, entries in self._folders(start, recurse):
            for entry in entries:
                found = _below(folder, entry)
                if self._is_photo(found, entry):
                    yield found

    def _match(self, folder: Found, parts: Sequence[str]) -> Iterator[Found]:
        head, *rest = parts
        if head != "**":
            yield from self._match_entries(folder, head, rest)
        elif not rest:
            yield from self._photos(folder, recurse=True)
        else:
            for below, _ in self._folders(folder, recurse=True):
                yield from self._match(below, rest)

    def _match_entries(self, folder: Found, head: str, rest: Sequence[str]) -> Iterator[Found]:
        if self.is_output(folder.path):
            return
        for entry in self._visible(folder, hidden=head.startswith(".")):
            if not fnmatchcase(entry.name, head):
                continue
            found = _below(folder, entry)
            if self._is_entered(found, entry):
                yield from self._match(found, rest) if rest else self.photos(found)
            elif not rest and self._is_photo(found, entry):
                yield found

    def _is_photo(self, found: Found, entry: os.DirEntry[str]) -> bool:
        """Whether a name says that it is a photo; what else it is, is noted."""
        if _is_folder(entry) or self._is_output_link(entry):
            return False
        suffix = _suffix(entry)
        if suffix in SUFFIXES:
            return True
        if extra := next((extra for extra in EXTRAS if suffix in extra.suffixes), None):
            self.sights.needy[found.name] = extra
        else:
            self.sights.others[suffix] += 1
        return False

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
            entries = self._visible(folder)
            yield folder, entries
            for entry in entries if recurse else ():
                found = _below(folder, entry)
                if self._is_entered(found, entry):
                    real = _real(entry, line[-1])
                    if real not in line:
                        waiting.append((found, (*line, real)))

    def _visible(self, folder: Found, hidden: bool = False) -> list[os.DirEntry[str]]:
        """What is in a folder; nothing of one that holds results or cannot be read, which is noted.

        Where the search begins, results are taken, and what cannot be read is refused.
        """
        try:
            with os.scandir(folder.path) as scan:
                entries = [entry for entry in scan if hidden or not entry.name.startswith(".")]
        except OSError as error:
            problem = "the folder cannot be read"
            if not folder.name:
                raise NoInputError(f"{folder.path}: {problem} ({_reason(error)})") from error
            self._note_unread(folder, problem, error, "make it readable")
            return []
        if any(entry.name == _BINDING for entry in entries):
            self.sights.results.add(folder)
            return [] if folder.name else entries
        return entries

    def _is_entered(self, found: Found, entry: os.DirEntry[str]) -> bool:
        """Whether a name is that of a folder to look into; a link that is not followed is noted."""
        if not _is_folder(entry):
            if self.follow_links and entry.is_symlink():
                self._note_dead(found, entry)
            return False
        if entry.is_symlink() and not self.follow_links:
            if not self.is_output(entry.path):
                self.sights.links[found.name] = found.path
            return False
        return True

    def _note_dead(self, link: Found, entry: os.DirEntry[str]) -> None:
        """Note a link that leads nowhere, as to a drive that is away; a photo's reader does so."""
        if _suffix(entry) in SUFFIXES or self.is_output(entry.path):
            return
        try:
            entry.stat()
        except OSError as error:
            if error.errno != errno.ELOOP:  # a link to itself hides nothing
                problem = "the link cannot be followed"
                self._note_unread(link, problem, error, "mount what it leads to")

    def _note_unread(self, folder: Found, problem: str, error: OSError, advice: str) -> None:
        name = f"{folder.name}/"
        message = (
            f"{folder.path}: {problem} ({_reason(error)}); {advice} or leave it out with --exclude"
        )
        self.sights.unread[name] = Unread(name, kind_of(error), message)

    def _is_output(self, real: str) -> bool:
        is_inside = real == self.out or real.startswith(self.out.rstrip("/") + "/")
        return is_inside or _OURS in real.split("/")

    def _is_output_link(self, entry: os.DirEntry[str]) -> bool:
        return entry.is_symlink() and self.is_output(entry.path)


def is_pattern(text: str) -> bool:
    """Whether a text has wildcards of a glob in it."""
    return not _WILDCARDS.isdisjoint(text)


def _split(pattern: str) -> tuple[str, list[str]]:
    """Part a glob into the folder before its first wildcard and the parts from there on."""
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if is_pattern(part))
    prefix = "/".join(parts[:first]) or ("/" if first else ".")
    names = [part for part in parts[first:] if part not in ("", ".")]
    names = [name for before, name in pairwise(["", *names]) if not name == before == "**"]
    return prefix, names[:-1] if names[-2:] == ["**", "*"] else names  # "**" takes all by itself


def _below(folder: Found, entry: os.DirEntry[str]) -> Found:
    return Found(entry.path, f"{folder.name}/{entry.name}" if folder.name else entry.name)


def _real(entry: os.DirEntry[str], folder: str) -> str:
    """An entry's path without links, given that of its folder."""
    return os.path.realpath(entry.path) if entry.is_symlink() else f"{folder}/{entry.name}"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where nobody may look
        return False


def _suffix(entry: os.DirEntry[str]) -> str:
    """The ending of a name, lower-case with its dot; "" where it has none."""
    _, dot, ending = entry.name.rpartition(".")
    return dot + ending.lower() if dot else ""


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0)
