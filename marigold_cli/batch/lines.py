"""Records as lines of a journal, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from marigold_cli.batch.fields import Fields, Json
from marigold_cli.batch.records import Done, Failed, Fits, Made, Record, Start, Void
from marigold_cli.batch.runs import End, Run

VERSION = 1

_KINDS: dict[Json, Callable[[Fields], Record]] = {
    kind.ev: kind.read for kind in (Run, Start, Made, Void, Done, Failed, Fits, End)
}


def to_line(record: Record, at: float) -> bytes:
    """One line of ASCII JSON with its newline, whatever bytes a file name holds.

    Args:
        record: What happened.
        at: When [s since 1970].
    """
    fields = {"v": VERSION, "ev": record.ev, "at": round(at, 3), **asdict(record)}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def from_line(line: bytes) -> tuple[Record | None, float | None]:
    """The record of one line and its time; None for a kind of a later version.

    Raises:
        ValueError: the line is torn or corrupt.
    """
    try:
        fields = json.loads(line)
        if not isinstance(fields, dict) or not isinstance(fields["ev"], str):
            raise TypeError(line)
        read = _KINDS.get(fields["ev"])
        at = fields.get("at")
        return read(fields) if read else None, at if isinstance(at, int | float) else None
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
