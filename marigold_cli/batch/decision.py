"""What becomes of each photo, and what must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.plan import Job
from marigold_cli.batch.records import Done, Failed
from marigold_cli.errors import CollisionError, ForeignFileError, SettingsMismatchError
from marigold_cli.files.discover import ImageRef

_SHOWN = 5  # names in a message


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
            f"{out}: holds results of other settings for {_listed(other)}; "
            "choose another --out, or --overwrite to compute everything anew"
        )
    if foreign := [path for decision in decisions for path in decision.foreign]:
        raise ForeignFileError(
            f"{out}: files that no run has recorded stand in the way: {_listed(foreign)}; "
            "move them, choose another --out, or --overwrite to replace them"
        )
    if rivals := [decision for decision in decisions if decision.rival]:
        first = rivals[0]
        raise CollisionError(
            f"{out}: holds the depth of {first.rival}, which {first.ref.path} would "
            f"replace ({len(rivals)} such photos); choose another --out, or --overwrite to "
            "replace it"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
