from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marigold_cli import __version__
from marigold_cli.batch.signals import STOPPING
from marigold_cli.errors import ExitCode

SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"
SUFFIXES = (".npy", ".png")
pytestmark = pytest.mark.program

MARIGOLD = [sys.executable, "-m", "marigold_cli"]


def start(*argv: str | Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MARIGOLD, *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_talk_and_data_leave_by_different_doors() -> None:
    version, usage = start("--version"), start("run", "--fly")

    assert version.communicate() == (f"marigold {__version__}\n", "")
    assert version.returncode == 0
    out, err = usage.communicate()
    assert (usage.returncode, out) == (ExitCode.USAGE, "")
    assert err.startswith("error: No such option: --fly")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_reason_to_fail(closed: str) -> None:
    line = ["sh", "-c", f'exec "$0" "$@" {closed}', *MARIGOLD, "--version"]

    answer = subprocess.run(line, capture_output=True, text=True)

    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_list_from_a_closed_stdin_is_refused_in_one_line() -> None:
    line = ["sh", "-c", 'exec "$0" "$@" <&-', *MARIGOLD, "run", "--files-from", "-"]

    answer = subprocess.run(line, capture_output=True, text=True)

    assert answer.returncode == ExitCode.NO_INPUT
    assert answer.stderr == "error: the list cannot be read: standard input is closed\n"


def test_a_terminal_without_unicode_is_spared(photos: Path, checkpoint: Path) -> None:
    (photos / "a.png").rename(photos / "größe.png")
    process = start(
        "run", photos, "--model", checkpoint, "--dry-run", PYTHONIOENCODING="ascii"
    )  # fmt: skip

    out, _ = process.communicate()

    assert process.returncode == 0
    assert "gr\\xf6\\xdfe.png (new)" in out


def test_a_reader_that_leaves_does_not_stop_the_run(
    photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    process = start("run", photos, "--out", out, "--model", checkpoint, "--log-json", "-", "-v")
    assert process.stdout
    process.stdout.close()
    _, err = process.communicate()

    assert process.returncode == 0, err
    assert (out / "a_depth.npy").exists()
    assert (out / "day1" / "b_depth.npy").exists()


def test_a_stopped_run_dies_of_the_signal_and_leaves_no_half_file(
    photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = ["run", photos, "--out", out, "--model", checkpoint, "--steps", "900", "--grace", "0s"]
    process = start(*line, "--log-json", "-")

    send_at(process, "StepDone", signal.SIGINT)
    _, err = process.communicate()

    assert process.returncode == -signal.SIGINT
    assert "stopping: SIGINT" in err
    assert not list(out.rglob("*_depth.npy"))
    assert {path.name for path in (out / ".marigold").iterdir()} <= {"lock"}


def send_at(process: subprocess.Popen[str], event: str, number: signal.Signals) -> None:
    """Send a signal when the log tells of an event for the first time."""
    assert process.stdout
    for text in process.stdout:
        if json.loads(text)["event"] == event:
            process.send_signal(number)
            return


# The whole program but for the networks, so that it starts in a second: a step takes 10 ms.
PATIENT = """
import sys, time, types

class Patient:
    name, device, dtype, reason = "patient", "cpu", "float32", ""
    long_edge, photos_per_call = None, 1

    def predict(self, photos, on_step):
        for step in range(10_000):
            time.sleep(0.01)
            on_step(step + 1, 10_000)

room = types.ModuleType("marigold_cli.checkpoints.predictor")
room.open_predictor = lambda *_, **__: Patient()
sys.modules[room.__name__] = room

from marigold_cli.cli import run_and_exit
run_and_exit()
"""


@pytest.mark.parametrize("stage", ["looking for photos", "loading the model"])
def test_a_run_tells_the_stage_to_who_asks_before_there_is_any_work(
    stage: str, photos: Path, tmp_path: Path
) -> None:
    ask = """
import os, signal, sys, time
from marigold_cli.cli import display

told = display.TalkingDisplay.stage

def stage(self, text):
    told(self, text)
    if text == sys.argv[-1]:
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.5)

display.TalkingDisplay.stage = stage
"""
    line = ["run", photos, "--out", tmp_path / "out", "--model", "tiny", "--dtype", "float32"]
    script = f"{ask}{PATIENT}".replace("10_000", "1").replace("sys.argv[-1]", repr(stage))
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, line), "--max-time", "1s", "--grace", "0s"],
        stderr=subprocess.PIPE,
        text=True,
    )

    _, err = process.communicate()

    assert f"\n{stage}\n" in f"\n{err}"
    assert process.returncode >= 0, err


@pytest.mark.parametrize("number", STOPPING)
def test_every_stopping_signal_ends_the_whole_program(
    number: signal.Signals, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = ["run", photos, "--out", out, "--model", "tiny", "--dtype", "float32", "--grace", "0s"]
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT, *map(str, line), "--log-json", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    send_at(process, "StepDone", number)
    _, err = process.communicate()

    assert process.returncode == -number
    assert f"stopping: {number.name}" in err
    assert not list(out.rglob("*_depth.npy"))
    assert {path.name for path in (out / ".marigold").iterdir()} <= {"lock"}


def test_a_killed_run_goes_on_to_what_an_unbroken_one_gives(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("coffee", "palace", "motorcycle"):
        with Image.open(SAMPLES / f"{name}.jpg") as sample:
            sample.resize((256, 192)).save(photos / f"{name}.png")
    line = ["run", photos, "--fast", "--model", "tiny", "--device", "cpu", "--batch-size", "1"]

    process = start(*line, "--out", tmp_path / "broken", "--log-json", "-")
    send_at(process, "JobDone", signal.SIGKILL)
    process.communicate()
    resumed = call(*line, "--out", tmp_path / "broken", "--json")
    call(*line, "--out", tmp_path / "whole")

    summary = json.loads(resumed.out)
    assert process.returncode == -signal.SIGKILL
    assert summary["skipped"] >= 1
    assert summary["skipped"] + summary["done"] == 3
    assert results(tmp_path / "broken") == results(tmp_path / "whole")
    assert len(results(tmp_path / "whole")) == 6


def results(out: Path) -> dict[str, bytes]:
    """Every result in an output folder."""
    return {path.name: path.read_bytes() for path in out.iterdir() if path.suffix in SUFFIXES}
