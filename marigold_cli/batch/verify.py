"""Reading every output again, and naming those that are not what was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from marigold_cli.batch.folder import read_binding
from marigold_cli.batch.outputs import Damage, find_altered, find_damage
from marigold_cli.batch.state import State
from marigold_cli.batch.status import fold_known


def verify(out: Path) -> list[Damage]:
    """Read every recorded output again and name those that are not what was written.

    Raises:
        NoInputError: there is no journal.
    """
    state, binding = fold_known(out), read_binding(out)
    damaged = find_damage(out, state.counted, find_altered)
    bound_to = binding.fingerprint if binding else None
    return [*damaged, *_other_settings(state, bound_to), *_stale(state, out)]


def _other_settings(state: State, bound_to: str | None) -> Iterator[Damage]:
    for name, entry in state.entries.items():
        if entry.done and bound_to and entry.done.fp != bound_to:
            yield from (Damage(name, file.path, "settings") for file in entry.done.outputs)


def _stale(state: State, out: Path) -> Iterator[Damage]:
    """Outputs of an earlier state of photos that failed, or were not finished, since."""
    for path, name in state.owners.items():
        if state.entries[name].done is None and (out / path).exists():
            yield Damage(name, path, "stale")
