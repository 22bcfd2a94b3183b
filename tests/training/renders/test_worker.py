from __future__ import annotations

import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from marigold_cli.errors import OutputError
from marigold_cli.training.renders.limits import TookTooLongError
from marigold_cli.training.renders.pictures import Entry, PictureFolder
from marigold_cli.training.renders.worker import work_through

Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    root = tmp_path / "pictures"
    root.mkdir()
    return PictureFolder(root)


def entry(seed: int) -> Entry:
    return Entry(f"{seed:06d}-0", seed, 0, "room", "1", 60, 1.6, 0, 0, 1, 3, 1, 1, 0)


def compose(seed: int) -> list[Entry]:
    """Stands in for Blender: what comes of a scene depends on its seed."""
    if seed == 1:
        raise TookTooLongError
    if seed == 2:
        raise ValueError("no such plant")
    if seed == 4:
        raise OutputError("/full: No space left on device; free some space")
    return [entry(seed)] if seed == 0 else []


def test_each_seed_is_recorded_or_skipped_by_name(folder: PictureFolder, tmp_path: Path) -> None:
    work_through(range(4), compose, folder, tmp_path / "stop")

    skipped = (folder.root / "skipped.csv").read_text().splitlines()
    assert skipped[1:] == ["1,slow", "2,ValueError: no such plant", "3,no view"]
    assert folder.finished() == {0, 1, 2, 3}


def test_a_full_disk_is_no_seeds_fault(folder: PictureFolder, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        work_through(range(3, 9), compose, folder, tmp_path / "stop")

    assert folder.finished() == {3}


def test_whatever_a_full_disk_does_to_a_renderer_is_no_seeds_fault(
    folder: PictureFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 4096, 4096))

    with pytest.raises(OutputError, match=r"pictures: No space left .* free some space"):
        work_through([2], compose, folder, tmp_path / "stop")

    assert not folder.finished()


def test_a_table_that_cannot_grow_is_an_error_that_says_so(folder: PictureFolder) -> None:
    (folder.root / "skipped.csv").symlink_to("/dev/full")

    with pytest.raises(OutputError, match=r"skipped\.csv: No space left"):
        folder.skip(1, "slow")


def test_a_scene_that_was_stopped_is_not_skipped(folder: PictureFolder, tmp_path: Path) -> None:
    stop = tmp_path / "stop"

    def stopped(seed: int) -> list[Entry]:
        stop.touch()
        return []

    work_through([5, 6], stopped, folder, stop)

    assert not folder.finished()


def test_the_command_ends_with_one_line_and_the_code_of_its_error(folder: PictureFolder) -> None:
    lock = folder.root / ".partial"
    lock.write_text("a file where a folder is needed")
    command = [sys.executable, "-m", "marigold_cli.training.renders", str(folder.root)]

    answer = subprocess.run(command, capture_output=True, text=True, check=False)

    assert answer.returncode == 7
    assert answer.stderr.startswith(f"error: {folder.root}")
    assert len(answer.stderr.splitlines()) == 1
