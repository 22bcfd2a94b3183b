"""How far the runs in an output folder came."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.fields import Json
from marigold_cli.batch.folder import HIDDEN, LOCK, read_binding
from marigold_cli.batch.journal import fold
from marigold_cli.batch.lock import is_held
from marigold_cli.batch.outputs import Damage, find_damage, find_missing
from marigold_cli.batch.runs import End
from marigold_cli.batch.state import State
from marigold_cli.errors import ExitCode, NoInputError


@dataclass(frozen=True)
class Status:
    """How far the runs in a folder came; no image is read for it.

    Attributes:
        done: Photos whose outputs are there with their recorded size.
        damaged: Outputs that are missing or have another size.
        failed: Photos without a valid output, and folders that the last run could not read.
        unfinished: Photos that were begun and neither finished nor failed since.
        aside: Photos without a valid output that the last run did not take any more; they are not
            among those above.
        total: Photos that the folder is to hold when all is done; None: not recorded.
        remaining: Photos that the last run meant to compute and has not come to yet.
        fingerprint: What the folder is bound to; None: nothing.
        settings: The same in words.
        bad_lines: Lines of the journals that could not be read.
        is_running: Whether somebody is at work in the folder, as far as can be seen.
        is_ended: Whether the last run came to an end in order, or every part of the last split.
        unbegun: Parts of the last split that no run has begun.
        exit_code: What the last run ended with; "stopped" where it has not ended.
    """

    done: int
    damaged: tuple[Damage, ...]
    failed: tuple[Failure, ...]
    unfinished: tuple[str, ...]
    aside: tuple[str, ...]
    total: int | None
    remaining: int
    fingerprint: str | None
    settings: dict[str, Json]
    bad_lines: int
    is_running: bool
    is_ended: bool
    unbegun: tuple[str, ...]
    exit_code: ExitCode


def read_status(out: Path) -> Status:
    """Fold the journals of a folder and look at the outputs they name.

    Raises:
        NoInputError: there is no journal.
    """
    is_running = is_held(out / HIDDEN / LOCK)  # asked first: its end is recorded before it leaves
    state, binding = fold_known(out), read_binding(out)
    entries = state.counted
    done = sum(entry.done is not None for entry in entries.values())
    damaged = find_damage(out, entries, find_missing)
    failed = tuple(entry.failed.failure for entry in entries.values() if entry.failed)
    open_ends = [name for name, one in entries.items() if not one.done and not one.failed]
    return Status(
        done=done - len({damage.name for damage in damaged}),
        damaged=tuple(damaged),
        failed=(*state.unread, *failed),
        unfinished=tuple(open_ends),
        aside=tuple(sorted(state.aside)),
        total=_total(state, done + len(failed)),
        remaining=sum(stint.remaining for stint in state.stints.values()),
        fingerprint=binding.fingerprint if binding else None,
        settings=binding.settings if binding else {},
        bad_lines=state.bad_lines,
        is_running=is_running,
        is_ended=None not in state.ends,
        unbegun=state.unbegun,
        exit_code=_exit_code(state, bool(damaged), bool(state.unread or failed)),
    )


def fold_known(out: Path) -> State:
    """Fold the journals of a folder that has some.

    Raises:
        NoInputError: there is none.
    """
    state = fold(out)
    if state.run is None:
        raise NoInputError(f"{out}: no journal of a run here; name the folder given as --out")
    return state


def _total(state: State, known: int) -> int | None:
    """Photos that the folder is to hold; never fewer than are known of."""
    totals = [stint.run.total for stint in state.stints.values()]
    return max(known, sum(totals)) if all(totals) and not state.unbegun else None


def _exit_code(state: State, is_damaged: bool, has_failures: bool) -> ExitCode:
    code = max((_code(end) for end in state.ends), key=_gravity)
    if code is ExitCode.OK:  # also with failures, where --fail-on tolerated them
        return ExitCode.PARTIAL if is_damaged else ExitCode.OK
    if code is ExitCode.PARTIAL and not is_damaged and not has_failures:
        return ExitCode.OK
    return code


def _code(end: End | None) -> ExitCode:
    try:
        return ExitCode(end.code) if end else ExitCode.STOPPED
    except ValueError:  # of a later version
        return ExitCode.STOPPED


def _gravity(code: ExitCode) -> int:
    """What broke a shard is graver than that another came to no end, and that than bad photos."""
    lighter = (ExitCode.OK, ExitCode.PARTIAL, ExitCode.STOPPED)
    return lighter.index(code) if code in lighter else len(lighter)
