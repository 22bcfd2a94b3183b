"""Decode ahead -> predict -> write behind -> journal, with every failure on its own photo."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from marigold_cli.batch.ahead import WriteBehind, map_ahead
from marigold_cli.batch.claims import Claims, cost
from marigold_cli.batch.failure import Failure
from marigold_cli.batch.journal import Journal
from marigold_cli.batch.plan import Job
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.progress import JobDone, JobFailed, JobStarted, StepDone
from marigold_cli.batch.records import Failed, Start
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.stages import Loaded, Predicted, check_depth, commit, failure_of, load
from marigold_cli.depth import DepthMap
from marigold_cli.errors import ImageError, MarigoldError
from marigold_cli.files.raster import DecodePolicy

_CORES = os.cpu_count() or 1
_DECODERS = min(4, _CORES)
_WRITERS = max(2, min(8, _CORES))
_BUDGET = 1 << 30  # decoded photos that wait for their prediction [bytes]


class Dropped(BaseException):
    """The grace time is over: the photos in hand are given up."""


class Pause:
    """What stands in the way of photos until those before it are predicted."""


@dataclass
class Pipeline:
    """The stages of one worker and what they share."""

    shift: Shift
    predictor: Predictor
    claims: Claims
    journal: Journal
    _held: dict[str, int] = field(default_factory=dict)  # cost of photos not yet predicted
    _lone: Job | None = None  # the next photo, if it must be alone
    _marks: dict[str, int] = field(default_factory=dict)  # of the start records

    def run(self) -> None:
        """Work until there is no photo left, at the end one by one on those that may kill."""
        with WriteBehind(_WRITERS) as writers:
            self._work(self._take(), writers)
            while self._lone and not self.shift.stop.is_asked:
                writers.drain()
                self._work([self._lone], writers)
                self._lone = self.claims.take()

    def _take(self) -> Iterator[Job | Pause]:
        """Photos, as long as they may be worked on side by side."""
        while not self.shift.stop.is_asked:
            held = sum(tuple(self._held.values()))
            if held and not self.claims.may_hold(held):
                yield Pause()
                continue
            job = self.claims.take()
            if job is None or job.alone:
                self._lone = job
                return
            self._held[job.ref.name] = cost(job)
            yield job

    def _work(self, jobs: Iterable[Job | Pause], writers: WriteBehind) -> None:
        with contextlib.closing(self._groups(jobs)) as groups:
            for group in groups:
                if self.shift.stop.is_asked:
                    break
                self._predict(group, writers)
                for loaded in group:
                    self._held.pop(loaded.origin.job.ref.name, None)

    def _groups(self, jobs: Iterable[Job | Pause]) -> Generator[list[Loaded], None, None]:
        """Consecutive photos of equal shape, up to a batch."""
        group: list[Loaded] = []
        ahead = max(1, self.predictor.batch_size)
        photos = map_ahead(self._load, jobs, _weigh, _DECODERS, ahead, _BUDGET)
        with contextlib.closing(photos):
            for loaded in photos:
                if loaded is None:
                    continue
                if group and not _belongs(loaded, group):
                    yield group
                    group = []
                if isinstance(loaded, Pause):
                    continue
                group.append(loaded)
                if len(group) >= self.predictor.batch_size:  # it may shrink with the memory
                    yield group
                    group = []
        if group:
            yield group

    def _load(self, job: Job | Pause) -> Loaded | Pause | None:
        """Decode a photo in a thread; None: it failed, or it is not wanted any more."""
        if isinstance(job, Pause):
            return job
        if self.shift.stop.is_asked:
            return None
        start = Start(job.ref.name, self.shift.plan.fingerprint, job.alone)
        self._marks[job.ref.name] = self.journal.note(start)
        policy = DecodePolicy(self.shift.policy.max_pixels, self.predictor.long_edge)
        try:
            return load(job, policy)
        except Exception as error:
            self._held.pop(job.ref.name, None)
            self._fail(job, failure_of(job.ref.name, _of_one_photo(error)))
            return None

    def _predict(self, group: list[Loaded], writers: WriteBehind) -> None:
        names = tuple(loaded.origin.job.ref.name for loaded in group)
        for name in names:
            self.shift.tell(JobStarted(name))
        began = time.monotonic()
        depths = self._attempt(group, names)
        seconds = (time.monotonic() - began) / len(group)
        if isinstance(depths, Failure):
            self._blame(group, depths, writers)
            return
        for loaded, depth in zip(group, depths, strict=False):  # none if they were dropped
            self._pass_on(Predicted(loaded.origin, depth, len(group), seconds), loaded, writers)

    def _attempt(self, group: list[Loaded], names: tuple[str, ...]) -> list[DepthMap] | Failure:
        photos = [loaded.photo for loaded in group]
        try:
            depths = self.predictor.predict(photos, partial(self._step, names))
            if len(depths) != len(group):
                raise RuntimeError(f"{len(depths)} depth maps of {len(group)} photos")
        except Dropped:
            return []
        except Exception as error:  # told in words, for its traceback would keep memory alive
            return failure_of(names[0], _of_one_photo(error))
        return depths

    def _blame(self, group: list[Loaded], failure: Failure, writers: WriteBehind) -> None:
        """Find out whose fault it was by trying one by one."""
        if len(group) == 1:
            self._fail(group[0].origin.job, failure)
            return
        for loaded in group:
            if not self.shift.stop.is_asked:
                self._predict([loaded], writers)

    def _step(self, names: tuple[str, ...], step: int, steps: int) -> None:
        self.shift.tell(StepDone(names, step, steps))
        if self.shift.stop.grace == 0:
            raise Dropped

    def _pass_on(self, predicted: Predicted, loaded: Loaded, writers: WriteBehind) -> None:
        job = predicted.origin.job
        try:
            check_depth(predicted.depth, loaded.photo)
        except ImageError as error:
            self._fail(job, failure_of(job.ref.name, error))
        else:
            writers.submit(self._commit, predicted)

    def _commit(self, predicted: Predicted) -> None:
        """Write a photo's outputs and its record in a thread; raises nothing."""
        if self.shift.outcome.error:
            return
        try:
            self._commit_or_fail(predicted)
        except Exception as error:
            self.shift.outcome.break_off(error)

    def _commit_or_fail(self, predicted: Predicted) -> None:
        job = predicted.origin.job
        try:
            # the start record tells a later run that a file without a done record is ours
            self.journal.settle(self._marks.pop(job.ref.name))
            done = commit(predicted, self.shift.plan, self.predictor, self.shift.place)
        except Exception as error:
            self._fail(job, failure_of(job.ref.name, _of_one_photo(error)))
            return
        self.journal.append(done)
        outputs = tuple(file.path for file in done.outputs)
        self.shift.tell(JobDone(done.input, done.secs, outputs))

    def _fail(self, job: Job, failure: Failure) -> None:
        record = Failed(
            failure.name, failure.kind, failure.message, job.attempt, job.size, job.mtime_ns
        )
        self.journal.append(record)
        self.shift.tell(JobFailed(failure.name, failure.kind, failure.message))


def _belongs(loaded: Loaded | Pause, group: list[Loaded]) -> bool:
    """Whether a photo may go through the network with those of a group."""
    if isinstance(loaded, Pause):
        return False
    return group[0].photo.pixels.shape == loaded.photo.pixels.shape


def _weigh(loaded: Loaded | Pause | None) -> int:
    return loaded.photo.pixels.nbytes if isinstance(loaded, Loaded) else 0


def _of_one_photo(error: Exception) -> Exception:
    """Let through what concerns one photo; raise what concerns the run."""
    if isinstance(error, MarigoldError) and not isinstance(error, ImageError):
        raise error
    return error
