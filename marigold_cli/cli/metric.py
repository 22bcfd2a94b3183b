"""What `marigold run --colmap` adds to a run: a look at the model before, metric depth after."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from marigold_cli.batch.options import Policy, RunOptions
from marigold_cli.batch.progress import Teller
from marigold_cli.batch.summary import Summary
from marigold_cli.cli.align import verdict
from marigold_cli.cli.console import announced, printable, say
from marigold_cli.cli.events import Aligned, JsonLog
from marigold_cli.cli.wording import count, failure
from marigold_cli.cli.workflow import Prepared
from marigold_cli.errors import ExitCode, MarigoldError, UsageError
from marigold_cli.scene3d.align import align
from marigold_cli.scene3d.alignment import TABLE, Alignment
from marigold_cli.scene3d.belonging import foresee
from marigold_cli.scene3d.options import AlignOptions

_SHOWN = 20  # refused photos; alignment.csv has them all


def look_ahead(colmap: Path, prepared: Prepared, teller: Teller) -> None:
    """See that there is a sparse model of these photos, before one is computed.

    Raises:
        MarigoldError: there is none, or the run would leave nothing that can be aligned.
    """
    plan = prepared.plan
    if plan.shard:
        raise UsageError(
            "--colmap makes the depth of all photos metric, and a shard has only some; leave it "
            "out, and when all shards are done: marigold align OUT --colmap DIR"
        )
    photos = [*(job.ref.name for job in plan.jobs), *(photo.name for photo in plan.skipped)]
    teller.stage("reading the sparse model")
    known = foresee(colmap, plan.settings, photos)
    teller.note(f"sparse model: {colmap}, with {known:,} of {count(len(photos), 'photo')}")


def make_metric(
    colmap: Path, summary: Summary, asked: RunOptions, console: Console, log: JsonLog
) -> tuple[Summary, Alignment | None]:
    """Align the depth of a run that came to its end, and log it; another is left as it is.

    Returns:
        The summary, with what came of this in its exit code and error; and the alignment.
    """
    if summary.stopped or summary.signal or not summary.done + summary.skipped:
        return summary, None
    try:
        with announced(console, "aligning"):
            found = align(AlignOptions(asked.out, colmap, fsync=asked.policy.fsync))
    except MarigoldError as error:
        log.observe(Aligned(0, 0, error.exit_code, str(error)))
        return replace(summary, error=str(error), exit_code=error.exit_code), None
    code = _judge(summary, found, asked.policy)
    log.observe(Aligned(len(found.accepted), len(found.rejected), code))
    return replace(summary, exit_code=code), found


def _judge(summary: Summary, found: Alignment, policy: Policy) -> ExitCode:
    """A photo that is refused counts as one that failed."""
    bad = {failed.name for failed in summary.failed} | found.rejected.keys()
    everything = bad | found.accepted.keys()
    is_fine = policy.tolerates(len(bad), len(everything))
    return summary.exit_code if is_fine else ExitCode.PARTIAL


def to_json(summary: Summary, found: Alignment | None) -> str:
    """Return both as one line of ASCII JSON; "alignment" is null where there was none."""
    facts = json.loads(summary.to_json())
    return json.dumps({**facts, "alignment": found and asdict(found)})


def print_alignment(console: Console, found: Alignment, out: Path, quiet: bool) -> None:
    """Print which photos were refused and why, and unless quiet what came of all."""
    refused = list(found.rejected.values())
    for photo in refused[:_SHOWN]:
        say(failure(photo.name, photo.reason), "refused", "yellow", console)
    if quiet:
        return
    if len(refused) > _SHOWN:
        rest = len(refused) - _SHOWN
        say(f"and {rest:,} more refused; see {printable(out / TABLE)}", console=console)
    say(verdict(found), console=console)
