"""Decode ahead -> predict -> write behind -> journal, with every failure on its own photo."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from marigold_cli.batch import progress
from marigold_cli.batch.ahead import WriteBehind, map_ahead
from marigold_cli.batch.claims import Claims, cost
from marigold_cli.batch.failure import Failure
from marigold_cli.batch.groups import Gauge, Pause, grouped, weigh_loaded
from marigold_cli.batch.journal import Journal
from marigold_cli.batch.parts import Parts
from marigold_cli.batch.plan import Job, Part
from marigold_cli.batch.predictor import Predictor, name_device, units_of
from marigold_cli.batch.records import Failed, Fits, Made, Start, Void
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.signals import Dropped
from marigold_cli.batch.stages import Loaded, Predicted, check_depth, commit, failure_of, load
from marigold_cli.depth import DepthMap
from marigold_cli.errors import ImageError
from marigold_cli.files.raster import DecodePolicy

_CORES = os.cpu_count() or 1
_DECODERS = min(4, _CORES)
_WRITERS = max(2, min(8, _CORES))
# Photos that wait for their prediction; those that are written may weigh as much again [bytes].
_BUDGET = 1 << 30

_Result = TypeVar("_Result")


@dataclass
class Pipeline:
    """The stages of one worker and what they share."""

    shift: Shift
    predictor: Predictor
    claims: Claims
    journal: Journal
    parts: Parts | None = None  # of photos whose members several workers make
    _held: dict[Job, int] = field(default_factory=dict)  # cost of photos not yet predicted
    _lone: Job | None = None  # the next photo, if it must be alone
    _marks: dict[Job, int] = field(default_factory=dict)  # of the start records
    _gauge: Gauge = field(default_factory=lambda: Gauge(_BUDGET))
    _units: int = field(init=False)  # members that go through the network together

    def __post_init__(self) -> None:
        self._units = units_of(self.predictor)

    def run(self) -> None:
        """Work until there is no photo left, at the end one by one on those that may kill."""
        with WriteBehind(_WRITERS, _BUDGET) as writers:
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
            self._held[job] = cost(job)
            yield job

    def _work(self, jobs: Iterable[Job | Pause], writers: WriteBehind) -> None:
        with contextlib.closing(self._groups(jobs)) as groups:
            for group in groups:
                if self.shift.stop.is_asked:
                    break
                self._predict(group, writers)
                for loaded in group:
                    self._held.pop(loaded.origin.job, None)

    def _groups(self, jobs: Iterable[Job | Pause]) -> Generator[list[Loaded], None, None]:
        ahead = max(_DECODERS - 1, self.predictor.photos_per_call, 1)
        guess = self._gauge.guess
        photos = map_ahead(self._load, jobs, weigh_loaded, _DECODERS, ahead, _BUDGET, guess)
        return grouped(photos, self._limit)

    def _load(self, job: Job | Pause) -> Loaded | Pause | None:
        """Decode a photo in a thread; None: it failed, or it is not wanted any more."""
        if isinstance(job, Pause):
            return job
        if self.shift.stop.is_asked or self._is_unwanted(job):
            self._held.pop(job, None)
            return None
        name, fp, part = job.ref.name, self.shift.plan.fingerprint, str(job.part or "")
        start = Start(name, fp, job.alone, part, job.size, job.mtime_ns)
        self._marks[job] = self.journal.note(start)
        policy = DecodePolicy(self.shift.policy.max_pixels, self.predictor.long_edge)
        try:
            loaded = load(job, policy)
        except Exception as error:
            self._held.pop(job, None)
            self._fail(job, failure_of(name, error))
            return None
        self._gauge.learn(loaded)
        return loaded

    def _limit(self, loaded: Loaded) -> int:
        """How many photos go together; the number may shrink with the memory."""
        return 1 if loaded.origin.job.part else self.predictor.photos_per_call

    def _predict(self, group: list[Loaded], writers: WriteBehind) -> None:
        if part := group[0].origin.job.part:
            self._make(group[0], part, writers)
            return
        names = tuple(loaded.origin.job.ref.name for loaded in group)
        for name in names:
            self.shift.tell(progress.JobStarted(name))
        began = time.monotonic()
        depths = self._attempt(names[0], partial(self._compute, group, names))
        seconds = (time.monotonic() - began) / len(group)
        if isinstance(depths, Failure):
            self._blame(group, depths, writers)
            return
        if depths is None:  # the run stops, and they were dropped
            return
        for loaded, depth in zip(group, depths, strict=True):
            self._pass_on(Predicted(loaded.origin, depth, len(group), seconds), loaded, writers)

    def _compute(self, group: list[Loaded], names: tuple[str, ...]) -> list[DepthMap]:
        photos = [loaded.photo for loaded in group]
        depths = self.predictor.predict(photos, partial(self._step, names))
        if len(depths) != len(group):
            raise RuntimeError(f"{len(depths)} depth maps of {len(group)} photos")
        return depths

    def _make(self, loaded: Loaded, part: Part, writers: WriteBehind) -> None:
        """Predict some members of a photo; who makes the last ones passes on the whole."""
        job, told = loaded.origin.job, (part.first, part.stop, part.of)
        if not self.parts or self._is_unwanted(job):
            return
        self.shift.tell(progress.JobStarted(job.ref.name, told))
        on_step = partial(self._step, (job.ref.name,), part=told)
        work = partial(self.parts.make, loaded, part, self.predictor, on_step)
        made = self._attempt(job.ref.name, work)
        if made is None:
            return
        self.shift.tell(progress.PartDone(job.ref.name, told, not isinstance(made, Failure)))
        if isinstance(made, Failure):
            self._fail(job, made)
        elif isinstance(made, Predicted):
            self._pass_on(made, loaded, writers)
        else:
            self._let_go(job)

    def _is_unwanted(self, job: Job) -> bool:
        """Whether a photo has failed by what another worker made of it."""
        if not (self.parts and job.part and self.parts.has_failed(job)):
            return False
        self._let_go(job)
        return True

    def _let_go(self, job: Job) -> None:
        """Have a part of a photo in flight no longer: what becomes of it, others will say."""
        if self._marks.pop(job, None):
            self.journal.note(Made(job.ref.name, str(job.part)))

    def _attempt(self, name: str, work: Callable[[], _Result]) -> _Result | Failure | None:
        """What comes of a prediction; None: it was dropped."""
        try:
            result = work()
        except Dropped:
            return None
        except Exception as error:  # told in words, for its traceback would keep memory alive
            return failure_of(name, error)
        self._remember_units()
        return result

    def _remember_units(self) -> None:
        """Note how many members did fit the device where more did not, for the runs to come."""
        units, before, device = units_of(self.predictor), self._units, self.predictor.device
        if units < before:
            self._units = units
            self.journal.append(Fits(name_device(device), units, self.shift.plan.fingerprint))
            what = f"{device} has too little memory for {before} predictions at a time; {units} "
            advice = f"from now on, also in later runs (--batch-size {before} would try again)"
            self.shift.tell(progress.Warned(what + advice))

    def _blame(self, group: list[Loaded], failure: Failure, writers: WriteBehind) -> None:
        """Find out whose fault it was by trying one by one."""
        if len(group) == 1:
            self._fail(group[0].origin.job, failure)
            return
        for loaded in group:
            if not self.shift.stop.is_asked:
                self._predict([loaded], writers)

    def _step(
        self, names: tuple[str, ...], step: int, steps: int, part: tuple[int, ...] = ()
    ) -> None:
        self.shift.tell(progress.StepDone(names, step, steps, part))
        self.shift.stop.check()

    def _pass_on(self, predicted: Predicted, loaded: Loaded, writers: WriteBehind) -> None:
        job = predicted.origin.job
        try:
            check_depth(predicted.depth, loaded.photo)
        except ImageError as error:
            self._fail(job, failure_of(job.ref.name, error))
        else:
            loaded.drop_pixels()
            writers.submit(self._commit, predicted, predicted.weigh(self.shift.plan))

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
            mark = self._marks.pop(job)
            if job.reason == "overwrite":  # its older record counts until its files are replaced
                mark = self.journal.note(Void(job.ref.name))
            self.journal.settle(mark)
            done = commit(predicted, self.shift.plan, self.predictor, self.shift.place)
        except Exception as error:
            self._fail(job, failure_of(job.ref.name, error))
            return
        self.journal.append(done)
        if self.parts and job.part:
            self.parts.discard(job)
        outputs = tuple(file.path for file in done.outputs)
        self.shift.tell(progress.JobDone(done.input, done.secs, outputs, predicted.seconds))

    def _fail(self, job: Job, failure: Failure) -> None:
        if self.parts and job.part:
            if not self.parts.fail(job):  # another worker has said so
                self._let_go(job)
                return
            self.parts.discard(job)
        record = Failed(
            failure.name, failure.kind, failure.message, job.attempt, job.size, job.mtime_ns
        )
        self._marks.pop(job, None)
        self.journal.append(record)
        self.shift.tell(progress.JobFailed(failure.name, failure.kind, failure.message))
