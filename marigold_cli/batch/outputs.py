"""Outputs on the disk against their records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from marigold_cli.batch.records import OutputFile
from marigold_cli.batch.state import Entry

THREADS = 8  # network folders answer slowly, but to many at a time


@dataclass(frozen=True)
class Damage:
    """One output that is not what was written.

    Attributes:
        name: The photo.
        path: The output, relative to the output folder.
        kind: "missing", "size", "hash", "settings" (made with other settings than the folder is
            bound to), or "stale" (of a photo that failed or was not finished since).
    """

    name: str
    path: str
    kind: str


def find_damage(
    out: Path, entries: Mapping[str, Entry], find: Callable[[Path, OutputFile], str | None]
) -> list[Damage]:
    """Look at the outputs of all photos that are done, at several at a time.

    Args:
        out: The output folder.
        entries: What its journals know, by photo.
        find: How closely: `find_missing` or `find_altered`.
    """

    def look(known: tuple[str, Entry]) -> list[Damage]:
        name, entry = known
        files = entry.done.outputs if entry.done else ()
        return [Damage(name, file.path, kind) for file in files if (kind := find(out, file))]

    with ThreadPoolExecutor(THREADS) as pool:
        return [damage for some in pool.map(look, entries.items()) for damage in some]


def find_missing(out: Path, file: OutputFile) -> str | None:
    """Look for one output, and read nothing: None when it seems whole, else the kind of damage."""
    if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
        return "missing"  # no run writes such a path, so nothing outside is looked at
    try:
        size = (out / file.path).stat().st_size
    except (OSError, ValueError):
        return "missing"
    return None if size == file.size else "size"


def find_altered(out: Path, file: OutputFile) -> str | None:
    """Read one output again: None when it is what was written, else the kind of damage."""
    if damage := find_missing(out, file):
        return damage
    try:
        with (out / file.path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return "missing"
    return None if digest == file.sha256 else "hash"
