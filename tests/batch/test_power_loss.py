"""Loss of power: what was not synchronised may be gone, and a name may be older than its file.

A run is recorded call by call. From every prefix of the recording a disk is built as a hostile but
lawful file system might leave it, and looked at. Two broken ways to write are replayed from the
same recording, to show that the test would see them.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pytest

from marigold_cli.batch.options import Policy
from marigold_cli.batch.progress import JobDone
from marigold_cli.batch.settings import fingerprint

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ALL_LOST = None  # instead of a random generator: nothing survives that need not


@dataclass
class File:
    content: bytes = b""
    durable: bytes = b""

    def after_power_loss(self, chance: random.Random | None) -> bytes:
        if chance is None or not self.content.startswith(self.durable):
            return self.durable
        return self.content[: chance.randint(len(self.durable), len(self.content))]


@dataclass
class Disk:
    """Names and files as the kernel shows them, and as they are on the platter; None: a folder."""

    root: Path
    live: dict[Path, File | None] = field(default_factory=dict)
    durable: dict[Path, File | None] = field(default_factory=dict)

    def apply(self, name: str, paths: list[Path], data: bytes) -> None:
        path, last = paths[0], paths[-1]
        match name:
            case "open":
                self.live.setdefault(path, File())
            case "mkdir":
                self.live[path] = None
            case "write":
                self.live[path].content += data
            case "replace" | "rename":
                self.live[last] = self.live.pop(path)
            case "link":
                self.live[last] = self.live[path]
            case "unlink" | "rmdir":
                del self.live[path]
            case "fsync":
                self._sync(path)

    def _sync(self, path: Path) -> None:
        node = self.live.get(path)
        if node is None:
            self._sync_names(path)
        else:
            node.durable = node.content

    def _sync_names(self, folder: Path) -> None:
        for path in [path for path in self.durable if path.parent == folder]:
            del self.durable[path]
        self.durable |= {path: node for path, node in self.live.items() if path.parent == folder}

    def build(self, target: Path, chance: random.Random | None) -> None:
        """Make real folders and files of what is left after a loss of power."""
        for path in sorted(self.live.keys() | self.durable.keys()):
            place = target / path.relative_to(self.root)
            survivor = self.durable if chance is None or chance.random() < 0.5 else self.live
            if path not in survivor or not place.parent.is_dir():
                continue
            node = survivor[path]
            if node is None:
                place.mkdir()
            else:
                place.write_bytes(node.after_power_loss(chance))


@dataclass
class Recorder:
    """Takes down every lasting call in its order, and what had been told as done by then."""

    told: Callable[[], set[str]]
    calls: list[tuple[str, list[Path], bytes]] = field(default_factory=list)
    done: list[set[str]] = field(default_factory=list)

    def __call__(self, name: str, paths: list[Path], call) -> object:
        result = call()
        data = bytes(call.arguments[1])[:result] if name == "write" else b""
        self.calls.append((name, paths, data))
        self.done.append(self.told())
        return result

    def is_file_sync(self, number: int) -> bool:
        name, paths, _ = self.calls[number]
        return name == "fsync" and paths[0].suffix != ""


@pytest.fixture
def recording(studio, tmp_path, disk_calls):
    """A run of four photos, call by call; its results."""
    studio.root = tmp_path / "disk"
    studio.photos.mkdir(parents=True)
    for seed, name in enumerate(("x/a.png", "x/b.png", "y/c.png", "z.png")):
        studio.shoot(name, seed)
    recorder = Recorder(lambda: {event.name for event in studio.diary.of(JobDone)})
    with disk_calls(studio.root, recorder):
        studio.run(Policy(fsync=True))
    return studio, recorder, studio.results()


def crashes(studio, calls, kept, tmp_path: Path, seeds: int):
    """The folder after a loss of power at each call; calls that are not *kept* do nothing."""
    disk = Disk(studio.root)
    for number, (name, paths, data) in enumerate(calls):
        if kept(number):
            disk.apply(name, paths, data)
        for seed in range(seeds):
            chance = random.Random(1000 * number + seed) if seed else ALL_LOST
            root = tmp_path / f"power{number}-{seed}"
            root.mkdir()
            disk.build(root, chance)
            (root / "photos").symlink_to(studio.photos)
            yield number, replace(studio, root=root)
            shutil.rmtree(root)


def torn(trial, whole: dict[str, bytes]) -> list[str]:
    return [name for name, data in trial.results().items() if data != whole[name]]


def test_a_loss_of_power_tears_nothing_and_makes_no_record_lie(recording, tmp_path, luminance):
    studio, recorder, whole = recording

    for number, trial in crashes(studio, recorder.calls, lambda number: True, tmp_path, seeds=3):
        assert torn(trial, whole) == []
        assert trial.lies() == []
        assert recorder.done[number] <= set(trial.standing()), "forgotten"
        if recorder.done[number]:
            assert trial.bound_to() == fingerprint(trial.settings())
        if number % 7 == 0:
            finished, predictor = set(trial.standing()), luminance()
            summary = trial.run(predictor=predictor)
            assert (summary.done + summary.skipped, summary.exit_code) == (4, 0)
            assert trial.results() == whole
            assert not finished & trial.names_of(predictor)
    assert number > 60


def test_the_test_sees_files_that_are_not_synchronised(recording, tmp_path):
    studio, recorder, whole = recording

    trials = crashes(
        studio, recorder.calls, lambda number: not recorder.is_file_sync(number), tmp_path, seeds=3
    )

    caught = (trial for _, trial in trials if torn(trial, whole))
    assert len(list(islice(caught, 5))) == 5


def test_the_test_sees_folders_that_are_not_synchronised(recording, tmp_path):
    studio, recorder, _ = recording
    folders = {studio.out, studio.out / "x", studio.out / "y"}

    def is_kept(number: int) -> bool:
        name, paths, _ = recorder.calls[number]
        is_after_binding = number > 20  # without a journal there would be no record to lie
        return not (name == "fsync" and is_after_binding and paths[0] in folders)

    trials = crashes(studio, recorder.calls, is_kept, tmp_path, seeds=3)

    caught = (trial for _, trial in trials if trial.lies())
    assert len(list(islice(caught, 5))) == 5
