"""Versions of what computes: worth recording, and a warning when they change."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
from collections.abc import Mapping

_COMPUTE = ("marigold-cli", "torch", "diffusers", "numpy", "pillow")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the program and of the libraries that compute, by name."""
    found = {}
    for name in _COMPUTE:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def changes(before: Mapping[str, str]) -> list[str]:
    """What changed since, for instance "torch 2.10 -> 2.13"."""
    return [
        f"{name} {before[name]} -> {version}"
        for name, version in versions().items()
        if before.get(name, version) != version
    ]
