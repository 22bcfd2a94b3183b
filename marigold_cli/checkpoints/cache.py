"""The hub's cache on this disk: where a repository's snapshot lies. Never the network."""

from __future__ import annotations

import os
import re
from pathlib import Path

from huggingface_hub import constants, try_to_load_from_cache

from marigold_cli.errors import ModelError, first_line

_FOLDER = "models--"  # and the hub id with "--" for "/", as huggingface_hub names them
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")


def cache_folder() -> Path:
    """The cache, as the environment says now; huggingface_hub asks only once, at its import."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    if "HF_HOME" in os.environ:
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    return Path(str(constants.HF_HUB_CACHE))


def find_snapshot(name: str, revision: str | None, index: str) -> Path | None:
    """The folder of a repository's snapshot that has this file; its name is the hub's commit.

    Raises:
        ModelError: no hub id, no revision, or no permission to read it.
    """
    check_names(name, revision)
    try:
        path = try_to_load_from_cache(name, index, cache_dir=cache_folder(), revision=revision)
    except OSError as error:
        raise ModelError(f"{name}: its cache cannot be read: {first_line(error)}") from error
    return Path(path).parent if isinstance(path, str) else None


def is_hub_id(name: str) -> bool:
    """Whether a name is spelled like a repository of the hub: "org/name"."""
    return bool(_HUB_ID.fullmatch(name)) and ".." not in name and "--" not in name


def check_names(name: str, revision: str | None) -> None:
    """Refuse spellings that could lead out of the cache.

    Raises:
        ModelError: no hub id, or no revision.
    """
    if not is_hub_id(name):
        raise ModelError(f"{name!r} is no hub id; they look like prs-eth/marigold-depth-v1-1")
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise ModelError(f"{name}: {revision!r} is no revision of the hub")


def cached_repositories() -> list[str]:
    """Hub ids of all models in the cache, whole or not, sorted."""
    names = (folder.name.removeprefix(_FOLDER) for folder in cache_folder().glob(f"{_FOLDER}*"))
    return sorted(name.replace("--", "/") for name in names)
