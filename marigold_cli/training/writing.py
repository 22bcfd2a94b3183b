"""Files that have their name only when all of them is on the disk, however many write there."""

from __future__ import annotations

import os
from pathlib import Path

from marigold_cli.files.disk import output_errors, sync_folder, write_new


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, in place of an older one if there is one; its folder is made.

    Raises:
        OutputError: The disk takes no more.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        try:
            write_new(partial, content, fsync=True)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(path.parent)
