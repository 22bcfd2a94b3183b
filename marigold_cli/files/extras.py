"""Formats that need an optional package: which files they are, and how to get them read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Extra:
    """An optional package and the photos that it reads.

    Attributes:
        name: As pip takes it: "heic" of marigold-cli[heic].
        module: What it brings.
        photos: What it reads, in the reader's words.
        suffixes: Of these photos, lower-case, with their dot.
    """

    name: str
    module: str
    photos: str
    suffixes: frozenset[str]

    @property
    def is_installed(self) -> bool:
        """Whether the package is there."""
        return find_spec(self.module) is not None

    def count(self, number: int) -> str:
        """Return "1 HEIC photo" or "2 HEIC photos"."""
        return f"{number:,} {self.photos if number != 1 else self.photos.removesuffix('s')}"

    @property
    def command(self) -> str:
        """What to type to get it."""
        return f"pip install 'marigold-cli[{self.name}]'"


_RAW_SUFFIXES = (
    ".3fr .arw .cr2 .cr3 .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl .srw"
)
HEIC = Extra("heic", "pillow_heif", "HEIC photos", frozenset({".heic", ".heif", ".hif"}))
RAW = Extra("raw", "rawpy", "camera raw photos", frozenset(_RAW_SUFFIXES.split()))
EXTRAS = (HEIC, RAW)
