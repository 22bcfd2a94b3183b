"""`marigold status` and `marigold verify`: how far a run came, and if its results are whole."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from marigold_cli.batch.options import RunOptions
from marigold_cli.cli import options as flags
from marigold_cli.cli.console import announced, put, show, stderr_console
from marigold_cli.cli.wording import count, failure
from marigold_cli.errors import ExitCode

if TYPE_CHECKING:
    from marigold_cli.batch.verify import Status

_OUT = RunOptions().out


def status(out: flags.OutArgument = _OUT, json: flags.Json = False) -> None:
    """Tell how far the runs in an output folder came; exits with their code.

    Example: marigold status depths
    """
    from marigold_cli.batch import verify

    found = verify.status(out)
    put(json_format.dumps(asdict(found)) if json else _to_text(found))
    raise typer.Exit(found.exit_code)


def verify(out: flags.OutArgument = _OUT, json: flags.Json = False) -> None:
    """Read every result again and compare; exits with 10 when any is damaged or missing.

    Example: marigold verify depths
    """
    from marigold_cli.batch import verify

    with announced(stderr_console(), "reading every result again"):
        damaged = verify.verify(out)
    found = verify.status(out)
    is_whole = not damaged and found.exit_code is ExitCode.OK
    if json:
        facts = {"whole": is_whole, "done": found.done, "damaged": [asdict(one) for one in damaged]}
        put(json_format.dumps(facts))
    else:
        for one in damaged:
            put(f"{one.kind}: {show(one.path)} (of {show(one.name)})")
        put(_verdict(found, len(damaged), out))
    raise typer.Exit(ExitCode.OK if is_whole else ExitCode.PARTIAL)


def _verdict(found: Status, damaged: int, out: Path) -> str:
    """Return the last line of verify."""
    if damaged:
        advice = "run the same line again with --check hash to compute them anew"
        return f"{count(damaged, 'damaged result')}; {advice}"
    if found.exit_code is not ExitCode.OK:
        return (
            f"{count(found.done, 'photo')} whole, but the run is not complete; "
            f"see: marigold status {show(out)}"
        )
    return f"{count(found.done, 'photo')} whole"


def _settings(found: Status) -> Iterator[str]:
    """Return what the folder is bound to, line by line; what is off or not used is left out."""
    for key, value in sorted(found.settings.items()):
        if value is None or value is False:
            continue
        text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{key} {show(text)}"


def _to_text(found: Status) -> str:
    """Return a status as lines for people."""
    lines = [
        f"done        {found.done:,}",
        f"failed      {len(found.failed):,}",
        *(f"  {one.kind}: {failure(one.name, one.message)}" for one in found.failed),
        f"damaged     {len(found.damaged):,}",
        *(f"  {one.kind}: {show(one.path)}" for one in found.damaged),
        f"unfinished  {len(found.unfinished):,}",
        *(f"  {show(name)}" for name in found.unfinished),
        f"settings    {found.fingerprint or 'none'}",
        *(f"  {line}" for line in _settings(found)),
        f"exit code   {int(found.exit_code)}: {found.exit_code.meaning}",
    ]
    if found.bad_lines:
        lines.append(f"journal     {count(found.bad_lines, 'line')} could not be read")
    return "\n".join(lines)
