"""Decode ahead -> predict -> write behind -> journal, with every failure on its own photo."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial

from marigold_cli.batch.ahead import WriteBehind, map_ahead
from marigold_cli.batch.failure import Failure
from marigold_cli.batch.folder import Workplace
from marigold_cli.batch.journal import Journal
from marigold_cli.batch.options import Policy
from marigold_cli.batch.plan import Job, Plan
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.progress import (
    Event,
    JobDone,
    JobFailed,
    JobStarted,
    StepDone,
    StopAsked,
)
from marigold_cli.batch.records import Failed, Start
from marigold_cli.batch.signals import Stop
from marigold_cli.batch.stages import Loaded, Predicted, check_depth, commit, failure_of, load
from marigold_cli.depth import DepthMap
from marigold_cli.errors import ExitCode, ImageError, Kind, MarigoldError
from marigold_cli.files.raster import DecodePolicy

_CORES = os.cpu_count() or 1
_DECODERS = min(4, _CORES)
_WRITERS = max(2, min(8, _CORES))
_BUDGET = 1 << 30  # decoded photos that wait for their prediction [bytes]
_HOPELESS = 20  # if the first so many photos all fail for one reason, the run is broken
_CAUSES: dict[str, ExitCode] = {  # what breaks a whole run rather than single photos
    Kind.MISSING: ExitCode.NO_INPUT,
    Kind.PERMISSION: ExitCode.NO_INPUT,
    Kind.IO: ExitCode.NO_INPUT,
    Kind.MEMORY: ExitCode.DEVICE,
    Kind.NOT_FINITE: ExitCode.MODEL,
    Kind.CONSTANT: ExitCode.MODEL,
    Kind.ERROR: ExitCode.BUG,
}


class Dropped(BaseException):
    """The grace time is over: the photos in hand are given up."""


@dataclass
class Outcome:
    """What came of the jobs so far; changed under its lock."""

    done: int = 0
    failed: dict[str, Failure] = field(default_factory=dict)  # by photo
    error: Exception | None = None  # what ended the run
    given_up: ExitCode | None = None  # set when too much failed
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_short_of(self, plan: Plan) -> bool:
        """Whether jobs are left undone."""
        return self.done + len(self.failed) < len(plan.jobs)

    def failed_of(self, plan: Plan) -> tuple[Failure, ...]:
        """Photos without a valid output, those passed over too, and folders that were not read."""
        return (*plan.unread, *plan.passed_over, *self.failed.values())


@dataclass
class Pipeline:
    """One run's stages and what they share."""

    plan: Plan
    policy: Policy
    predictor: Predictor
    place: Workplace
    journal: Journal
    stop: Stop
    tell: Callable[[Event], None]
    outcome: Outcome = field(default_factory=Outcome)
    _marks: dict[str, int] = field(default_factory=dict)  # of the start records

    def run(self) -> None:
        """Work on all jobs, those that a process may have died of at the end and one by one."""
        with WriteBehind(_WRITERS) as writers:
            self._work([job for job in self.plan.jobs if not job.alone], writers)
            for job in self.plan.jobs:
                if job.alone:
                    writers.drain()
                    self._work([job], writers)
        if self.outcome.is_short_of(self.plan) and self.stop.signal is None:
            self.tell(StopAsked(str(self.stop.reason)))

    def _work(self, jobs: Sequence[Job], writers: WriteBehind) -> None:
        with contextlib.closing(self._groups(jobs)) as groups:
            for group in groups:
                if self.stop.is_asked:
                    break
                self._predict(group, writers)

    def _groups(self, jobs: Sequence[Job]) -> Generator[list[Loaded], None, None]:
        """Consecutive photos of equal shape, up to a batch."""
        group: list[Loaded] = []
        ahead = max(1, self.predictor.batch_size)
        photos = map_ahead(self._load, jobs, _weigh, _DECODERS, ahead, _BUDGET)
        with contextlib.closing(photos):
            for loaded in photos:
                if loaded is None:
                    continue
                if group and group[0].photo.pixels.shape != loaded.photo.pixels.shape:
                    yield group
                    group = []
                group.append(loaded)
                if len(group) >= self.predictor.batch_size:  # it may shrink with the memory
                    yield group
                    group = []
        if group:
            yield group

    def _load(self, job: Job) -> Loaded | None:
        """Decode a photo in a thread; None: it failed, or it is not wanted any more."""
        if self.stop.is_asked:
            return None
        start = Start(job.ref.name, self.plan.fingerprint, job.alone)
        self._marks[job.ref.name] = self.journal.note(start)
        try:
            return load(job, DecodePolicy(self.policy.max_pixels, self.predictor.long_edge))
        except Exception as error:
            self._fail(job, failure_of(job.ref.name, _of_one_photo(error)))
            return None

    def _predict(self, group: list[Loaded], writers: WriteBehind) -> None:
        names = tuple(loaded.origin.job.ref.name for loaded in group)
        for name in names:
            self.tell(JobStarted(name))
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
            if not self.stop.is_asked:
                self._predict([loaded], writers)

    def _step(self, names: tuple[str, ...], step: int, steps: int) -> None:
        self.tell(StepDone(names, step, steps))
        if self.stop.grace == 0:
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
        if self.outcome.error:
            return
        try:
            self._commit_or_fail(predicted)
        except Exception as error:
            self.break_off(error)

    def _commit_or_fail(self, predicted: Predicted) -> None:
        job = predicted.origin.job
        try:
            # the start record tells a later run that a file without a done record is ours
            self.journal.settle(self._marks.pop(job.ref.name))
            done = commit(predicted, self.plan, self.predictor, self.place)
        except Exception as error:
            self._fail(job, failure_of(job.ref.name, _of_one_photo(error)))
            return
        self.journal.append(done)
        with self.outcome.lock:
            self.outcome.done += 1
        self.tell(JobDone(done.input, done.secs, tuple(file.path for file in done.outputs)))

    def _fail(self, job: Job, failure: Failure) -> None:
        record = Failed(
            failure.name, failure.kind, failure.message, job.attempt, job.size, job.mtime_ns
        )
        self.journal.append(record)
        with self.outcome.lock:
            self.outcome.failed[failure.name] = failure
            self._judge()
        self.tell(JobFailed(failure.name, failure.kind, failure.message))

    def _judge(self) -> None:
        """Give up when too much failed, or everything from the beginning and for one reason."""
        failed = self.outcome.failed
        first = [job for job in self.plan.jobs if job.attempt == 1][:_HOPELESS]
        if self.policy.max_failures is not None:
            if len(failed) >= self.policy.max_failures:
                self.outcome.given_up = ExitCode.PARTIAL
        elif len(first) == _HOPELESS and all(job.ref.name in failed for job in first):
            kinds = {failed[job.ref.name].kind for job in first}
            if len(kinds) == 1 and not self.outcome.done and not self.plan.skipped:
                self.outcome.given_up = _CAUSES.get(kinds.pop())
        if self.outcome.given_up is not None:
            self.stop.ask(f"{len(failed)} photos failed")

    def break_off(self, error: Exception) -> None:
        """End the run for what is no single photo's fault."""
        with self.outcome.lock:
            self.outcome.error = self.outcome.error or error
        self.stop.ask(str(error))


def _weigh(loaded: Loaded | None) -> int:
    return loaded.photo.pixels.nbytes if loaded else 0


def _of_one_photo(error: Exception) -> Exception:
    """Let through what concerns one photo; raise what concerns the run."""
    if isinstance(error, MarigoldError) and not isinstance(error, ImageError):
        raise error
    return error
