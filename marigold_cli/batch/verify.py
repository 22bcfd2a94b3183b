"""What is in an output folder: how far its runs came, and whether its files are still whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.folder import HIDDEN, LOCK, read_binding
from marigold_cli.batch.journal import fold
from marigold_cli.batch.lock import is_held
from marigold_cli.batch.records import End, OutputFile
from marigold_cli.batch.settings import Json
from marigold_cli.batch.state import State
from marigold_cli.errors import ExitCode, NoInputError

_THREADS = 8


@dataclass(frozen=True)
class Damage:
    """One output that is not what was written.

    Attributes:
        name: The photo.
        path: The output, relative to the output folder.
        kind: "missing", "size", "hash", "settings" (made with other settings than the folder is
            bound to), or "stale" (of a photo that failed or was not finished since).
    """

    name: str
    path: str
    kind: str


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


def status(out: Path) -> Status:
    """Fold the journals of a folder and look at the outputs they name.

    Raises:
        NoInputError: there is no journal.
    """
    is_running = is_held(out / HIDDEN / LOCK)  # asked first: its end is recorded before it leaves
    state, binding = _fold(out), read_binding(out)
    entries = state.counted
    done = {name: entry.done for name, entry in entries.items() if entry.done}
    damaged = [
        Damage(name, file.path, kind)
        for name, record in done.items()
        for file in record.outputs
        if (kind := look(out, file))
    ]
    failed = tuple(entry.failed.failure for entry in entries.values() if entry.failed)
    open_ends = [name for name, one in entries.items() if not one.done and not one.failed]
    return Status(
        done=len(done) - len({damage.name for damage in damaged}),
        damaged=tuple(damaged),
        failed=(*state.unread, *failed),
        unfinished=tuple(open_ends),
        aside=tuple(sorted(state.aside)),
        total=_total(state, len(done) + len(failed)),
        remaining=sum(stint.remaining for stint in state.stints.values()),
        fingerprint=binding.fingerprint if binding else None,
        settings=binding.settings if binding else {},
        bad_lines=state.bad_lines,
        is_running=is_running,
        is_ended=None not in state.ends,
        unbegun=state.unbegun,
        exit_code=_exit_code(state, bool(damaged), bool(state.unread or failed)),
    )


def verify(out: Path) -> list[Damage]:
    """Read every recorded output again and name those that are not what was written.

    Raises:
        NoInputError: there is no journal.
    """
    state, binding = _fold(out), read_binding(out)
    outputs = [
        (name, file)
        for name, entry in state.counted.items()
        if entry.done
        for file in entry.done.outputs
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        kinds = pool.map(
            lambda output: look(out, output[1]) or compare_hash(out, output[1]), outputs
        )
        damaged = [
            Damage(name, file.path, kind)
            for (name, file), kind in zip(outputs, kinds, strict=True)
            if kind
        ]
    bound_to = binding.fingerprint if binding else None
    return [*damaged, *_other_settings(state, bound_to), *_stale(state, out)]


def _fold(out: Path) -> State:
    state = fold(out)
    if state.run is None:
        raise NoInputError(f"{out}: no journal of a run here; name the folder given as --out")
    return state


def look(out: Path, file: OutputFile) -> str | None:
    """Look for one output, and read nothing: None when it seems whole, else "missing" or "size"."""
    if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
        return "missing"  # no run writes such a path, so nothing outside is looked at
    try:
        size = (out / file.path).stat().st_size
    except (OSError, ValueError):
        return "missing"
    return None if size == file.size else "size"


def compare_hash(out: Path, file: OutputFile) -> str | None:
    """Read one output again: None when it is what was written, else "missing" or "hash"."""
    try:
        with (out / file.path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return "missing"
    return None if digest == file.sha256 else "hash"


def _other_settings(state: State, bound_to: str | None) -> Iterator[Damage]:
    for name, entry in state.entries.items():
        if entry.done and bound_to and entry.done.fp != bound_to:
            yield from (Damage(name, file.path, "settings") for file in entry.done.outputs)


def _stale(state: State, out: Path) -> Iterator[Damage]:
    """Outputs of an earlier state of photos that failed, or were not finished, since."""
    for path, name in state.owners.items():
        if state.entries[name].done is None and (out / path).exists():
            yield Damage(name, path, "stale")


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
