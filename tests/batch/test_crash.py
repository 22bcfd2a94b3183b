"""SIGKILL at every lasting system call of a run; the machine itself stays up."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.batch.options import Policy
from marigold_cli.batch.settings import fingerprint

pytestmark = [
    pytest.mark.program,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

NAMES = ("a.png", "b.png", "c.png", "sub/d.png")
DURABLE = Policy(fsync=True)


class Tripwire:
    """Kills the process at its n-th lasting system call; a write is made by half."""

    def __init__(self, point: int) -> None:
        self.point, self.count = point, 0

    def __call__(self, name: str, paths: list[Path], call) -> object:
        self.count += 1
        if self.count == self.point:
            if name == "write":
                descriptor, data = call.arguments
                call.real(descriptor, bytes(data)[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return None if name == "fsync" else call()  # the machine stays up, so it needs no syncing


def killed_at(point: int, studio, disk_calls, child, policy: Policy = DURABLE) -> bool:
    """Run until the n-th call; False if there are not so many."""

    def work() -> int:
        with disk_calls(studio.root, Tripwire(point)):
            return studio.run(policy).exit_code

    code = child(work)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def fresh(studio, root: Path):
    """The same photos, another output folder."""
    root.mkdir()
    (root / "photos").symlink_to(studio.photos)
    return replace(studio, root=root)


def begun(studio, root: Path):
    """The same photos, and a copy of the output folder as it stands."""
    other = fresh(studio, root)
    shutil.copytree(studio.out, other.out)
    return other


@pytest.fixture
def four(studio):
    for seed, name in enumerate(NAMES):
        studio.shoot(name, seed)
    return studio


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_of_a_first_run_loses_nothing(
    four, tmp_path, disk_calls, child, luminance, stride
):
    reference = fresh(four, tmp_path / "reference")
    reference.run()
    whole = reference.results()

    for point in itertools.count(1, stride):
        trial = fresh(four, tmp_path / f"trial{point}")
        was_killed = killed_at(point, trial, disk_calls, child)
        visible, finished, lies = trial.results(), set(trial.standing()), trial.lies()
        predictor = luminance()
        summary = trial.run(predictor=predictor)

        assert all(data == whole[name] for name, data in visible.items()), "torn"
        assert lies == []
        assert not finished & trial.names_of(predictor), "computed twice"
        assert (summary.done + summary.skipped, summary.exit_code) == (4, 0)
        assert trial.results() == whole
        assert not list(trial.out.glob(".marigold/tmp-*"))
        shutil.rmtree(trial.root)
        if not was_killed:
            break
    assert point > 60


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_while_changed_photos_are_done_again_mixes_nothing(
    four, stride, tmp_path, disk_calls, child, luminance
):
    four.run()
    before = four.results()
    four.shoot("a.png", seed=10)
    four.shoot("b.jpg", seed=11)  # takes the outputs of b.png over
    (four.photos / "b.png").unlink()
    os.truncate(four.out / "c_depth.npy", 100)
    base = begun(four, tmp_path / "base")
    four.run()
    after = four.results()

    for point in itertools.count(1, stride):
        trial = begun(base, tmp_path / f"trial{point}")
        was_killed = killed_at(point, trial, disk_calls, child)
        visible, finished, lies = trial.results(), set(trial.standing()), trial.lies()
        predictor = luminance()
        trial.run(predictor=predictor)

        torn = {name for name in after if visible[name] not in (before[name], after[name])}
        assert torn <= {"c_depth.npy"}, "torn"
        assert set(lies) <= {"c_depth.npy"}
        assert not finished - {"a.png", "b.png", "c.png"} & trial.names_of(predictor)
        assert trial.results() == after
        assert trial.lies() == []
        shutil.rmtree(trial.root)
        if not was_killed:
            break
    assert point > 30


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_while_a_folder_is_bound_to_other_settings_leaves_it_true(
    four, stride, tmp_path, disk_calls, child
):
    four.run()
    base = begun(four, tmp_path / "base")
    base.output = four.output = replace(four.output, invert=True)
    overwrite = replace(DURABLE, overwrite=True)
    four.run(overwrite)
    after = four.results()

    for point in itertools.count(1, stride):
        trial = begun(base, tmp_path / f"trial{point}")
        was_killed = killed_at(point, trial, disk_calls, child, overwrite)
        lies, is_bound = trial.lies(), trial.bound_to() == fingerprint(trial.settings())
        summary = trial.run(Policy(fsync=False, overwrite=not is_bound))

        assert lies == []
        assert (summary.done + summary.skipped, summary.exit_code) == (4, 0)
        assert trial.results() == after
        shutil.rmtree(trial.root)
        if not was_killed:
            break
    assert is_bound
    assert summary.skipped == 4


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_of_an_overwrite_lets_it_go_on_where_it_was(
    four, stride, tmp_path, disk_calls, child, luminance
):
    four.run()
    for seed, name in enumerate(NAMES, 10):
        four.shoot(name, seed)  # so that no result is what it was before
    base = begun(four, tmp_path / "base")
    overwrite = replace(DURABLE, overwrite=True)
    four.run(overwrite)
    after = four.results()

    for point in itertools.count(1, stride):
        trial = begun(base, tmp_path / f"trial{point}")
        first = {record["sha256"] for record in trial.standing().values()}
        was_killed = killed_at(point, trial, disk_calls, child, overwrite)
        made = {n for n, one in trial.standing().items() if one["sha256"] not in first}
        lies, predictor = trial.lies(), luminance()
        summary = trial.run(replace(overwrite, fsync=False), predictor)

        assert lies == []
        if was_killed and len(made) < 4:
            assert not made & trial.names_of(predictor), "computed twice"
        assert (summary.done + summary.skipped, summary.exit_code) == (4, 0)
        assert trial.results() == after
        assert trial.lies() == []
        shutil.rmtree(trial.root)
        if not was_killed:
            break
    assert point > 30
