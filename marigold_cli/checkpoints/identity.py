"""What a folder is the same as: a digest of its content, wherever it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from marigold_cli.checkpoints.snapshot import Snapshot


def identify(snapshot: Snapshot, files: Iterable[str]) -> str:
    """Sha256 over the names and contents of these files; independent of where the folder lies.

    Raises:
        ModelError: one of them cannot be read.
    """
    names = sorted(files)
    with ThreadPoolExecutor() as pool:  # hashing releases the lock; weights are gigabytes
        digests = list(pool.map(lambda name: _digest(snapshot, name), names))
    lines = (f"{name}\0{digest}\n" for name, digest in zip(names, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(snapshot: Snapshot, name: str) -> str:
    with snapshot.reading(name), (snapshot.folder / name).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
