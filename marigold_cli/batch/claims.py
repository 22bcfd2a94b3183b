"""Who takes which photo next: all in order, or whoever is free, the longest first.

Several workers share a list that the head of the run has written into a store, and a counter: what
the counter says to one worker, it says to no other. Nobody waits for anybody. The list may be one
of parts of photos.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from itertools import accumulate
from pathlib import Path
from typing import Protocol, TypeAlias

from marigold_cli.batch.plan import Job, Part, outputs_for, parts_of
from marigold_cli.batch.settings import Settings
from marigold_cli.files.discover import ImageRef

_Row: TypeAlias = list[str | int]

_CHUNK = 64  # jobs under one key: few keys, and little to read for a claim


class Store(Protocol):
    """What is needed of torch's distributed stores."""

    def add(self, key: str, amount: int, /) -> int:
        """Add to a counter and return its sum, as one."""

    def set(self, key: str, value: str, /) -> None:
        """Write a value."""

    def get(self, key: str, /) -> bytes:
        """Return a value, once it is there."""

    def check(self, keys: list[str], /) -> bool:
        """Tell whether all the keys are there."""

    def queue_push(self, key: str, value: str, /) -> None:
        """Put a value at the end of a queue."""

    def queue_pop(self, key: str, block: bool, /) -> bytes:
        """Take the first value of a queue."""

    def queue_len(self, key: str, /) -> int:
        """Return how many values are in a queue."""


class Claims(Protocol):
    """Hands out each photo once; those that must be alone come last."""

    def take(self) -> Job | None:
        """Return the next photo; None: there is none."""

    def may_hold(self, held: int) -> bool:
        """Tell whether one who holds photos of so many bytes should take one more already."""


class InOrder:
    """All photos for one worker, in the order of the plan."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = iter(sorted(jobs, key=lambda job: job.alone))

    def take(self) -> Job | None:
        """Return the next photo; None: there is none."""
        return next(self._jobs, None)

    def may_hold(self, held: int) -> bool:
        """Nobody else is waiting for it."""
        return True


class Shared:
    """Photos of a list that several workers share.

    Args:
        store: Where `publish` put the list.
        run: Under this name.
        settings: What is written for each photo.
        count: Length of the list.
        workers: So many share it.
    """

    def __init__(
        self, store: Store, run: str, settings: Settings, count: int, workers: int
    ) -> None:
        self._store, self._run, self._settings = store, run, settings
        self._count, self._workers = count, workers
        self._chunk: tuple[int, list[_Row]] = (-1, [])

    def take(self) -> Job | None:
        """Return the next photo; None: there is none."""
        number = self._store.add(f"{self._run}/next", 1) - 1
        return self._read(number)[0] if number < self._count else None

    def may_hold(self, held: int) -> bool:
        """Tell whether what one then holds is no more than a worker's share of what is left.

        So nobody sits on a photo that another one could have finished sooner.
        """
        number = self._store.add(f"{self._run}/next", 0)
        if number >= self._count:
            return True  # to be told that there is none
        job, rest = self._read(number)
        return not job.alone and held + cost(job) <= rest / self._workers

    def _read(self, number: int) -> tuple[Job, int]:
        """A job of the list, and the cost of all that come after it."""
        chunk, place = divmod(number, _CHUNK)
        if chunk != self._chunk[0]:
            self._chunk = chunk, json.loads(self._store.get(_key(self._run, chunk)))
        return _from_row(self._chunk[1][place], self._settings)


def publish(store: Store, run: str, jobs: Iterable[Job]) -> int:
    """Write the list that the workers of a run share, the longest first; returns its length."""
    ordered = sorted(jobs, key=lambda job: (job.alone, -job.size))  # a photo's parts stay together
    rests = accumulate((cost(job) for job in reversed(ordered)), initial=0)
    after = reversed([*rests][:-1])
    rows = [_to_row(job, rest) for job, rest in zip(ordered, after, strict=True)]
    for chunk, first in enumerate(range(0, len(rows), _CHUNK)):
        store.set(_key(run, chunk), json.dumps(rows[first : first + _CHUNK]))
    return len(rows)


def cut(jobs: Iterable[Job], ensemble: int, batch: int) -> list[Job]:
    """Each photo's job as those of its parts, so that several workers make its members.

    Each is as many members as go through the network together, and thus what one worker would
    have computed at once.
    """
    return [replace(job, part=part) for job in jobs for part in parts_of(ensemble, batch)]


def cost(job: Job) -> int:
    """What a job costs compared to others: the bytes of its photo's file, or its part of them."""
    size = job.size * job.part.size // job.part.of if job.part else job.size
    return max(1, size)


def _to_row(job: Job, rest: int) -> _Row:
    ref = job.ref
    state = (job.reason, job.attempt, job.alone, job.size, job.mtime_ns)
    part = astuple(job.part) if job.part else ()
    return [str(ref.path.absolute()), ref.name, *state, rest, *part]


def _from_row(row: _Row, settings: Settings) -> tuple[Job, int]:
    path, name, reason, attempt, alone, size, mtime_ns, rest, *part = row
    ref = ImageRef(Path(str(path)), str(name))
    numbers = int(attempt), bool(alone), int(size), int(mtime_ns)
    job = Job(ref, outputs_for(ref, settings), str(reason), *numbers)
    return replace(job, part=Part(*map(int, part)) if part else None), int(rest)


def _key(run: str, chunk: int) -> str:
    return f"{run}/jobs/{chunk}"
