"""Which image of a sparse model, or which reference, is which photo of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from marigold_cli.files.discover import ImageRef


def stem_of(name: str) -> str:
    """A photo's name without its suffix, folders kept."""
    return ImageRef(Path(name), name).stem


def match_names(photos: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Find each photo's counterpart: the same name but for its suffix and for outer folders.

    The tools convert pictures and move folders, so "day1/IMG_1.HEIC" may be "IMG_1.jpg" elsewhere,
    but never "day2/IMG_1.jpg". What fits two is left out: no depth is better than another photo's.

    Returns:
        By photo, those that were found.
    """
    known = list(others)
    exact = set(known)
    by_file: dict[str, list[str]] = {}
    for other in known:
        by_file.setdefault(PurePosixPath(stem_of(other)).name, []).append(other)
    claims: dict[str, list[str]] = {}
    for name in photos:
        fit = name if name in exact else _best(name, by_file)
        if fit is not None:
            claims.setdefault(fit, []).append(name)
    return {
        name: other
        for other, names in claims.items()
        for name in names
        if len(names) == 1 or name == other
    }


def _best(name: str, by_file: dict[str, list[str]]) -> str | None:
    stem = PurePosixPath(stem_of(name))
    fits = {other: _common_tail(stem, other) for other in by_file.get(stem.name, [])}
    most = max(fits.values(), default=0)
    best = [other for other, common in fits.items() if common == most > 0]
    return best[0] if len(best) == 1 else None


def _common_tail(stem: PurePosixPath, other: str) -> int:
    """How many parts the shorter of two paths has if the longer ends with it, else 0."""
    ours, theirs = stem.parts, PurePosixPath(stem_of(other)).parts
    count = min(len(ours), len(theirs))
    return count if ours[-count:] == theirs[-count:] else 0
