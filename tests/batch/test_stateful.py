"""Whatever happens to photos and outputs between runs: after each run, done is correct."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from marigold_cli.batch.options import Policy
from marigold_cli.batch.status import read_status
from marigold_cli.errors import ExitCode, SettingsMismatchError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ALL = ["a.png", "b.png", "b.jpg", "c d.png", "sub/a.png", "\udcff\n[/].png"]
NAMES = st.sampled_from(ALL)
SEEDS = st.integers(1, 4)
CHECKS = st.sampled_from(["stat", "hash"])
LAZY = Policy(fsync=False)


@dataclass(frozen=True)
class Tools:
    """What fixtures give."""

    studio: object
    luminance: Callable
    disk_calls: Callable
    child: Callable


class Machine(RuleBasedStateMachine):
    """Knows what should be there; compares after every run."""

    tools: ClassVar[Tools]

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=self.tools.studio.root))
        self.studio = replace(self.tools.studio, root=self.root)
        self.studio.photos.mkdir()
        self.photos: dict[str, int] = {}  # seed of the content; 0: broken
        self.bound: bool | None = None  # inverted?
        self.made: dict[str, tuple[int, bool]] = {}  # photo -> content and settings of its outputs
        self.damaged: set[str] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def stem_is_free(self, name: str) -> bool:
        stem = Path(name).with_suffix("")
        return not any(Path(other).with_suffix("") == stem for other in self.photos)

    @rule(name=NAMES, seed=SEEDS)
    def put(self, name: str, seed: int) -> None:
        if name in self.photos or self.stem_is_free(name):
            self.studio.shoot(name, seed + 10 * ALL.index(name))  # no two photos are alike
            self.photos[name] = seed

    @rule(name=NAMES)
    def break_photo(self, name: str) -> None:
        if name in self.photos:
            (self.studio.photos / name).write_bytes(b"no picture")
            self.photos[name] = 0

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        if self.photos.pop(name, None) is not None:
            (self.studio.photos / name).unlink()

    @rule(name=NAMES, time=st.integers(1_000_000_000, 1_400_000_000))
    def touch(self, name: str, time: int) -> None:
        if name in self.photos:
            os.utime(self.studio.photos / name, (time, time))

    @rule(name=NAMES, ending=st.sampled_from(["_depth.npy", "_color.png"]), cut=st.booleans())
    def damage(self, name: str, ending: str, cut: bool) -> None:
        path = self.output(name, ending)
        if path.exists() and name in self.made:
            os.truncate(path, 20) if cut else path.unlink()
            self.damaged.add(name)

    def output(self, name: str, ending: str = "_depth.npy") -> Path:
        return self.studio.out / f"{Path(name).with_suffix('')}{ending}"

    @rule(invert=st.booleans(), overwrite=st.booleans(), check=st.sampled_from(["stat", "hash"]))
    def run(self, invert: bool, overwrite: bool, check: str) -> None:
        self.attempt(invert, replace(LAZY, overwrite=overwrite, check=check))

    @precondition(lambda self: self.photos)
    @rule(point=st.integers(1, 60), invert=st.booleans(), overwrite=st.booleans())
    def killed_run(self, point: int, invert: bool, overwrite: bool) -> None:
        policy = replace(LAZY, overwrite=overwrite)
        if self.is_refused(invert, policy):
            return
        self.studio.output = replace(self.studio.output, invert=invert)
        count = [0]

        def watch(name, paths, call):
            count[0] += 1
            if count[0] == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return call()

        def work() -> int:
            with self.tools.disk_calls(self.root, watch):
                return self.studio.run(policy).exit_code

        assert self.tools.child(work) in (ExitCode.OK, ExitCode.PARTIAL, -signal.SIGKILL)
        if self.studio.out.exists():
            assert set(self.studio.lies()) <= self.damaged_paths()
        self.attempt(invert, policy)

    def damaged_paths(self) -> set[str]:
        endings = ("_depth.npy", "_color.png")
        paths = {self.output(name, ending) for name in self.damaged for ending in endings}
        return {path.relative_to(self.studio.out).as_posix() for path in paths}

    def is_refused(self, invert: bool, policy: Policy) -> bool:
        others = [name for name in self.photos if self.made.get(name, (0, invert))[1] != invert]
        return not policy.overwrite and (self.bound not in (None, invert) or bool(others))

    def attempt(self, invert: bool, policy: Policy) -> None:
        self.studio.output = replace(self.studio.output, invert=invert)
        if self.is_refused(invert, policy):
            before = self.studio.snapshot()
            with pytest.raises(SettingsMismatchError):
                self.studio.run(policy)
            assert self.studio.snapshot() == before
            return
        predictor, standing = self.tools.luminance(), set(self.studio.standing())
        summary = self.studio.run(policy, predictor)
        computed = self.studio.names_of(predictor)
        self.compare(invert, policy, summary, computed & standing)
        self.remember(invert)

    def compare(self, invert: bool, policy: Policy, summary, computed_again: set[str]) -> None:
        good = {name for name, seed in self.photos.items() if seed}
        broken = set(self.photos) - good
        assert {failure.name for failure in summary.failed} == broken
        assert summary.done + summary.skipped == len(good)
        assert summary.exit_code == (ExitCode.PARTIAL if broken else ExitCode.OK)
        if self.studio.records():
            assert read_status(self.studio.out).exit_code == summary.exit_code
        for name in good:
            values = self.studio.expected(name)
            np.testing.assert_allclose(
                np.load(self.output(name)), 1 - values if invert else values, atol=1e-6
            )
            assert self.output(name, "_color.png").exists()
        if not policy.overwrite:
            changed = {name for name in good if self.made.get(name) != (self.photos[name], invert)}
            assert computed_again <= changed | self.damaged

    def remember(self, invert: bool) -> None:
        if self.photos:
            self.bound = invert
        for name, seed in self.photos.items():
            stem = Path(name).with_suffix("")
            for other in [one for one in self.made if Path(one).with_suffix("") == stem]:
                del self.made[other]  # it failed, or another photo has its outputs now
            if seed:
                self.made[name] = (seed, invert)
            self.damaged.discard(name)


@pytest.fixture
def machine(studio, luminance, disk_calls, child):
    return type("Bound", (Machine,), {"tools": Tools(studio, luminance, disk_calls, child)})


def check(machine, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_between_runs_done_is_correct(machine):
    check(machine, examples=25, steps=12)


@pytest.mark.slow
def test_whatever_happens_between_runs_done_is_correct_at_length(machine):
    check(machine, examples=300, steps=30)
