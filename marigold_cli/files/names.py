"""Names inside the output folder: what a photo's files are called, and which would collide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from marigold_cli.depth import Modality

Quantity: TypeAlias = Literal["depth", "normals", "intrinsic", "uncertainty"]

DEPTH_SUFFIXES = {
    "npy": "_depth.npy",
    "tiff": "_depth.tif",
    "png": "_depth.png",
    "color": "_color.png",
    "exr": "_depth.exr",
}
NORMALS_SUFFIXES = {
    "npy": "_normals.npy",
    "tiff": "_normals.tif",
    "color": "_normals.png",
    "exr": "_normals.exr",
}
INTRINSIC_SUFFIXES = {  # behind the image's own name, as in "_albedo.npy"
    "npy": ".npy",
    "tiff": ".tif",
    "color": ".png",
    "exr": ".exr",
}
UNCERTAINTY_SUFFIXES = {
    "npy": "_uncertainty.npy",
    "tiff": "_uncertainty.tif",
    "png": "_uncertainty.png",
    "exr": "_uncertainty.exr",
}
_FIRST: dict[Modality, tuple[Quantity, dict[str, str]]] = {
    Modality.DEPTH: ("depth", DEPTH_SUFFIXES),
    Modality.NORMALS: ("normals", NORMALS_SUFFIXES),
    Modality.IID: ("intrinsic", INTRINSIC_SUFFIXES),
}
FORMATS = tuple(DEPTH_SUFFIXES)  # what --format takes; of vectors there is no 16-bit PNG


@dataclass(frozen=True)
class Output:
    """One file of a photo's results.

    Attributes:
        format: One of `FORMATS`.
        quantity: What its numbers are; "uncertainty" is the ensemble's spread.
        path: POSIX, relative to the output folder.
        intrinsic: Name of the intrinsic image; "" where there is none.
    """

    format: str
    quantity: Quantity
    path: str
    intrinsic: str = ""


def outputs_of(
    stem: str,
    formats: Sequence[str],
    uncertainty: bool,
    modality: Modality = Modality.DEPTH,
    intrinsics: Sequence[str] = (),
) -> tuple[Output, ...]:
    """Name the files of one photo: depth or normals first, then uncertainty.

    Of intrinsic images, one by one, the same: "_albedo.npy", then "_albedo_uncertainty.npy".

    Args:
        stem: `ImageRef.stem`, POSIX and relative.
        formats: Some of `FORMATS`.
        uncertainty: Whether the ensemble's spread is written too; "color" has none.
        modality: What is estimated.
        intrinsics: Names of the intrinsic images.
    """
    quantity, suffixes = _FIRST[modality]
    kinds = [(quantity, suffixes)]
    if uncertainty:
        kinds.append(("uncertainty", UNCERTAINTY_SUFFIXES))
    stems = [(f"{stem}_{name}", name) for name in intrinsics] or [(stem, "")]
    return tuple(
        Output(key, quantity, own + suffixes[key], name)
        for own, name in stems
        for quantity, suffixes in kinds
        for key in formats
        if key in suffixes
    )


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
