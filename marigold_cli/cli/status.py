"""`marigold status` and `marigold verify`: how far a run came, and if its results are whole."""

from __future__ import annotations

import json as json_format
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from marigold_cli.batch.options import RunOptions
from marigold_cli.cli import options as flags
from marigold_cli.cli.console import announced, printable, put, stderr_console
from marigold_cli.cli.wording import count, failure
from marigold_cli.errors import ExitCode

if TYPE_CHECKING:
    from marigold_cli.batch.status import Status

_OUT = RunOptions().out
_AGAIN = "run the same line again"


def status(out: flags.OutArgument = _OUT, json: flags.Json = False) -> None:
    """Tell how far the runs in an output folder came; exits with their code.

    Example: marigold status depths
    """
    from marigold_cli.batch.status import read_status

    found = read_status(out)
    put(json_format.dumps(asdict(found)) if json else _to_text(found))
    raise typer.Exit(found.exit_code)


def verify(out: flags.OutArgument = _OUT, json: flags.Json = False) -> None:
    """Read every result again and compare with its record.

    Exits with 10 when any is damaged or missing, or the run is not complete.

    Example: marigold verify depths
    """
    from marigold_cli.batch import verify
    from marigold_cli.batch.status import read_status

    with announced(stderr_console(), "reading every result again"):
        damaged = verify.verify(out)
    found = read_status(out)
    is_whole = not damaged and found.exit_code is ExitCode.OK
    if json:
        facts = {"whole": is_whole, "done": found.done, "damaged": [asdict(one) for one in damaged]}
        put(json_format.dumps(facts))
    else:
        for one in damaged:
            put(f"{one.kind}: {printable(one.path)} (of {printable(one.name)})")
        put(_verdict(found, Counter(one.kind for one in damaged), out))
    raise typer.Exit(ExitCode.OK if is_whole else ExitCode.PARTIAL)


def _verdict(found: Status, kinds: Counter[str], out: Path) -> str:
    """Return the last lines of verify."""
    if kinds:
        return "\n".join(_advise(kinds))
    if found.exit_code is not ExitCode.OK:
        return (
            f"{count(found.done, 'photo')} whole, but the run is not complete; "
            f"see: marigold status {printable(out)}"
        )
    return f"{count(found.done, 'photo')} whole"


def _advise(kinds: Counter[str]) -> Iterator[str]:
    """Return what to do about results that are not what they should be, kind by kind."""
    if lost := kinds["missing"] + kinds["size"]:
        yield f"{count(lost, 'result')} missing or cut; {_AGAIN} to compute them anew"
    if rotten := kinds["hash"]:
        yield f"{count(rotten, 'damaged result')}; {_AGAIN} with --check hash to compute them anew"
    if stale := kinds["stale"]:
        yield (
            f"{count(stale, 'stale result')}, of photos that failed or were not finished since; "
            f"mend these photos and {_AGAIN}, or delete the results"
        )
    if others := kinds["settings"]:
        yield (
            f"{count(others, 'result')} of other settings than the folder's, of photos that were "
            "not taken since; run with these photos and --overwrite, or delete the results"
        )


def _reason(found: Status) -> str:
    """Return why the exit code is what it is."""
    if found.exit_code is ExitCode.STOPPED and not found.is_ended:
        return _unended(found)
    if found.exit_code is ExitCode.OK and found.failed:
        return f"{count(len(found.failed), 'failure')} tolerated by --fail-on"
    if found.exit_code is not ExitCode.PARTIAL:
        return found.exit_code.meaning
    reasons = [count(len(found.failed), "failure")] if found.failed else []
    if found.failed and found.remaining:
        reasons.append(f"{found.remaining:,} not tried")
    return "; ".join([*reasons, *_advise(Counter(one.kind for one in found.damaged))])


def _unended(found: Status) -> str:
    """Return why the last run has no end."""
    if found.is_running:
        return "a run is at work here"
    if found.unbegun:
        return f"not begun yet: part {', '.join(found.unbegun)} of the photos"
    return f"the last run ended without a word (killed?); {_AGAIN} to go on"


def _progress(found: Status) -> str:
    """Return for instance "4 of 12; 8 to go"."""
    is_whole = found.total in (None, found.done)
    of = "" if is_whole else f" of {found.total:,}"
    return f"{found.done:,}{of}" + (f"; {found.remaining:,} to go" if found.remaining else "")


def _settings(found: Status) -> Iterator[str]:
    """Return what the folder is bound to, line by line; what is off or not used is left out."""
    for key, value in sorted(found.settings.items()):
        if value is None or value is False:
            continue
        text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{key} {printable(text)}"


def _to_text(found: Status) -> str:
    """Return a status as lines for people."""
    lines = [
        f"done        {_progress(found)}",
        f"failed      {len(found.failed):,}",
        *(f"  {one.kind}: {failure(one.name, one.message)}" for one in found.failed),
        f"damaged     {len(found.damaged):,}",
        *(f"  {one.kind}: {printable(one.path)}" for one in found.damaged),
        f"unfinished  {len(found.unfinished):,}",
        *(f"  {printable(name)}" for name in found.unfinished),
        f"settings    {found.fingerprint or 'none'}",
        *(f"  {line}" for line in _settings(found)),
        f"exit code   {int(found.exit_code)}: {_reason(found)}",
    ]
    if found.aside:
        lines.insert(-1, f"set aside   {len(found.aside):,}, no longer among the photos")
    if found.is_running and found.is_ended:
        lines.append("            somebody is at work here")
    if found.bad_lines:
        lines.append(f"journal     {count(found.bad_lines, 'line')} could not be read")
    return "\n".join(lines)
