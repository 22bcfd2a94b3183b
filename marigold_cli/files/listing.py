"""Lists of photos, as `find` and spreadsheets make them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from marigold_cli.errors import NoInputError, UsageError

_MARK = b"\xef\xbb\xbf"  # byte order mark of UTF-8


def read_list(file: str, nul: bool = False) -> list[str]:
    """Read the paths of a list, one a line; empty lines do not count.

    Args:
        file: A path, or "-" for standard input.
        nul: Whether NUL separates the paths instead of the end of a line.

    Raises:
        UsageError: its name is empty.
        NoInputError: a list that cannot be read or names nothing.
    """
    if not file:
        raise UsageError("--files-from: the name is empty; is a variable of the script not set?")
    if file == "-" and sys.stdin is None:
        raise NoInputError("the list cannot be read: standard input is closed")
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise NoInputError(f"{file}: the list cannot be read ({reason})") from error
    if nul:
        lines = content.split(b"\0")
    else:  # editors on Windows leave a mark at the beginning and a return at each end
        lines = [line.removesuffix(b"\r") for line in content.removeprefix(_MARK).split(b"\n")]
    if not any(lines):  # or a search without matches would take the current folder
        raise NoInputError(f"{'standard input' if file == '-' else file}: the list names no photo")
    return [os.fsdecode(line) for line in lines if line]
