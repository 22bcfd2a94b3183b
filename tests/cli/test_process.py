from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from marigold_cli import __version__
from marigold_cli.errors import ExitCode

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


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_dies_of_the_signal_and_leaves_no_half_file(
    number: signal.Signals, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = ["run", photos, "--out", out, "--model", checkpoint, "--steps", "900", "--grace", "0s"]
    process = start(*line, "--log-json", "-")
    assert process.stdout

    for text in process.stdout:
        if json.loads(text)["event"] == "StepDone":
            process.send_signal(number)
            break
    _, err = process.communicate()

    assert process.returncode == -number
    assert f"stopping: {number.name}" in err
    assert not list(out.rglob("*_depth.npy"))
    assert {path.name for path in (out / ".marigold").iterdir()} <= {"lock"}
