"""A disk that is full or broken from the n-th call on: the run stops, and what stands is true."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.batch.options import Policy
from marigold_cli.errors import ExitCode, OutputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ERRORS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO]


class FailingDisk:
    """Lets n calls pass and then fails all that need room; removing goes on."""

    def __init__(self, passes: int, number: int) -> None:
        self.passes, self.number, self.failed = passes, number, False

    def __call__(self, name: str, paths: list[Path], call) -> object:
        if name in ("unlink", "rmdir"):
            return call()
        self.passes -= 1
        if self.passes < 0:
            self.failed = True
            raise OSError(self.number, os.strerror(self.number))
        return call()


def run_on(disk: FailingDisk, studio, disk_calls) -> ExitCode:
    with disk_calls(studio.root, disk):
        try:
            return studio.run(Policy(fsync=True)).exit_code
        except OutputError as error:
            return error.exit_code


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_fails_stops_the_run_and_tears_nothing(studio, disk_calls, number, stride):
    for seed in range(3):
        studio.shoot(f"{seed}.png", seed)
    studio.run()
    whole = studio.results()
    codes = []

    for passes in itertools.count(0, stride):
        trial = replace(studio, root=studio.root / f"trial{passes}")
        trial.root.mkdir()
        trial.photos.symlink_to(studio.photos)
        disk = FailingDisk(passes, number)
        codes.append(run_on(disk, trial, disk_calls))

        assert all(whole[name] == data for name, data in trial.results().items())
        assert (trial.lies(), trial.records("failed")) == ([], [])
        assert not list(trial.out.glob(".marigold/tmp-*"))
        assert trial.run().exit_code == ExitCode.OK
        assert trial.results() == whole
        shutil.rmtree(trial.root)
        if not disk.failed:
            break

    assert set(codes) == {ExitCode.OUTPUT, ExitCode.OK}
    assert codes.count(ExitCode.OK) <= 3  # the last line of the journal is no part of the promise
