"""Names inside the output folder: what a photo's files are called, and which would collide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

DEPTH_SUFFIXES = {
    "npy": "_depth.npy",
    "tiff": "_depth.tif",
    "png": "_depth.png",
    "color": "_color.png",
    "exr": "_depth.exr",
}
UNCERTAINTY_SUFFIXES = {
    "npy": "_uncertainty.npy",
    "tiff": "_uncertainty.tif",
    "png": "_uncertainty.png",
    "exr": "_uncertainty.exr",
}


def output_names(ref_stem: str, formats: Sequence[str], uncertainty: bool) -> list[tuple[str, str]]:
    """Name the files of one photo.

    Args:
        ref_stem: `ImageRef.stem`, POSIX and relative.
        formats: Keys of `WRITERS`.
        uncertainty: Whether the ensemble's spread is written too; "color" has none.

    Returns:
        Pairs of format and name, POSIX and relative; depth first, then uncertainty.
    """
    names = [(key, ref_stem + DEPTH_SUFFIXES[key]) for key in formats]
    spread = [key for key in formats if uncertainty and key in UNCERTAINTY_SUFFIXES]
    return names + [(key, ref_stem + UNCERTAINTY_SUFFIXES[key]) for key in spread]


def collision_key(name: str) -> str:
    """What is equal for names that some file system takes for the same one."""
    composed = unicodedata.normalize("NFC", name)
    return unicodedata.normalize("NFC", composed.casefold())


def natural_key(name: str) -> tuple[list[tuple[str | int, ...]], str]:
    """Sort IMG_2 before IMG_10, folder by folder, whatever the case."""
    return [_split_numbers(part.casefold()) for part in name.split("/")], name


@lru_cache(maxsize=4096)  # for folders, which come with each of their photos
def _split_numbers(text: str) -> tuple[str | int, ...]:
    parts = re.split(r"([0-9]+)", text)  # text and numbers take turns, so that they compare
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts))
