"""What is written down about updates, as tables that any program can plot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from marigold_cli.files.disk import output_errors, write_whole

HEADER = "update,loss,rate,samples,seconds"


class Table:
    """Appends lines that begin with their update."""

    def __init__(self, path: Path, header: str, update: int) -> None:
        """Open the file and cut what it has beyond an update: those will be made again.

        Args:
            path: NAME.csv.
            header: Names of the columns.
            update: Updates that are done.

        Raises:
            OutputError: It cannot be written.
        """
        self._path = path
        with output_errors(path):
            lines = path.read_text().splitlines()[1:] if path.exists() else []
            kept = [line for line in lines if _is_done(line, header, update)]
            write_whole(path, ("\n".join([header, *kept]) + "\n").encode(), fsync=False)
            self._file = path.open("a", buffering=1)

    def write(self, update: int, *numbers: str) -> None:
        """Write the line of an update, counted from 1."""
        with output_errors(self._path):
            self._file.write(",".join((str(update), *numbers)) + "\n")

    def sync(self) -> None:
        """Wait until the disk has all lines."""
        with output_errors(self._path):
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class Curve(Table):
    """A line an update; numbers are written so that they are read back exactly."""

    def __init__(self, path: Path, update: int) -> None:
        super().__init__(path, HEADER, update)

    def add(self, update: int, loss: float, rate: float, samples: int, seconds: float) -> None:
        """Write the line of an update."""
        self.write(update, repr(loss), repr(rate), str(samples), f"{seconds:.2f}")


def _is_done(line: str, header: str, update: int) -> bool:
    """Whether a line is whole and of an update that is done."""
    number, *rest = line.split(",")
    return len(rest) == header.count(",") and number.isdigit() and int(number) <= update
