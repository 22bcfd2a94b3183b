from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.batch.head import Head
from marigold_cli.batch.options import OutputOptions, Policy, RunOptions
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.progress import Event
from marigold_cli.batch.runner import run_batch
from marigold_cli.batch.settings import Settings, make_settings
from marigold_cli.batch.shard import Shard
from marigold_cli.batch.shift import DeadWorkerError, Shift
from marigold_cli.batch.solo import Solo
from marigold_cli.batch.summary import Summary
from marigold_cli.batch.worker import take_part
from marigold_cli.checkpoints.card import Card
from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.files.decode import Photo
from marigold_cli.files.discover import Discovery, ImageRef
from marigold_cli.files.extras import Extra
from marigold_cli.files.walk import Unread
from marigold_cli.inference.options import Noise, PredictOptions, Recipe, Spacing

LONG_AGO = 1_500_000_000  # photos are older than the coarsest clock of a file system

CARD = Card(
    name="luminance",
    folder=Path("nowhere"),
    identity="luminance-1",
    kind=DepthKind.AFFINE_DEPTH,
    scheduler="ddim",
    steps=2,
    resolution=0,
    timesteps=Spacing.TRAILING,
    noise=Noise.GAUSSIAN,
)


@dataclass
class Luminance:
    """Depth is the mean of the colours; steps are counted, not computed."""

    photos_per_call: int = 2
    long_edge: int | None = None
    steps: int = 2
    name: str = "luminance"
    device: str = "cpu"
    dtype: str = "float32"
    reason: str = "there is no other"
    calls: list[list[str]] = field(default_factory=list)  # digests
    before: Callable[[Sequence[Photo]], None] = lambda photos: None

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        self.calls.append([photo.digest for photo in photos])
        self.before(photos)
        for step in range(self.steps):
            on_step(step + 1, self.steps)
        return [self.depth(photo) for photo in photos]

    def depth(self, photo: Photo) -> DepthMap:
        return DepthMap(photo.pixels.mean(axis=-1, dtype=np.float32) / np.float32(255))

    def restored(self, depth: DepthMap, size: tuple[int, int]) -> DepthMap:
        rows = np.arange(size[0]) * depth.shape[0] // size[0]
        columns = np.arange(size[1]) * depth.shape[1] // size[1]
        return replace(depth, values=depth.values[np.ix_(rows, columns)])


@dataclass
class Diary:
    """Remembers every event."""

    events: list[Event] = field(default_factory=list)

    def observe(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Studio:
    """A folder of photos, an output folder, and a run from one to the other."""

    root: Path
    formats: tuple[str, ...] = ("npy", "color")
    ensemble: int = 1
    output: OutputOptions = field(default_factory=OutputOptions)
    diary: Diary = field(default_factory=Diary)
    unread: tuple[Unread, ...] = ()
    left_out: dict[Extra, int] = field(default_factory=dict)
    shard: Shard | None = None

    @property
    def photos(self) -> Path:
        return self.root / "photos"

    @property
    def out(self) -> Path:
        return self.root / "depths"

    def shoot(self, name: str, seed: int = 0, size: tuple[int, int] = (6, 8)) -> Path:
        """Take a photo of noise; the same seed gives the same bytes and the same time."""
        path = self.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(path, "PNG")
        os.utime(path, (LONG_AGO + seed, LONG_AGO + seed))
        return path

    def names_of(self, predictor: Luminance) -> set[str]:
        """The photos that a predictor was given."""
        digests = {digest for call in predictor.calls for digest in call}
        files = {ref.name: ref.path.read_bytes() for ref in self.refs()}
        return {name for name, data in files.items() if sha256(data).hexdigest() in digests}

    def standing(self) -> dict[str, dict]:
        """The done records that count, by photo: the last word of the journal is with them."""
        last = {}
        for record in self.records():
            if record["ev"] in ("done", "failed", "void"):
                last[record["input"]] = record
        return {name: record for name, record in last.items() if record["ev"] == "done"}

    def lies(self) -> list[str]:
        """Outputs that a standing record names and that are not what it says."""
        lies = []
        for record in self.standing().values():
            for output in record["outputs"]:
                path = self.out / output["path"]
                content = path.read_bytes() if path.is_file() else b""
                if sha256(content).hexdigest() != output["sha256"]:
                    lies.append(output["path"])
        return lies

    def refs(self) -> list[ImageRef]:
        files = sorted(path for path in self.photos.rglob("*") if not path.is_dir())
        return [ImageRef(path, path.relative_to(self.photos).as_posix()) for path in files]

    def found(self) -> Discovery:
        return Discovery(tuple(self.refs()), self.unread, self.left_out)

    def settings(self) -> Settings:
        recipe = CARD.decide(PredictOptions(ensemble=self.ensemble))
        output = replace(self.output, formats=self.formats)
        return make_settings(CARD, recipe, output, "float32", None)

    def plan(self, policy: Policy | None = None) -> Plan:
        policy = policy or Policy(fsync=False)
        return make_plan(self.found(), self.settings(), self.out, policy, self.shard)

    def run(
        self,
        policy: Policy | None = None,
        predictor: Luminance | None = None,
        plan: Plan | None = None,
        open_predictor: Callable[[], Luminance] | None = None,
    ) -> Summary:
        policy = policy or Policy(fsync=False)
        options = RunOptions(out=self.out, policy=policy, shard=self.shard)
        chosen = predictor or Luminance()
        opener = open_predictor or (lambda: chosen)
        return run_batch(plan or self.plan(policy), options, Solo(opener), self.diary)

    def run_together(self, engine: Forks, policy: Policy | None = None) -> Summary:
        """The same run by several workers, which share the photos."""
        policy = policy or Policy(fsync=False)
        options = RunOptions(out=self.out, policy=policy, shard=self.shard)
        engine.options, engine.settings = options, self.settings()
        replan = partial(
            *(make_plan, self.found(), self.settings(), self.out, policy, self.shard, "this")
        )
        return run_batch(replan(), options, engine, self.diary, replan)

    def sha256(self, name: str) -> str:
        return sha256((self.photos / name).read_bytes()).hexdigest()

    def expected(self, name: str) -> NDArray[np.float32]:
        with Image.open(self.photos / name) as image:
            return np.asarray(image.convert("RGB"), np.float64).mean(axis=-1) / 255

    def depth(self, name: str) -> NDArray[np.float32]:
        return np.load(
            self.out / Path(name).with_suffix("").with_name(f"{Path(name).stem}_depth.npy")
        )

    def records(self, event: str | None = None) -> list[dict]:
        """The journals as any JSON reader sees them, by their time; torn lines left out."""
        records = []
        hidden = self.out.glob(".marigold/journal-*.jsonl")
        for path in [*sorted(self.out.glob("journal*.jsonl")), *sorted(hidden)]:
            for line in path.read_bytes().splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:
                    continue
        records.sort(key=lambda record: record["at"])
        return [record for record in records if event in (None, record["ev"])]

    def bound_to(self) -> str | None:
        path = self.out / "marigold.json"
        return json.loads(path.read_bytes())["fp"] if path.exists() else None

    def results(self) -> dict[str, bytes]:
        """Every output that can be seen."""
        endings = ("_depth.npy", "_color.png", "_depth.tif")
        return {name: data for name, data in self.snapshot().items() if name.endswith(endings)}

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the output folder but our hidden ones."""
        files = (path for path in self.out.rglob("*") if path.is_file())
        names = {path.relative_to(self.out).as_posix(): path for path in files}
        return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


@dataclass
class Forks:
    """An engine as torch's is, but its workers are forks: it ends all when one has died.

    Attributes:
        store: What they talk through; each worker opens its own.
        open_store: How a fork reaches it.
        predictors: What each worker computes with.
        around: What each worker works in, by its number, for the first time that it is started.
        started: How often the workers were started.
    """

    store: Any
    open_store: Callable[[], Any]
    predictors: Sequence[Luminance] = field(default_factory=lambda: (Luminance(), Luminance()))
    around: dict[int, Callable[[], AbstractContextManager[object]]] = field(default_factory=dict)
    started: int = 0
    options: RunOptions = field(default_factory=RunOptions)
    settings: Settings | None = None
    pids: dict[int, int] = field(default_factory=dict)
    death: Exception | None = None

    def work(self, shift: Shift) -> None:
        self.started += 1
        self.pids, self.death = {}, None
        for number in range(len(self.predictors)):
            self.pids[self.fork(number)] = number
        head = Head(self.store, len(self.predictors))
        try:
            first = head.await_first(shift, self.find_dead)
            with shift.recorded("forks") as journal:
                head.order(shift, journal, first.units)
                head.see_out(shift, self.find_dead)
        finally:
            self.end(signal.SIGTERM)

    def find_dead(self) -> Exception | None:
        for pid, number in tuple(self.pids.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self.pids[pid]
                if status:
                    self.death = DeadWorkerError(f"worker {number} died of {status}")
                    self.end(signal.SIGTERM)
                    break
        return self.death

    def end(self, number: int) -> None:
        for pid in self.pids:
            os.kill(pid, number)
        while self.pids:
            os.waitpid(self.pids.popitem()[0], 0)

    def fork(self, number: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        gc.freeze()  # what is the parent's must not be taken down here
        faulthandler.disable()  # what a test kills need not tell its stack
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_DFL)
        try:
            store, predictor = self.open_store(), self.predictors[number]
            around = self.around.get(number) if self.started == 1 else None
            with around() if around else nullcontext():
                choose = lambda: (self.settings, lambda: predictor)  # noqa: E731
                take_part(store, number, self.options, choose)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)


@pytest.fixture(scope="session")
def store_server() -> Any:
    """A store of torch that other processes can reach."""
    from torch.distributed import TCPStore

    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


@pytest.fixture
def engine(store_server) -> Iterator[Forks]:
    """Two workers and a store between them."""
    from torch.distributed import PrefixStore, TCPStore

    def open_store() -> Any:
        return PrefixStore(name, TCPStore("127.0.0.1", store_server.port, is_master=False))

    name = os.urandom(4).hex()
    engine = Forks(PrefixStore(name, store_server), open_store)
    yield engine
    engine.end(signal.SIGKILL)


class DiskCalls:
    """While it is open, every lasting change below a folder passes through one function."""

    NAMES = ("open", "write", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir")

    def __init__(self, root: Path, watch: Callable[[str, list[Path], Call], object]) -> None:
        self._root, self._watch = root.resolve(), watch
        self._real = {name: getattr(os, name) for name in self.NAMES}
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        for name in self.NAMES:
            setattr(os, name, partial(self._call, name))

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)

    def _call(self, name: str, *arguments: object, **options: object) -> object:
        call = Call(self._real[name], arguments, options)
        if name == "open" and not int(arguments[1]) & os.O_CREAT:
            return call()
        paths = self._paths(name, call)
        if not all(path.is_relative_to(self._root) for path in paths):
            return call()
        with self._lock:
            return self._watch(name, paths, call)

    def _paths(self, name: str, call: Call) -> list[Path]:
        first, *rest = call.arguments
        if name in ("write", "fsync"):
            return [Path(f"/proc/self/fd/{first}").readlink()]
        places = [call.options.get("src_dir_fd", call.options.get("dir_fd"))]
        names = [first]
        if name in ("replace", "rename", "link"):
            names.append(rest[0])
            places.append(call.options.get("dst_dir_fd"))
        return [_place(place) / os.fsdecode(one) for place, one in zip(places, names, strict=True)]


@dataclass
class Call:
    """A system call that may still be made, or made by halves."""

    real: Callable[..., object]
    arguments: tuple
    options: dict

    def __call__(self) -> object:
        return self.real(*self.arguments, **self.options)


def _place(descriptor: int | None) -> Path:
    return Path.cwd() if descriptor is None else Path(f"/proc/self/fd/{descriptor}").readlink()


@pytest.fixture
def disk_calls() -> type[DiskCalls]:
    return DiskCalls


def in_child(work: Callable[[], int]) -> int:
    """Run a function in a process of its own; returns its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        try:
            os._exit(work())
        except BaseException:
            traceback.print_exc()
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def child() -> Callable[[Callable[[], int]], int]:
    return in_child


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    studio = Studio(tmp_path)
    studio.photos.mkdir()
    return studio


@pytest.fixture
def luminance() -> type[Luminance]:
    return Luminance


@pytest.fixture
def card() -> Card:
    return CARD


@pytest.fixture
def recipe() -> Recipe:
    return CARD.decide(PredictOptions())
