"""Several workers as a user starts them. Only the networks are replaced, so that it goes fast."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from marigold_cli.batch.options import ModelOptions, RunOptions
from marigold_cli.batch.progress import FromWorker, JobDone, JobStarted, StepDone
from marigold_cli.batch.tally import Tally
from marigold_cli.cli.board import Board
from marigold_cli.cli.crew import settle_device
from marigold_cli.cli.devices import read_devices
from marigold_cli.cli.engine import Rank, _explain, read_rank, share_cores_of_engine
from marigold_cli.cli.events import to_line
from marigold_cli.errors import ExitCode, UsageError

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MARIGOLD = [sys.executable, "-m", "marigold_cli"]
README = (ROOT / "README.md").read_text(encoding="utf8")

# Read by every process at its start: depth is the mean of the colours, and takes PATIENCE seconds.
SITE = """
import os, sys, time, types

class Mean:
    name, device, dtype, long_edge, photos_per_call = "mean", "cpu", "float32", None, 1

    @property
    def reason(self):
        import torch
        return f"{torch.get_num_threads()} threads"

    def predict(self, photos, on_step):
        from marigold_cli.depth import DepthMap
        if str(photos[0].pixels.shape[0]) == os.environ.get("POISON"):
            os.kill(os.getpid(), 9)
        for step in range(10):
            time.sleep(float(os.environ.get("PATIENCE", 0)) / 10)
            on_step(step + 1, 10)
        return [DepthMap(photo.pixels.mean(axis=-1, dtype="f4") / 255) for photo in photos]

    def restored(self, depth, size):
        return depth

room = types.ModuleType("marigold_cli.checkpoints.predictor")
room.open_predictor = lambda *_, **__: Mean()
sys.modules[room.__name__] = room
"""
CORES = len(os.sched_getaffinity(0))
RUN = ["run", "photos", "--out", "depths", "--model", "tiny", "--dtype", "float32", "--no-fsync"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with twelve photos of several sizes."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SITE)
    (tmp_path / "photos").mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (8 + number, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"photos/{number:02}.png")
    return tmp_path


def start(folder: Path, *line: str, **environment: str) -> subprocess.Popen[str]:
    paths = {"PYTHONPATH": f"{folder / 'site'}:{ROOT}", "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.Popen(
        line,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **paths, **environment},
    )


def finish(folder: Path, *line: str, **environment: str) -> tuple[int, str, str]:
    process = start(folder, *line, **environment)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def results(out: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in out.iterdir() if path.suffix in (".npy", ".png")
    }


def done(out: Path) -> Counter[str]:
    """How often each photo was finished, by all journals."""
    journals = [*out.glob("journal*.jsonl"), *out.glob(".marigold/journal-*.jsonl")]
    records = [json.loads(line) for path in journals for line in path.read_bytes().splitlines()]
    return Counter(record["input"] for record in records if record["ev"] == "done")


def alone(folder: Path) -> dict[str, bytes]:
    """What one worker makes of it."""
    code, _, err = finish(folder, *MARIGOLD, *RUN, "--out", "alone")
    assert code == 0, err
    return results(folder / "alone")


@pytest.mark.program
def test_a_worker_on_each_device_makes_what_one_makes(folder: Path) -> None:
    code, out, err = finish(folder, *MARIGOLD, *RUN, "--devices", "cpu:2", "--json", PATIENCE="0.1")

    assert code == 0, err
    assert json.loads(out)["done"] == 12
    assert "worker 0: mean on cpu in float32" in err
    assert "worker 1: mean on cpu in float32" in err
    assert done(folder / "depths") == Counter(f"{number:02}.png" for number in range(12))
    assert {path.name for path in (folder / "depths/.marigold").iterdir()} == {
        "lock", "journal-worker0.jsonl", "journal-worker1.jsonl",
    }  # fmt: skip
    assert results(folder / "depths") == alone(folder)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that compute, children of a launcher."""
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    pids = [int(pid) for path in children for pid in path.read_text().split()]
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
    return [pid for pid, line in lines.items() if b"spawn_main" in line]


def until_done(process: subprocess.Popen[str], number: int) -> None:
    """Wait for so many photos in the events on stdout."""
    assert process.stdout
    for line in process.stdout:
        number -= json.loads(line)["event"] == "JobDone"
        if number <= 0:
            return


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 4, 8])
def test_a_killed_worker_is_started_again_and_the_run_goes_on(folder: Path, after: int) -> None:
    line = [*MARIGOLD, *RUN, "--devices", "cpu:2", "--log-json", "-"]
    process = start(folder, *line, PATIENCE="0.2")
    until_done(process, after)

    os.kill(workers_of(process)[after % 2], signal.SIGKILL)
    out, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    assert "was ended by SIGKILL; what was finished is safe" in err
    assert json.loads(out.splitlines()[-1])["done"] == 12
    assert done(folder / "depths") == Counter(f"{number:02}.png" for number in range(12))
    assert results(folder / "depths") == alone(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_launcher_stops_all_in_order(folder: Path, number: signal.Signals) -> None:
    line = [*MARIGOLD, *RUN, "--devices", "cpu:2", "--log-json", "-"]
    process = start(folder, *line, PATIENCE="0.5")
    until_done(process, 2)

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == -number
    assert f"stopping: {number.name}" in err
    assert not list((folder / "depths/.marigold").glob("tmp-*"))
    code, out, _ = finish(folder, *MARIGOLD, *RUN, "--json")
    assert (code, json.loads(out)["failed"]) == (0, [])
    assert set(done(folder / "depths").values()) == {1}


@pytest.mark.slow
def test_no_worker_outlives_its_launcher(folder: Path) -> None:
    line = [*MARIGOLD, *RUN, "--devices", "cpu:2", "--log-json", "-"]
    process = start(folder, *line, PATIENCE="30")
    assert process.stdout
    next(text for text in process.stdout if "StepDone" in text)
    workers = workers_of(process)

    process.kill()
    process.communicate()

    end = time.monotonic() + 5
    while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in workers):
        time.sleep(0.05)
    assert len(workers) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.mark.slow
def test_no_worker_comes_up_after_its_launcher_has_died(folder: Path) -> None:
    deaf = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")  # as a script's background jobs are
    process = start(folder, *deaf, *MARIGOLD, *RUN, "--devices", "cpu:2")
    while len(workers := workers_of(process)) < 2:
        time.sleep(0.05)

    process.kill()
    process.communicate()

    end = time.monotonic() + 60  # to import torch may take long; to miss a store, minutes
    while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in workers):
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.mark.slow
def test_the_time_limit_holds_for_all_workers(folder: Path) -> None:
    code, _, err = finish(
        folder, *MARIGOLD, *RUN, "--devices", "cpu:2", "--max-time", "1s", PATIENCE="1"
    )

    assert code == ExitCode.STOPPED, err
    assert 0 < len(done(folder / "depths")) < 12


@pytest.mark.slow
def test_ranks_of_an_engine_end_well_though_a_photo_fails(folder: Path) -> None:
    (folder / "photos/03.png").write_bytes(b"no picture")
    torchrun = ["torchrun", "--standalone", "--nproc-per-node", "2", "-m", "marigold_cli"]

    code, out, err = finish(folder, *torchrun, *RUN, "--device", "cpu", "--json", PATIENCE="0.2")

    assert code == 0, err
    assert json.loads(out)["exit_code"] == ExitCode.PARTIAL
    assert len(done(folder / "depths")) == 11
    assert finish(folder, *MARIGOLD, "status", "depths")[0] == ExitCode.PARTIAL


@pytest.mark.slow
def test_a_photo_that_kills_its_rank_is_set_aside_by_name_and_the_others_are_done(
    folder: Path,
) -> None:
    torchrun = ["torchrun", "--standalone", "--nproc-per-node", "2", "--max-restarts", "3"]
    line = [*torchrun, "-m", "marigold_cli", *RUN, "--device", "cpu", "--grace", "1s"]

    code, _, err = finish(folder, *line, PATIENCE="0.1", POISON="11")  # 03.png has so many rows

    assert code == 0, err
    assert "03.png: the program died 2 times while it was working on nothing but this photo" in err
    assert len(done(folder / "depths")) == 11
    assert finish(folder, *MARIGOLD, "status", "depths")[0] == ExitCode.PARTIAL


@pytest.mark.slow
def test_a_rank_on_the_cpu_takes_its_share_of_the_cores(folder: Path) -> None:
    torchrun = ["torchrun", "--standalone", "--nproc-per-node", "1", "-m", "marigold_cli"]

    line = [*torchrun, *RUN, "--device", "cpu", "-v"]
    code, _, err = finish(folder, *line, OMP_NUM_THREADS="1")  # as torchrun itself sets it

    assert code == 0, err
    assert f"mean on cpu in float32 ({CORES} threads)" in err


@pytest.mark.parametrize(("said", "is_heard"), [("1", False), ("3", True)])
def test_a_number_of_threads_that_no_engine_sets_is_the_user_s(
    said: str, is_heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", said)
    before = torch.get_num_threads()
    torch.set_num_threads(1)

    share_cores_of_engine(1)
    after = torch.get_num_threads()
    torch.set_num_threads(before)

    assert after == (1 if is_heard else CORES)


@pytest.mark.slow
def test_two_machines_share_the_photos_by_torchrun_s_rendezvous(folder: Path) -> None:
    node = [
        *("torchrun", "--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d"),
        *("--rdzv-endpoint", "localhost:29517", "--local-addr", "127.0.0.1", "-m", "marigold_cli"),
    ]
    nodes = [start(folder, *node, *RUN, "--device", "cpu", PATIENCE="0.2") for _ in range(2)]

    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in nodes]

    assert [code for _, code in ends] == [0, 0], ends
    assert done(folder / "depths") == Counter(f"{number:02}.png" for number in range(12))
    assert len(list(folder.glob("depths/.marigold/journal-worker*.jsonl"))) == 2


def readme_lines(first: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(first)]


@pytest.mark.program
def test_the_readme_s_job_array_does_all_photos_between_its_tasks(folder: Path) -> None:
    (line,) = readme_lines("sbatch --array")
    words = shlex.split(line)
    first, last = words[1].removeprefix("--array=").split("-")
    command = shlex.split(words[-1])
    assert (words[2], command[:2]) == ("--wrap", ["marigold", "run"])

    for task in range(int(first), int(last) + 1):
        array = {"ID": task, "MIN": first, "MAX": last, "COUNT": int(last) - int(first) + 1}
        slurm = {f"SLURM_ARRAY_TASK_{key}": str(value) for key, value in array.items()}
        more = ["--model", "tiny", "--dtype", "float32", "--no-fsync"]
        code, _, err = finish(folder, *MARIGOLD, *command[1:], *more, **slurm)
        assert code == 0, err
        assert f"part {task - int(first) + 1}/{last} of the photos, by SLURM_ARRAY_TASK_ID" in err
        assert "of 12 photos; all of them with --shard 1/1" in err

    assert done(folder / "depths") == Counter(f"{number:02}.png" for number in range(12))
    assert finish(folder, *MARIGOLD, "status", "depths")[0] == 0


@pytest.mark.slow
def test_the_readme_s_lines_for_engines_run(folder: Path) -> None:
    lines = [*readme_lines("accelerate launch -m marigold_cli run"), *readme_lines("torchrun")]
    assert len(lines) >= 2

    for line in lines:
        more = ["--model", "tiny", "--device", "cpu", "--dtype", "float32"]
        code, _, err = finish(folder, *shlex.split(line), *more)
        assert code == 0, (line, err)

    assert len(done(folder / "depths")) == 12


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("0,1", ("cuda:0", "cuda:1")),
        ("3", ("cuda:3",)),
        ("cpu", ("cpu",)),
        ("cpu:2", ("cpu", "cpu")),
        ("xpu:0, xpu:1", ("xpu:0", "xpu:1")),
    ],
)
def test_devices_are_read(text: str, devices: tuple[str, ...]) -> None:
    assert read_devices(text) == devices


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--devices", "cpu:0"], "say all, numbers of GPUs such as 0,1, or cpu:2"),
        (["--devices", "two"], "say all"),
        (["--devices", ""], "say all"),
        (["--devices", "0,,1"], "say all"),
        (["--devices", "0,0"], "names a device twice"),
        (["--devices", "0,xpu:1"], "devices of one run must be of one kind"),
        (["--devices", "0", "--device", "cpu"], "give one of them"),
        (["--shard", "9/8"], "from 1/8 to 8/8"),
        (["--shard", ""], "from 1/8 to 8/8"),
        (["--split", "ensemble"], "add --ensemble 10"),
        (["--split", "ensemble", "--ensemble", "4", "--tile", "auto"], "merges members tile by"),
    ],
)
def test_what_means_nothing_is_refused_in_one_line(
    line: list[str], words: str, photos: Path, call: Callable[..., Any]
) -> None:
    answer = call("run", photos, "--model", "tiny", *line)

    assert answer.code == ExitCode.USAGE
    assert words in answer.err
    assert answer.err.count("\n") == 1


STORE = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
RANK = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "TORCHELASTIC_RESTART_COUNT": "2"}


def test_the_engine_says_who_one_is() -> None:
    assert read_rank(RANK | STORE) == Rank(5, 8, 1, attempt=2, neighbours=8)
    assert read_rank(RANK | STORE | {"LOCAL_WORLD_SIZE": "4"}) == Rank(5, 8, 1, 2, neighbours=4)
    assert read_rank({"RANK": "5"} | STORE) is None


def test_a_number_without_a_store_to_meet_in_is_no_rank() -> None:
    assert read_rank(RANK) is None


@pytest.mark.parametrize(("code", "soft"), [(0, 0), (10, 0), (75, 0), (3, 3), (7, 7), (143, 143)])
def test_a_rank_ends_with_an_error_only_when_no_photo_is_to_blame(code: int, soft: int) -> None:
    assert Rank(0, 2, 0).soften(code) == soft


def test_a_worker_that_dies_of_a_signal_without_a_name_is_told_of_all_the_same() -> None:
    class EndedError(Exception):
        failures: ClassVar = {3: SimpleNamespace(exitcode=-40)}

    assert str(_explain(EndedError())) == "worker 3 was ended by signal 40"


@pytest.mark.parametrize(("wish", "device"), [("cuda", "cuda:1"), ("cpu", "cpu"), ("xpu", "xpu:1")])
def test_a_rank_takes_the_device_of_its_number(wish: str, device: str) -> None:
    asked = settle_device(RunOptions(model=ModelOptions(device=wish)), Rank(5, 8, 1))

    assert asked.model.device == device


def test_a_rank_starts_no_workers_of_its_own() -> None:
    with pytest.raises(UsageError, match="torchrun"):
        settle_device(RunOptions(devices=("cpu", "cpu")), Rank(0, 2, 0))


def drawn(tally: Tally, width: int, height: int) -> list[str]:
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, height=height, force_terminal=True, color_system=None
    )
    board = Board()
    board.tally = tally
    console.print(board)
    return stream.getvalue().splitlines()


def told(*events: FromWorker) -> Tally:
    tally = Tally(total=40)
    for now, event in enumerate(events):
        tally = tally.after(event, float(now))
    return tally


def test_the_board_has_a_line_for_each_worker() -> None:
    tally = told(
        FromWorker(0, JobStarted("a.jpg")),
        FromWorker(1, JobStarted("b.jpg")),
        FromWorker(1, StepDone(("b.jpg",), 3, 10)),
        FromWorker(0, JobDone("a.jpg", 1.0, ())),
    )

    lines = drawn(tally, 60, 20)

    assert (tally.done, list(tally.in_hand)) == (1, ["b.jpg"])
    assert any("worker 0: idle" in line for line in lines)
    assert any("worker 1: b.jpg · step 3/10" in line for line in lines)


def test_the_board_says_which_members_a_worker_makes() -> None:
    part = (2, 4, 5)
    tally = told(
        FromWorker(0, JobStarted("a.jpg", (0, 2, 5))),
        FromWorker(1, JobStarted("a.jpg", part)),
        FromWorker(1, StepDone(("a.jpg",), 3, 10, part)),
    )

    lines = drawn(tally, 70, 20)

    assert any("worker 0: a.jpg: members 1 to 2" in line for line in lines)
    assert any("worker 1: a.jpg: members 3 to 4 · step 3/10" in line for line in lines)


def test_more_workers_than_lines_are_counted() -> None:
    tally = told(*(FromWorker(number, JobStarted(f"{number}.jpg")) for number in range(30)))

    lines = drawn(tally, 60, 10)

    assert len(lines) <= 10
    assert any("and 23 more workers" in line for line in lines)


def test_events_of_workers_say_whose_they_are() -> None:
    line = json.loads(to_line(FromWorker(3, JobStarted("a.jpg")), 0.0))

    assert (line["event"], line["worker"], line["name"]) == ("JobStarted", 3, "a.jpg")


SPLIT = ["--ensemble", "6", "--steps", "2", "--batch-size", "2", "--model", "tiny", "--no-fsync"]


THREADS = {"OMP_NUM_THREADS": "2"}  # an engine itself says 1


@pytest.fixture(scope="module")
def one_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photograph, and what one worker with the embedded model makes of it."""
    folder = tmp_path_factory.mktemp("one")
    (folder / "photos").mkdir()
    shutil.copy(ROOT / "sample_images/coffee.jpg", folder / "photos")
    line = [*MARIGOLD, "run", "photos", "--out", "alone", *SPLIT]
    code, _, err = finish(folder, *line, **THREADS)
    assert code == 0, err
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [False, True])
def test_the_members_of_one_photo_are_spread_over_workers(
    one_photo: Path, tmp_path: Path, is_killed: bool
) -> None:
    line = [*MARIGOLD, "run", "photos", "--out", str(tmp_path), *SPLIT, "--devices", "cpu:2"]
    more = ["--split", "ensemble", "--log-json", "-"]
    process = start(one_photo, *line, *more, **THREADS)

    if is_killed:
        assert process.stdout
        next(text for text in process.stdout if json.loads(text)["event"] == "StepDone")
        os.kill(workers_of(process)[1], signal.SIGKILL)
    out, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["done"] == 1
    assert ("was ended by SIGKILL" in err) == is_killed
    assert results(tmp_path) == results(one_photo / "alone")
    assert not list(tmp_path.glob(".marigold/parts*"))
    if not is_killed:
        told = [json.loads(text) for text in out.splitlines()]
        made = {tuple(one["part"]) for one in told if one["event"] == "PartDone"}
        assert made == {(0, 2, 6), (2, 4, 6), (4, 6, 6)}


@pytest.mark.slow
def test_an_engine_s_ranks_spread_the_members_of_one_photo(one_photo: Path, tmp_path: Path) -> None:
    torchrun = ["torchrun", "--standalone", "--nproc-per-node", "2", "-m", "marigold_cli"]
    line = [*torchrun, "run", "photos", "--out", str(tmp_path), *SPLIT, "--device", "cpu"]

    code, _, err = finish(one_photo, *line, "--split", "ensemble", **THREADS)

    assert code == 0, err
    assert results(tmp_path) == results(one_photo / "alone")
    assert finish(one_photo, *MARIGOLD, "status", str(tmp_path))[0] == 0
