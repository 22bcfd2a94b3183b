"""What becomes of each photo, and what must not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.plan import Job
from marigold_cli.batch.records import Done, Failed
from marigold_cli.batch.state import Entry, State
from marigold_cli.errors import (
    CollisionError,
    ForeignFileError,
    Kind,
    SettingsMismatchError,
    name_some,
)
from marigold_cli.files.discover import ImageRef

_CRASHES = 2  # a photo that a process died of so often, with nothing else in flight, is left out


@dataclass(frozen=True)
class Decision:
    """What becomes of one photo.

    Attributes:
        ref: The photo.
        job: What is to be done; None: nothing.
        failure: Why it is passed over.
        record: What the journal does not know yet.
        is_other: Whether its record has other settings.
        is_finished: Whether the run that goes on has computed it already.
        foreign: Files without a record that stand where its outputs should go.
        rival: Another photo, still there, whose depth would be replaced; empty: none.
    """

    ref: ImageRef
    job: Job | None = None
    failure: Failure | None = None
    record: Done | Failed | None = None
    is_other: bool = False
    is_finished: bool = False
    foreign: tuple[str, ...] = ()
    rival: str = ""


def refuse(decisions: Sequence[Decision], out: Path) -> None:
    """Raise if any photo must not be computed here.

    Raises:
        SettingsMismatchError: it has other settings.
        ForeignFileError: a file without a record stands where an output should go.
        CollisionError: a photo of another folder has its depth there.
    """
    if other := [decision.ref.name for decision in decisions if decision.is_other]:
        raise SettingsMismatchError(
            f"{out}: holds results of other settings for {name_some(other)}; "
            "choose another --out, or --overwrite to compute everything anew"
        )
    if foreign := [path for decision in decisions for path in decision.foreign]:
        raise ForeignFileError(
            f"{out}: files that no run has recorded stand in the way: {name_some(foreign)}; "
            "move them, choose another --out, or --overwrite to replace them"
        )
    if rivals := [decision for decision in decisions if decision.rival]:
        first = rivals[0]
        raise CollisionError(
            f"{out}: holds the depth of {first.rival}, which {first.ref.path} would "
            f"replace ({len(rivals)} such photos); choose another --out, or --overwrite to "
            "replace it"
        )


def is_deadly(job: Job, entry: Entry) -> bool:
    """Whether a process died of a photo, as it is now, so often and with nothing else in flight."""
    return entry.alone >= _CRASHES and entry.begun == (job.size, job.mtime_ns)


def quarantine(job: Job, entry: Entry) -> Decision:
    """Leave a photo out by name."""
    message = (
        f"the program died {entry.alone} times while it was working on nothing but this photo; "
        "it is left out until the photo changes or --overwrite is given"
    )
    record = Failed(job.ref.name, Kind.CRASH, message, job.attempt, job.size, job.mtime_ns)
    return Decision(job.ref, failure=record.failure, record=record)


def find_foreign(job: Job, state: State, out: Path) -> tuple[str, ...]:
    """Files at the job's outputs that no run of ours has recorded."""
    paths = [output.path for output in job.outputs if output.path not in state.owners]
    return tuple(path for path in paths if os.path.lexists(out / path))


def find_rival(job: Job, state: State) -> str:
    """A photo of another folder, still there, that the job's outputs belong to; empty: none."""
    for output in job.outputs:
        entry = state.entries.get(state.owners.get(output.path, ""))
        if entry and entry.done and _is_another(entry.done.path, job.ref.path):
            return entry.done.path
    return ""


def find_outdated(jobs: Sequence[Job], state: State, fingerprint: str) -> Iterator[str]:
    """Photos whose records must no longer count, since their outputs are about to be replaced.

    What is overwritten by its like counts until its turn has come.
    """
    done = {name: entry.done for name, entry in state.entries.items() if entry.done}
    for job in jobs:
        name = job.ref.name
        rivals = {state.owners.get(one.path, name) for one in job.outputs} - {name}
        if name in done and (job.reason != "overwrite" or done[name].fp != fingerprint):
            rivals.add(name)
        yield from (one for one in sorted(rivals) if one in done)


def _is_another(known: str, path: Path) -> bool:
    """Whether a recorded photo is still there, and another file than the one at the path."""
    if not known or Path(known) == path.absolute():
        return False
    try:
        return Path(known).exists() and not path.samefile(known)
    except OSError:  # the run itself will meet and name it
        return True
