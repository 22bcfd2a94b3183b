from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from marigold_cli.cli.train_display import LiveDisplay, TalkingDisplay, beating, standing
from marigold_cli.cli.train_options import read_size
from marigold_cli.errors import ExitCode
from marigold_cli.training.progress import Advance


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four pictures with depth."""
    folder = tmp_path / "pictures"
    for part in ("rgb", "depth"):
        (folder / part).mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in "abcd":
        rgb = random.integers(0, 256, (16, 24, 3), np.uint8)
        Image.fromarray(rgb).save(folder / "rgb" / f"{name}.png")
        np.save(folder / "depth" / f"{name}.npy", random.uniform(1, 5, (16, 24)))
    return folder


@pytest.fixture
def line(pictures: Path, checkpoint: Path, tmp_path: Path) -> list[str | Path]:
    """A short training."""
    start = ["train", "--base", checkpoint, "--data", f"folder:{pictures}", "--device", "cpu"]
    return [*start, "--out", tmp_path / "out", "--updates", "3", "--batch", "2", "--accumulate", 1]


def test_it_trains_and_says_so(call: Callable, line: list[str | Path], tmp_path: Path) -> None:
    answer = call(*line)

    assert answer.code == 0
    assert answer.out == ""
    assert f"training {tmp_path / 'out'}" in answer.err
    assert "3/3 · loss " in answer.err
    assert f"done: {tmp_path / 'out'}\n" in answer.err
    assert json.loads((tmp_path / "out" / "model_index.json").read_text())["scale_invariant"]


def test_when_the_time_is_up_it_stops_and_goes_on_the_next_time(
    call: Callable, line: list[str | Path], tmp_path: Path
) -> None:
    first = call(*line, "--max-time", "0s")
    second = call(*line)

    rows = (tmp_path / "out" / "curve.csv").read_text().splitlines()
    assert (first.code, second.code) == (ExitCode.STOPPED, 0)
    assert "stopped (the time limit is reached); run the same line again" in first.err
    assert "going on after update 1" in second.err
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3"]


def test_quietly_it_says_nothing(call: Callable, line: list[str | Path]) -> None:
    answer = call(*line, "--quiet")

    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_of_many_processes_only_the_first_talks(
    call: Callable, line: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")

    answer = call(*line)

    assert (answer.code, answer.err) == (0, "")


def test_other_options_are_refused_with_code_3(call: Callable, line: list[str | Path]) -> None:
    call(*line, "--max-time", "0s")

    answer = call(*line, "--rate", "0.5")

    assert answer.code == ExitCode.REFUSED
    assert "rate: 3e-05 then, 0.5 now" in answer.err


def test_missing_data_are_refused_with_code_4(
    call: Callable, line: list[str | Path], pictures: Path
) -> None:
    (pictures / "depth" / "c.npy").unlink()

    answer = call(*line)

    assert answer.code == ExitCode.NO_INPUT
    assert "depth" in answer.err


def test_a_base_that_is_not_here_has_code_5(call: Callable, line: list[str | Path]) -> None:
    assert call(*line, "--base", "nobody/nothing").code == ExitCode.MODEL


def test_float16_needs_a_gpu(call: Callable, line: list[str | Path]) -> None:
    answer = call(*line, "--precision", "fp16")

    assert answer.code == ExitCode.USAGE
    assert "fp16 needs a GPU" in answer.err


def test_a_rate_that_falls_to_nothing_is_refused_with_code_2(
    call: Callable, line: list[str | Path], tmp_path: Path
) -> None:
    answer = call(*line, "--final-rate", "0")

    assert answer.code == ExitCode.USAGE
    assert "--final-rate 0 would stop the learning" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--updates=5", "--size=192x144", "--protocol=e2e"])
def test_a_recipe_leaves_no_other_choice(call: Callable, tmp_path: Path, flag: str) -> None:
    answer = call("train", "--recipe", "embedded", "--out", tmp_path, flag)

    assert answer.code == ExitCode.USAGE
    assert f"--recipe decides {flag.split('=')[0]}" in answer.err


def test_sizes_are_width_by_height() -> None:
    assert read_size("192x144") == (144, 192)
    assert read_size(None) is None


@pytest.mark.parametrize("text", ["192", "192x", "0x5", "axb", "1x2x3", "-1x5"])
def test_what_is_no_size_is_said_so(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a size like 192x144"):
        read_size(text)


def advances(count: int) -> list[Advance]:
    return [Advance(100 + i, 1000, 0.5 if i % 2 else 0.3, 3e-5, 32, 2.0 * i) for i in range(count)]


def test_the_standing_is_update_loss_rate_speed_and_time_left() -> None:
    words = "109/1,000 · loss 0.4000 · rate 3.0e-05 · 16 pictures/s · 29:42 left"

    assert standing(advances(10)) == words


def test_before_there_is_a_speed_none_is_said() -> None:
    assert standing(advances(1)) == "100/1,000 · loss 0.3000 · rate 3.0e-05"
    assert standing([]) == ""


def test_what_the_last_sheet_showed_stands_behind_the_loss() -> None:
    last = replace(advances(1)[0], scores="AbsRel 0.123 · delta1 0.870")

    assert standing([last]) == (
        "100/1,000 · loss 0.3000 · AbsRel 0.123 · delta1 0.870 · rate 3.0e-05"
    )


def test_skipped_updates_are_left_out_of_the_mean_loss() -> None:
    skipped = Advance(101, 1000, math.nan, 3e-5, 32, 2.0)

    assert "loss 0.3000" in standing([*advances(1), skipped])
    assert "loss not finite" in standing([skipped])


@pytest.mark.parametrize("width", [1, 5, 20, 60, 200])
def test_the_live_picture_fits_the_terminal(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    display = LiveDisplay(console)
    display.stage("reading \x1b[2J the base")
    console.print(display)
    for advance in advances(5):
        display.advance(advance)

    console.print(display)

    text = console.file.getvalue()
    assert "\x1b[2J" not in text
    assert max(cell_len(row) for row in text.splitlines()) <= width


def test_a_log_gets_a_line_every_now_and_then() -> None:
    console = Console(file=io.StringIO(), width=200, markup=False, highlight=False)
    display = TalkingDisplay(console)

    with beating(display, every_s=0.01):
        display.stage("looking at the data")
        deadline = time.monotonic() + 10
        while console.file.getvalue().count("looking") < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        display.advance(advances(1)[0])

    assert console.file.getvalue().count("looking at the data") >= 2
    assert console.file.getvalue().endswith("100/1,000 · loss 0.3000 · rate 3.0e-05\n")
