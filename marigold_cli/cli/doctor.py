"""`marigold doctor`: is this machine fit for the work?"""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from marigold_cli.cli import options as flags
from marigold_cli.cli.console import announced, printable, put, stderr_console, stdout_console

if TYPE_CHECKING:
    from marigold_cli.doctor import Check


def doctor(json: flags.Json = False) -> None:
    """Report versions, devices, models, disk and formats, with advice.

    Example: marigold doctor
    """
    from marigold_cli.doctor import examine

    with announced(stderr_console(), "looking at this machine"):
        checks = examine()
    if json:
        put(json_format.dumps([asdict(check) for check in checks]))
    else:
        stdout_console().print(_table(checks))


def _table(checks: Sequence[Check]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("!!", "bold red")
        found = Text(printable(check.found))
        if check.advice:
            found.append(f"\n-> {printable(check.advice)}", "yellow")
        table.add_row(mark, Text(check.name), found)
    return table
