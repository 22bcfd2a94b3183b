"""Which of the photos that are found are taken: --include, --exclude and how deep to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Selection:
    """Which of the photos that are found are taken.

    A pattern without a slash is compared with every part of a name, folders included; one with a
    slash with the name from its beginning, "**" standing for any folders. A folder stands for all
    that is in it.
    """

    include: tuple[str, ...] = ()  # at least one must fit; empty: all
    exclude: tuple[str, ...] = ()  # none may fit
    recurse: bool = True
    follow_links: bool = False  # into linked folders; linked files are always read

    def takes(self, name: str) -> bool:
        """Whether a photo of this name is wanted."""
        wanted = not self.include or any(matches(name, pattern) for pattern in self.include)
        return wanted and not self.leaves_out(name)

    def leaves_out(self, name: str) -> bool:
        """Whether a photo or folder of this name is not wanted, whatever it is."""
        return any(matches(name.rstrip("/"), pattern) for pattern in self.exclude)


EVERYTHING = Selection()


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
