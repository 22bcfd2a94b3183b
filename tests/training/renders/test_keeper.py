from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from marigold_cli.errors import OutputError, OutputInUseError
from marigold_cli.training.renders import keeper
from marigold_cli.training.renders.keeper import ComposerError, Limits, keep_composing
from marigold_cli.training.renders.pictures import PictureFolder

pytestmark = pytest.mark.program

# Stands in for Blender: notes each seed as the real one does, then acts as the seed says.
WORKER = """
import os, signal, sys, time
from pathlib import Path
from marigold_cli.training.renders.keeper import note_seed
from marigold_cli.training.renders.pictures import PictureFolder
folder = PictureFolder(Path(sys.argv[1]))
with open(folder.root / "starts", "a") as starts:
    starts.write(" ".join(sys.argv[3:]) + "\\n")
for seed in map(int, sys.argv[3:]):
    note_seed(folder, seed)
    if seed == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if seed == 5:
        time.sleep(60)
    if seed == 7:
        hoard = bytearray(300 * 2**20)
        time.sleep(60)
    if seed == 9:
        Path(sys.argv[2]).touch()
        sys.exit(0)
    if seed == 11:
        sys.exit(7)  # what takes no more files
    folder.skip(seed, "done")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureFolder:
    monkeypatch.setattr(keeper, "_LOOK", 0.05)
    return PictureFolder(tmp_path / "pictures")


def run(folder: PictureFolder, count: int, limits: Limits, first: int = 0) -> dict[int, str]:
    """Keep composing; the reasons by seed."""
    folder.root.mkdir(exist_ok=True)
    stop = folder.root / "stop"
    command = [sys.executable, "-c", WORKER, str(folder.root), str(stop)]
    keep_composing(command, folder, stop, first, count, limits)
    lines = (folder.root / "skipped.csv").read_text().splitlines()[1:]
    return {int(seed): reason for seed, _, reason in (line.partition(",") for line in lines)}


def test_a_fresh_process_starts_every_so_many_scenes(folder: PictureFolder) -> None:
    assert list(run(folder, 3, Limits(scenes=2))) == [0, 1, 2]

    assert (folder.root / "starts").read_text() == "0 1\n2\n"


def test_a_seed_that_kills_its_process_is_skipped_by_name(folder: PictureFolder) -> None:
    reasons = run(folder, 3, Limits(), first=2)

    assert reasons == {2: "done", 3: "SIGSEGV", 4: "done"}


def test_a_seed_that_stands_still_is_skipped_by_name(folder: PictureFolder) -> None:
    reasons = run(folder, 2, Limits(patience=2.0), first=5)

    assert reasons == {5: "stuck", 6: "done"}


def test_a_seed_that_grows_too_large_is_skipped_by_name(folder: PictureFolder) -> None:
    reasons = run(folder, 2, Limits(memory=250 * 2**20), first=7)

    assert reasons == {7: "memory", 8: "done"}


def test_a_full_disk_ends_the_work_with_one_error_and_costs_no_seed(
    folder: PictureFolder,
) -> None:
    with pytest.raises(OutputError, match=r"pictures: takes no more files; free some space"):
        run(folder, 3, Limits(), first=10)

    assert list(keeper.unfinished(folder, 10, 3)) == [11, 12]


def test_a_stop_file_ends_the_work_and_loses_no_seed(folder: PictureFolder) -> None:
    reasons = run(folder, 3, Limits(), first=8)

    assert reasons == {8: "done"}
    (folder.root / "stop").unlink()
    assert list(keeper.unfinished(folder, 8, 3)) == [9, 10]


def test_a_process_that_cannot_start_is_an_error_and_no_endless_loop(
    folder: PictureFolder, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "raise SystemExit(1)"]

    with pytest.raises(ComposerError, match="before any scene"):
        keep_composing(command, folder, tmp_path / "stop", 0, 2)


def test_a_folder_is_filled_by_one_keeper_only(folder: PictureFolder, tmp_path: Path) -> None:
    nested = [
        sys.executable,
        "-c",
        "import sys\n"
        "from pathlib import Path\n"
        "from marigold_cli.errors import OutputInUseError\n"
        "from marigold_cli.training.renders.keeper import keep_composing, note_seed\n"
        "from marigold_cli.training.renders.pictures import PictureFolder\n"
        "folder = PictureFolder(Path(sys.argv[1]))\n"
        "note_seed(folder, 0)\n"
        "try:\n"
        "    keep_composing(['true'], folder, folder.root / 'stop')\n"
        "except OutputInUseError:\n"
        "    folder.skip(0, 'in use')\n",
        str(folder.root),
    ]

    keep_composing(nested, folder, tmp_path / "stop", 0, 1)

    assert "0,in use" in (folder.root / "skipped.csv").read_text()


# A keeper whose worker says that it is at work, and ends with its standard input.
KEEPER = """
import sys
from pathlib import Path
from marigold_cli.training.renders.keeper import keep_composing
from marigold_cli.training.renders.pictures import PictureFolder
worker = "print('at work', flush=True); import sys; sys.stdin.read()"
folder = PictureFolder(Path(sys.argv[1]))
keep_composing([sys.executable, "-c", worker], folder, folder.root / "stop", 0, 1)
"""


def test_a_folder_is_taken_until_the_worker_of_a_killed_keeper_has_ended(
    folder: PictureFolder,
) -> None:
    command = [sys.executable, "-c", KEEPER, str(folder.root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"at work\n"
        killed.kill()
        killed.wait()

        with pytest.raises(OutputInUseError, match="pictures: another process is filling it"):
            keep_composing(["true"], folder, folder.root / "stop", 0, 1)

    with (folder.root / ".partial" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for the worker's end
    with pytest.raises(ComposerError):
        keep_composing(["true"], folder, folder.root / "stop", 0, 1)
