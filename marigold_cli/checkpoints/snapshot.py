"""One checkpoint's folder as untrusted material: nothing is read outside it, or without limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from marigold_cli.errors import ModelError, first_line

Config: TypeAlias = dict[str, object]

MAX_JSON_BYTES = 4 << 20  # the largest index of a sharded checkpoint is a few 100 kB


@dataclass(frozen=True)
class Snapshot:
    """A folder that says it is a checkpoint.

    Attributes:
        name: As the user named it; every message starts with it.
        folder: Where its model_index.json should lie.
    """

    name: str
    folder: Path

    def refuse(self, reason: str) -> ModelError:
        """Make the error that turns this checkpoint down."""
        return ModelError(f"{self.name}: {reason}")

    @contextmanager
    def reading(self, relative: str) -> Iterator[None]:
        """Tell in one line what the disk says while something of it is read.

        Raises:
            ModelError: no permission, or a disk or a network that fails.
        """
        try:
            yield
        except OSError as error:
            why = error.strerror or first_line(error)
            raise self.refuse(f"{relative} cannot be read: {why}") from error

    def find(self, relative: str) -> Path | None:
        """Say where a file lies, or None where there is none.

        Raises:
            ModelError: a name or a link that leads out of the checkpoint, or no permission.
        """
        parts = PurePosixPath(relative)
        if parts.is_absolute() or ".." in parts.parts or "\\" in relative or "\0" in relative:
            raise self.refuse(f"{relative!r} leads out of the checkpoint; refused as unsafe")
        path = self.folder / parts
        with self.reading(relative):
            if not path.is_file():
                return None
            is_inside = path.resolve().is_relative_to(self._root())
        if not is_inside:
            raise self.refuse(f"{relative} is a link out of the checkpoint; refused as unsafe")
        return path

    def require(self, relative: str) -> Path:
        """Say where a file lies that must be there."""
        path = self.find(relative)
        if path is None:
            raise self.refuse(f"{relative} is missing; {self.advice}")
        return path

    @property
    def advice(self) -> str:
        """What to do about an incomplete checkpoint."""
        if self.repository is None:
            return "copy the checkpoint again"
        name = self.repository.name.removeprefix("models--").replace("--", "/")
        return f"complete it with: marigold models pull {name}"

    def read_json(self, relative: str) -> Config:
        """Read one of its configurations.

        Raises:
            ModelError: missing, unreadable, too large, no JSON object, or naming code of its own.
        """
        path = self.require(relative)
        with self.reading(relative), path.open("rb") as stream:
            data = stream.read(MAX_JSON_BYTES + 1)
        if len(data) > MAX_JSON_BYTES:
            raise self.refuse(f"{relative} is larger than {MAX_JSON_BYTES >> 20} MiB; refused")
        try:
            config = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self.refuse(f"{relative} is damaged: {error}; {self.advice}") from error
        if not isinstance(config, dict):
            raise self.refuse(f"{relative} is not a JSON object; {self.advice}")
        for key in ("auto_map", "quantization_config"):
            if key in config:
                raise self.refuse(f"{relative} asks for code of its own ({key}); refused as unsafe")
        return config

    def refuse_code(self, folder: str, known: frozenset[str] = frozenset()) -> None:
        """Refuse a checkpoint that brings code along.

        Args:
            folder: Where to look; "" for the top.
            known: Names that are let pass, and never opened.
        """
        for name in self.names(folder):
            if name.endswith((".py", ".pyc", ".so", ".pyd")) and name not in known:
                place = f"{folder or '.'}/{name}"
                raise self.refuse(f"it brings code along ({place}); refused as unsafe")

    def names(self, folder: str) -> list[str]:
        """Names of the files directly in one of its folders; "" for the top."""
        place = self.folder / folder
        with self.reading(folder or "."):
            return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    @property
    def repository(self) -> Path | None:
        """The hub's folder for all snapshots and blobs of a repository; None outside its cache."""
        place = self.folder.resolve()
        is_cached = place.parent.name == "snapshots" and place.parent.parent.name[:8] == "models--"
        return place.parent.parent if is_cached else None

    def _root(self) -> Path:
        # Files in the hub's cache are links to ../../blobs, so a cached snapshot's root is two up.
        return self.repository or self.folder.resolve()
