"""A whole training, from the options to a checkpoint that `marigold run --model DIR` loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from accelerate import Accelerator
from filelock import FileLock, Timeout

from marigold_cli.batch.signals import Stop
from marigold_cli.errors import OutputInUseError, UsageError
from marigold_cli.files.disk import output_errors
from marigold_cli.training.binding import bind, check_binding
from marigold_cli.training.data import Data, open_data
from marigold_cli.training.imprint import Imprint, imprinting, read_imprint
from marigold_cli.training.latents import Encoder, digest_of, fill_cache
from marigold_cli.training.learner import Learner
from marigold_cli.training.loop import Desk, state_folder, train
from marigold_cli.training.machine import open_accelerator
from marigold_cli.training.options import CourseOptions, Pace, Precision
from marigold_cli.training.order import Division, Order
from marigold_cli.training.progress import Observer
from marigold_cli.training.protocols.denoiser import Denoiser
from marigold_cli.training.reader import PictureShelf, Reader, Shelf
from marigold_cli.training.state import State, find_state
from marigold_cli.training.subject import Subject, open_subject


def run_course(options: CourseOptions, stop: Stop, observer: Observer) -> bool:
    """Train, or go on where an earlier call stopped; every process of a launch calls this.

    Returns:
        Whether the last update is done. If not, the state is saved all the same, and a checkpoint
        of what there is; or nothing, where it was stopped before the first update.

    Raises:
        MarigoldError: Whatever a user can fix.
    """
    accelerator = open_accelerator(options.machine)
    with _occupied(options.out, accelerator):
        options = _settle_precision(options, accelerator)
        division = _divide(options.pace, accelerator)
        observer.stage("looking at the data")
        data = open_data(options, accelerator, division, stop, observer)
        if data is None:
            return False
        observer.stage("reading the base")
        state = find_state(state_folder(options.out))
        subject = open_subject(options, data.sources[0], is_new=state is None)
        data.check_sizes(subject.protocol.multiple)
        return _Course(options, accelerator, division, data, subject, state).run(stop, observer)


@dataclass(frozen=True)
class _Course:
    """A training whose parts are all at hand."""

    options: CourseOptions
    accelerator: Accelerator
    division: Division
    data: Data
    subject: Subject
    state: State | None

    def run(self, stop: Stop, observer: Observer) -> bool:
        """Learn as far as it goes, then write the checkpoint."""
        binding = self._bind()
        if self.state and self.state.facts.update >= self.options.pace.updates:
            observer.note(f"{self.options.out}: all updates were done before")
            is_there = read_imprint(self.options.out) == self._imprint(self.state.facts.update)
            self.accelerator.wait_for_everyone()  # all have read before one of them writes
            if not is_there:
                self._write(self._learner(), observer)
                observer.note("its checkpoint, which was missing or another one, is written")
            return True
        learner = self._learner()
        if self.state:
            observer.note(f"going on after update {learner.update}")
        shelves = self._shelves(stop, observer)
        if not shelves:
            return False
        is_done = self._learn(learner, shelves, binding, stop, observer)
        self._write(learner, observer)
        return is_done

    def _learner(self) -> Learner:
        """What learns, where it stands."""
        if self.options.machine.checkpointing:
            self.subject.protocol.save_memory()
        learner = Learner(self.accelerator, self.subject.protocol, self.options.pace)
        if self.state:
            learner.resume(self.state)
        return learner

    def _learn(
        self,
        learner: Learner,
        shelves: Sequence[Shelf],
        binding: dict[str, str],
        stop: Stop,
        observer: Observer,
    ) -> bool:
        options = self.options
        counts = [len(shelf) for shelf in shelves]
        order = Order(counts, self.data.shares, self.division, options.seed)
        reader = Reader(shelves, order, self.subject.protocol, self.accelerator.device)
        seconds = self.state.facts.seconds if self.state else 0.0
        desk = Desk(options.out, options.upkeep, self.data.shown, binding, seconds)
        observer.stage("learning")
        return train(self.accelerator, learner, reader, options.pace, desk, stop, observer)

    def _shelves(self, stop: Stop, observer: Observer) -> list[Shelf]:
        """Where batches are taken from; none where filling the cache was stopped."""
        material, protocol = self.options.material, self.subject.protocol
        cache = material.cache
        if cache is None:
            return [
                PictureShelf(source, protocol.multiple, material.augment)
                for source in self.data.sources
            ]
        if material.augment:
            raise UsageError(
                "--cache keeps each picture once, --augment changes it every time; leave out one"
            )
        if not isinstance(protocol, Denoiser):
            raise UsageError("--cache keeps latents, of which --protocol autoencoder has none")
        method = self.options.method
        facts = (digest_of(protocol.codec.vae), *map(str, (method, self.options.material.size)))
        encoders = [
            Encoder(source, protocol, " ".join(facts), cache, self.accelerator.device)
            for source in self.data.sources
        ]
        for encoder in encoders:
            fill_cache(encoder, self.division, stop, observer)
        self.accelerator.wait_for_everyone()
        return [] if any(one.missing for one in encoders) else [one.shelf for one in encoders]

    def _write(self, learner: Learner, observer: Observer) -> None:
        observer.stage("writing the checkpoint")
        if self.accelerator.is_main_process:
            weights = learner.average.of(learner.protocol.network)
            with imprinting(self.options.out, self._imprint(learner.update)):
                self.subject.write(weights, self.options.out, self.data.long_edge)
        self.accelerator.wait_for_everyone()

    def _imprint(self, update: int) -> Imprint:
        """Of the checkpoint after an update."""
        upkeep = self.options.upkeep
        return Imprint(update, upkeep.half, upkeep.blend, upkeep.steps)

    def _bind(self) -> dict[str, str]:
        """What this training is, which must be what the folder holds."""
        sources, shares = self.data.sources, self.data.shares
        binding = bind(self.options, self.subject.identity, sources, shares, self.division)
        check_binding(self.options.out, self.state, binding)
        return binding


def _settle_precision(options: CourseOptions, accelerator: Accelerator) -> CourseOptions:
    """Say what "auto" came to, so that a training does not go on in another precision unseen."""
    precision = Precision(accelerator.mixed_precision)
    return replace(options, machine=replace(options.machine, precision=precision))


def _divide(pace: Pace, accelerator: Accelerator) -> Division:
    processes, rank = accelerator.num_processes, accelerator.process_index
    return Division(pace.batch, pace.accumulate, processes, rank)


@contextmanager
def _occupied(out: Path, accelerator: Accelerator) -> Iterator[None]:
    """Make the folder and keep other trainings out of it.

    Raises:
        OutputInUseError: One is at work there.
    """
    if not accelerator.is_main_process:
        yield
        return
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputInUseError(
            f"{out}: another training is at work there; wait for it or choose another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
