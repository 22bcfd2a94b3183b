from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from marigold_cli.errors import ExitCode

Call = Callable[..., Any]  # gives an Answer of conftest.py


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two pictures of 96 x 128 px with depth in metres."""
    root = tmp_path / "pairs"
    (root / "depth").mkdir(parents=True)
    for number, name in enumerate(["a", "b"]):
        random = np.random.default_rng(number)
        values = random.integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(values).resize((128, 96)).save(root / f"{name}.png")
        np.save(root / f"depth/{name}.npy", random.uniform(1, 5, (96, 128)).astype(np.float32))
    return root


@pytest.fixture
def evaluate(call: Call, pairs: Path, tmp_path: Path) -> Call:
    def evaluate(*more: str | Path) -> Any:
        line = ["evaluate", "--dataset", "folder", "--data", pairs, "--out", tmp_path / "tables"]
        return call(*line, *more)

    return evaluate


@pytest.fixture
def with_model(evaluate: Call, checkpoint: Path) -> Call:
    def with_model(*more: str | Path) -> Any:
        return evaluate("--model", checkpoint, "--device", "cpu", "--steps", "1", *more)

    return with_model


def facts(answer: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(answer.out)["results"]
    return results


def test_a_model_and_its_finished_run_have_the_same_scores(
    with_model: Call, evaluate: Call, call: Call, pairs: Path, checkpoint: Path, tmp_path: Path
) -> None:
    model = ("--model", checkpoint, "--device", "cpu", "--steps", "1")
    call("run", pairs, "--exclude", "depth", "--out", tmp_path / "run", "--format", "npy", *model)

    (ours,) = facts(with_model("--json"))
    (theirs,) = facts(evaluate("--predictions", tmp_path / "run", "--json"))

    assert ours["means"] == theirs["means"]
    assert ours["pictures"] == 2
    assert ours["cost"]["evaluations"] == 1
    assert ours["cost"]["peak_bytes"] > 50e6
    assert ours["cost"]["seconds"] > 0


def test_tables_sheets_and_scores_of_each_picture_are_written(
    with_model: Call, tmp_path: Path
) -> None:
    answer = with_model("--baselines")

    assert answer.code == 0
    assert "vertical ramp" in answer.out
    assert "AbsRel" in answer.out
    written = {path.name for path in (tmp_path / "tables/pairs").iterdir() if path.is_file()}
    assert {"random-1-x-1.csv", "random-1-x-1.png", "constant.csv"} <= written
    assert "| constant |" in (tmp_path / "tables/tables.md").read_text()
    assert json.loads((tmp_path / "tables/results.json").read_text())["results"][0]["notes"] == []


def test_models_of_one_name_are_refused_before_any_is_measured(
    with_model: Call, checkpoint: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(checkpoint, tmp_path / "other" / checkpoint.name)

    answer = with_model("--compare", other)

    assert answer.code == ExitCode.USAGE
    assert "2 models are called random; measure each with its own --out" in answer.err
    assert not (tmp_path / "tables").exists()


def test_a_single_picture_has_every_baseline_but_the_mean_of_the_others(
    evaluate: Call, pairs: Path, tmp_path: Path
) -> None:
    (pairs / "b.png").unlink()
    (pairs / "depth/b.npy").unlink()
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine/a.npy", np.load(pairs / "depth/a.npy"))

    answer = evaluate(
        "--predictions", tmp_path / "mine", "--kind", "metric", "--baselines", "--json"
    )

    assert answer.code == ExitCode.OK
    methods = [one["method"] for one in facts(answer)[1:]]
    assert methods == ["constant", "vertical ramp", "best plane, knowing the truth"]


def test_the_same_line_again_predicts_nothing_anew(with_model: Call) -> None:
    first = facts(with_model("--json"))

    answer = with_model("--json")

    assert "2 done before" in answer.err
    assert "in float32" not in answer.err  # no model was loaded
    assert facts(answer) == first


def test_other_settings_in_the_same_place_are_refused(with_model: Call) -> None:
    with_model("--quiet")

    answer = with_model("--seed", "1")

    assert answer.code == ExitCode.REFUSED
    assert "seed" in answer.err


def test_a_picture_without_prediction_is_counted_and_makes_the_exit_code_partial(
    evaluate: Call, pairs: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine/a.npy", np.load(pairs / "depth/a.npy"))

    answer = evaluate("--predictions", tmp_path / "mine", "--kind", "metric")

    assert answer.code == ExitCode.PARTIAL
    assert "mine: 1 not counted (no prediction): b.png" in answer.out
    assert "1.000" in answer.out  # delta1 of the truth itself


def test_several_sets_stand_in_one_call(evaluate: Call, pairs: Path, tmp_path: Path) -> None:
    more = ("--dataset", "folder", "--data", pairs)
    predictions = ("--predictions", pairs / "depth") * 2

    answer = evaluate(*more, *predictions, "--kind", "metric", "--json")

    assert [one["data"] for one in facts(answer)] == ["pairs", "pairs-2"]
    assert [one["means"]["abs_rel"] for one in facts(answer)] == [0, 0]


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--data", "/none", "--dataset", "folder"), ExitCode.NO_INPUT, "there is no such folder"),
        (("--dataset", "kitti", "--data", "."), ExitCode.NO_INPUT, "kitti_eigen_split_test.tar"),
        (("--predictions", "/none"), ExitCode.NO_INPUT, "/none: no such folder of predictions"),
        (("--align", "none"), ExitCode.USAGE, "--align none means nothing for affine-depth"),
        (("--predictions", ".", "--predictions", "."), ExitCode.USAGE, "one OUT for each"),
        (("--data", "."), ExitCode.USAGE, "1 times --dataset but 2 times --data"),
    ],
)
def test_what_cannot_work_is_refused_with_advice(
    more: tuple[str, ...], code: ExitCode, message: str, with_model: Call
) -> None:
    answer = with_model(*more)

    assert answer.code == code
    assert message in answer.err


def test_a_model_may_be_scaled_by_medians(with_model: Call) -> None:
    (result,) = facts(with_model("--align", "median", "--json"))

    assert result["alignment"] == "median"
