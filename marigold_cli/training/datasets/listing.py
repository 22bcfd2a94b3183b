"""Lists of a data set's pictures: the papers' text files with a pair a line, and their tables."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Sequence
from pathlib import Path

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import OpenFile, Storage, examine

Pair = tuple[str, str]  # names of a picture's colours and of its truth


def read_list(storage: Storage, wanted: str | None, usual: Sequence[str]) -> list[Pair] | None:
    """The pictures of a set, as a list names them.

    Args:
        storage: The set's files.
        wanted: A list that was asked for: a path, or a name in the storage.
        usual: Names that a list of the storage may have, the best first.

    Returns:
        Pairs in the list's order; None where no list was asked for and there is none.

    Raises:
        DataSetError: the list is missing, empty, or not of the form.
    """
    if wanted is not None and (path := Path(wanted).expanduser()).is_file():
        return _parse(path.read_text("utf-8"), str(path))
    names = usual if wanted is None else [wanted]
    for name in names:
        if wanted is not None or storage.has(name):
            return _parse(examine(storage, name, _text), storage.place(name))
    return None


def _text(file: OpenFile) -> str:
    return file.read(0, file.length).decode("utf-8")


def _parse(text: str, place: str) -> list[Pair]:
    pairs = _parse_table(text, place) if place.endswith(".csv") else _parse_lines(text, place)
    if not pairs:
        raise DataSetError(f"{place}: lists no picture; take another list")
    return pairs


def _parse_lines(text: str, place: str) -> list[Pair]:
    """Two names a line, and others that do not matter here; None: a picture without depth."""
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if len(words) == 1:
            raise DataSetError(
                f"{place}, line {number}: holds one name; it takes a picture's and its depth map's"
            )
        if words and words[1] != "None":
            pairs.append((posixpath.normpath(words[0]), posixpath.normpath(words[1])))
    return pairs


def _parse_table(text: str, place: str) -> list[Pair]:
    """The table that Hypersim's preprocessing writes."""
    rows = list(csv.DictReader(text.splitlines()))
    if rows and not {"rgb_path", "depth_path"} <= rows[0].keys():
        raise DataSetError(f"{place}: has no columns rgb_path and depth_path; take another list")
    return [
        (posixpath.normpath(row["rgb_path"]), posixpath.normpath(row["depth_path"]))
        for row in rows
        if row.get("included_in_public_release", "True") == "True"
    ]
