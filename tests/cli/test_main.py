from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marigold_cli import __version__
from marigold_cli.batch import status
from marigold_cli.errors import ExitCode

Call = Callable[..., Any]  # gives an Answer of conftest.py

HOSTILE = "\x1b]52;c;aGk=\x07\x1b[31m\u202e[/]\n\u009b.jpg\udcff"
RAW_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]")


def test_the_version_is_data(call: Call) -> None:
    answer = call("--version")

    assert (answer.code, answer.out) == (0, f"marigold {__version__}\n")


def test_an_option_without_a_value_has_no_type(call: Call) -> None:
    lines = call("run", "--help").out.splitlines()

    (fast,) = (line for line in lines if "--fast" in line)
    (steps,) = (line for line in lines if "--steps" in line)
    assert "<bool>" not in fast
    assert " N " in steps


def test_no_command_at_all_shows_the_help(call: Call) -> None:
    answer = call()

    assert answer.code == ExitCode.USAGE
    assert "Usage: marigold" in answer.out


@pytest.mark.parametrize(
    "line",
    [
        "fly",
        "run --fly",
        "run --steps none",
        "run --steps 0",
        "run --grid sideways",
        "run --max-time soon",
        "run --fail-on some",
        "run --format jpg",
        "run --format ,",
        "run --colormap rainbow",
        "run --revision main",
        "run --out=",
        "run --colmap=",
        "status ''",
        "train --out=",
        "evaluate --dataset folder --data=",
        "align --align-to=",
        "export --for ply --scene=",
        "run --files-from=",
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    line: str, call: Call, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)

    answer = call(*shlex.split(line))

    assert answer.code == ExitCode.USAGE
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_two_things_that_want_stdout_are_refused(call: Call) -> None:
    answer = call("run", "--json", "--log-json", "-")

    assert answer.code == ExitCode.USAGE
    assert "--log-json" in answer.err


def test_options_that_contradict_each_other_are_refused(
    call: Call, photos: Path, checkpoint: Path
) -> None:
    answer = call("run", photos, "--model", checkpoint, "--fast", "--steps", "50")

    assert answer.code == ExitCode.USAGE
    assert "--fast" in answer.err


@pytest.mark.parametrize(
    "argv",
    [
        ["run", HOSTILE],
        ["run", "--" + HOSTILE],
        ["run", "--colormap", HOSTILE],
        ["run", "--max-time", HOSTILE],
        ["run", "--model", HOSTILE],
        ["run", "--steps", HOSTILE],
        ["run", "--files-from", HOSTILE],
        ["status", HOSTILE],
        ["models", "show", HOSTILE],
        ["models", "pull", HOSTILE],
        [HOSTILE],
    ],
)
def test_a_hostile_word_reaches_no_terminal(argv: list[str], call: Call) -> None:
    answer = call(*argv)

    assert answer.code != 0
    assert not RAW_CONTROL.search(answer.err)
    assert answer.out == ""


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["run", "nowhere"], ExitCode.NO_INPUT),
        (["run", ".", "--model", "no/such-model"], ExitCode.MODEL),
        (["run", ".", "--resume"], ExitCode.REFUSED),
        (["status", "nowhere"], ExitCode.NO_INPUT),
        (["verify", "nowhere"], ExitCode.NO_INPUT),
        (["models", "show", "no/such-model"], ExitCode.MODEL),
    ],
)
def test_an_error_is_told_to_people_and_machines(
    argv: list[str],
    code: ExitCode,
    call: Call,
    photos: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos)
    if argv[0] == "run" and "--model" not in argv:
        argv = [*argv, "--model", str(checkpoint)]

    answer = call(*argv, "--json")

    assert answer.code == code
    told = json.loads(answer.out)
    assert told["exit_code"] == code
    assert f"error: {told['error']}" in answer.err


def test_photos_that_would_share_an_output_are_both_named(
    call: Call, photos: Path, checkpoint: Path
) -> None:
    (photos / "a.jpg").write_bytes((photos / "day1" / "b.jpg").read_bytes())

    answer = call("run", photos, "--model", checkpoint)

    assert answer.code == ExitCode.REFUSED
    assert "a.jpg" in answer.err
    assert "a.png" in answer.err


def test_a_bug_shows_its_traceback_but_no_values(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(out: Path) -> None:
        secret = "token" + "-value"
        raise RuntimeError(f"\x1b[31m{len(secret)}")

    monkeypatch.setattr(status, "read_status", break_down)

    answer = call("status", tmp_path)

    assert answer.code == ExitCode.BUG
    assert "Traceback" in answer.err
    assert "break_down" in answer.err
    assert "token-value" not in answer.err
    assert not RAW_CONTROL.search(answer.err)


def test_ctrl_c_before_the_run_begins_is_death_by_the_signal(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(out: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "read_status", interrupt)

    answer = call("status", tmp_path)

    assert answer.code == 130
