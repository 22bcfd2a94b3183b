"""A whole training, from the options to a checkpoint that `marigold run --model DIR` loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator
from filelock import FileLock, Timeout

from marigold_cli.batch.signals import Stop
from marigold_cli.depth import Modality
from marigold_cli.errors import DataSetError, OutputInUseError, UsageError
from marigold_cli.files.disk import output_errors
from marigold_cli.training.binding import bind, check_binding
from marigold_cli.training.datasets import Rendered, open_source, open_sources
from marigold_cli.training.latents import Encoder, digest_of
from marigold_cli.training.learner import Learner
from marigold_cli.training.lesson import on_device
from marigold_cli.training.loop import Desk, state_folder, train
from marigold_cli.training.machine import open_accelerator
from marigold_cli.training.options import CourseOptions
from marigold_cli.training.order import Division, Order
from marigold_cli.training.progress import Observer
from marigold_cli.training.protocols.denoiser import Denoiser
from marigold_cli.training.reader import PictureShelf, Reader, Shelf
from marigold_cli.training.samples import Samples, Source
from marigold_cli.training.state import State, find_state
from marigold_cli.training.subject import Subject, open_subject

_SHOWN = 6  # pictures of a sheet


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
        observer.stage("looking at the data")
        data = _open_data(options, accelerator, stop, observer)
        if data is None:
            return False
        observer.stage("reading the base")
        state = find_state(state_folder(options.out))
        subject = open_subject(options, data.sources[0], is_new=state is None)
        return _Course(options, accelerator, data, subject, state).run(stop, observer)


@dataclass(frozen=True)
class _Data:
    """What is learned from.

    Attributes:
        sources: Each checked.
        shares: Of the batches that come from each.
        shown: Pictures of the sheets.
    """

    sources: Sequence[Source]
    shares: Sequence[float]
    shown: Samples


@dataclass(frozen=True)
class _Course:
    """A training whose parts are all at hand."""

    options: CourseOptions
    accelerator: Accelerator
    data: _Data
    subject: Subject
    state: State | None

    def run(self, stop: Stop, observer: Observer) -> bool:
        """Learn as far as it goes, then write the checkpoint."""
        binding = self._bind()
        if self.state and self.state.facts.update >= self.options.pace.updates:
            observer.note(f"{self.options.out}: all updates were done before")
            return True
        if self.options.machine.checkpointing:
            self.subject.protocol.save_memory()
        learner = Learner(self.accelerator, self.subject.protocol, self.options.pace)
        if self.state:
            learner.resume(self.state)
            observer.note(f"going on after update {learner.update}")
        shelves = self._shelves(stop, observer)
        is_done = bool(shelves) and self._learn(learner, shelves, binding, stop, observer)
        if shelves:
            observer.stage("writing the checkpoint")
            self._write(learner)
        return is_done

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
        order = Order(counts, self.data.shares, self._division, options.seed)
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
            self._fill(encoder, stop, observer)
        self.accelerator.wait_for_everyone()
        return [] if any(one.missing for one in encoders) else [one.shelf for one in encoders]

    def _fill(self, encoder: Encoder, stop: Stop, observer: Observer) -> None:
        """Encode this process's part of what is missing."""
        accelerator = self.accelerator
        mine = encoder.missing[accelerator.process_index :: accelerator.num_processes]
        for number, shard in enumerate(mine):
            if stop.is_asked:
                return
            observer.stage(f"encoding {encoder.shelf.name}, file {number + 1} of {len(mine)}")
            encoder.fill(shard)

    def _write(self, learner: Learner) -> None:
        if self.accelerator.is_main_process:
            weights = learner.average.of(learner.protocol.network)
            long_edge = max(self.data.shown.rgb.shape[2:])
            self.subject.write(weights, self.options.out, long_edge)
        self.accelerator.wait_for_everyone()

    def _bind(self) -> dict[str, str]:
        """What this training is, which must be what the folder holds."""
        sources, shares = self.data.sources, self.data.shares
        binding = bind(self.options, self.subject.identity, sources, shares, self._division)
        check_binding(self.options.out, self.state, binding)
        return binding

    @property
    def _division(self) -> Division:
        pace, accelerator = self.options.pace, self.accelerator
        return Division(
            pace.batch, pace.accumulate, accelerator.num_processes, accelerator.process_index
        )


def _open_data(
    options: CourseOptions, accelerator: Accelerator, stop: Stop, observer: Observer
) -> _Data | None:
    """Open all sources; a fault in any file is found before the first update.

    Returns:
        None: it was stopped while scenes were rendered.
    """
    material = options.material
    has_normals = options.method.modality is Modality.NORMALS
    device = str(accelerator.device)
    sources, shares = open_sources(material.specs, material.size, device, has_normals)
    shown = sources[0]
    if material.validation:
        shown = open_source(material.validation, material.size, device, has_normals)
    if accelerator.is_main_process:
        for source in (*sources, shown):
            source.check()
    accelerator.wait_for_everyone()
    if not _render(sources, accelerator, stop, observer):
        return None
    for source in sources if has_normals else ():
        if source.read([0]).normals is None:
            raise DataSetError(f"{source.name}: comes without normals; take other --data")
    samples = shown.read(range(min(_SHOWN, len(shown))))
    return _Data(sources, shares, on_device(samples, accelerator.device))


def _render(
    sources: Sequence[Source], accelerator: Accelerator, stop: Stop, observer: Observer
) -> bool:
    """Render what is missing of kept scenes, each process a part; returns whether all are there."""
    rendered = [source for source in sources if isinstance(source, Rendered)]
    for source in rendered:
        mine = source.missing[accelerator.process_index :: accelerator.num_processes]
        for number, shard in enumerate(mine):
            if stop.is_asked:
                break
            observer.stage(f"rendering {source.name}, file {number + 1} of {len(mine)}")
            source.render(shard)
    accelerator.wait_for_everyone()
    return not any(source.missing for source in rendered)


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
