"""What tells whether files are those of before, without opening one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_LOOKING = 16  # threads, most of them waiting for a drive to find a file


def digest_of_files(root: Path, paths: Iterable[Path], words: str = "") -> str:
    """A digest of where a set lies, of each file's name, size and time, and of other words.

    Args:
        root: Of the set.
        paths: Its files, in an order that is always the same.
        words: What else makes a difference.

    Raises:
        OSError: A file is not there.
    """
    digest = hashlib.sha256(f"{root.resolve()} {words}".encode())
    with ThreadPoolExecutor(_LOOKING, thread_name_prefix="stamp") as pool:
        for stamp in pool.map(_stamp, paths):
            digest.update(stamp.encode())
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}\n"
