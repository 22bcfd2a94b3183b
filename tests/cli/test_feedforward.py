from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from marigold_cli.errors import ExitCode

Call = Callable[..., Any]  # gives an Answer of conftest.py
Make = Callable[[str], Path]

FORMATS = ("--format", "npy,png,tiff,color", "--device", "cpu")


@pytest.mark.parametrize(("name", "near"), [("depth-anything", 1.0), ("dpt", 1.0)])
def test_disparity_is_written_with_its_direction(
    name: str, near: float, call: Call, photos: Path, feedforward: Make, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    answer = call("run", photos, "--out", out, "--model", feedforward(name), *FORMATS)

    assert answer.code == 0
    assert "affine-disparity in one pass" in answer.err
    values = np.load(out / "a_depth.npy")
    assert values.shape == (96, 128)
    assert (values.min(), values.max()) == (0, 1)
    with tifffile.TiffFile(out / "a_depth.tif") as tiff:
        said = json.loads(tiff.pages[0].description)
        assert np.array_equal(tiff.asarray(), values)
    assert (said["kind"], said["near"], said["far"]) == ("affine-disparity", near, 1 - near)
    png = imagecodecs.png_decode((out / "a_depth.png").read_bytes())
    assert np.abs(png / 65535 - values).max() < 1e-5
    assert json.loads((out / "marigold.json").read_text())["near"] == near
    colours = np.asarray(Image.open(out / "a_color.png").convert("RGB"))
    nearest = np.unravel_index(values.argmax(), values.shape)
    assert tuple(colours[nearest]) == (0x9E, 0x01, 0x42)  # the first colour of the map


def test_metric_depth_is_written_in_metres_and_millimetres(
    call: Call, photos: Path, feedforward: Make, tmp_path: Path
) -> None:
    out, model = tmp_path / "out", feedforward("depth-anything-metric")

    answer = call("run", photos, "--out", out, "--model", model, *FORMATS)

    assert answer.code == 0
    values = np.load(out / "a_depth.npy")
    assert 15 < np.nanmax(values) < 25  # the network ends at 20 m, bicubic goes beyond
    with tifffile.TiffFile(out / "a_depth.tif") as tiff:
        said = json.loads(tiff.pages[0].description)
    assert (said["kind"], said["unit"]) == ("metric", "m")
    assert "near" not in said
    png = imagecodecs.png_decode((out / "a_depth.png").read_bytes())
    assert np.abs(png / 1000 - values)[np.isfinite(values)].max() < 0.00051
    assert json.loads((out / "marigold.json").read_text())["near"] is None


def test_inverted_disparity_is_near_at_zero(
    call: Call, photos: Path, feedforward: Make, tmp_path: Path
) -> None:
    model = ("--model", feedforward("dpt"), *FORMATS)
    call("run", photos, "--out", tmp_path / "plain", *model)

    answer = call("run", photos, "--out", tmp_path / "turned", "--invert", *model)

    assert answer.code == 0
    plain, turned = (np.load(tmp_path / name / "a_depth.npy") for name in ("plain", "turned"))
    assert np.abs(turned - (1 - plain)).max() < 1e-6


def test_the_plan_of_one_pass_speaks_of_neither_steps_nor_noise(
    call: Call, photos: Path, feedforward: Make, tmp_path: Path
) -> None:
    model = ("--model", feedforward("dpt"), "--seed", "7", *FORMATS)

    answer = call("run", photos, "--out", tmp_path / "out", "--dry-run", *model)

    (line,) = (line for line in answer.out.splitlines() if line.startswith("recipe"))
    assert line.split(maxsplit=1)[1].startswith("one pass at the model's own size, float32, ")
    assert not {"seed", "noise", "zeros", "step", "member"} & set(line.replace(",", "").split())


def test_metric_depth_refuses_to_be_inverted(
    call: Call, photos: Path, feedforward: Make, tmp_path: Path
) -> None:
    model = ("--model", feedforward("zoedepth"))

    answer = call("run", photos, "--out", tmp_path / "out", "--invert", *model)

    assert answer.code == ExitCode.USAGE
    assert "metric depth cannot be turned around" in answer.err


def test_evaluation_aligns_each_model_in_its_own_way(
    call: Call, feedforward: Make, checkpoint: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "pairs", tmp_path / "tables"
    (data / "depth").mkdir(parents=True)
    values = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    Image.fromarray(values).resize((84, 70)).save(data / "a.png")
    model = feedforward("depth-anything")
    call("run", data / "a.png", "--out", tmp_path / "run", "--model", model, *FORMATS)
    disparity = np.load(tmp_path / "run/a_depth.npy")
    np.save(data / "depth/a.npy", (1 / (0.1 + 0.4 * disparity)).astype(np.float32))

    models = ("--model", model, "--compare", feedforward("zoedepth"), "--compare", checkpoint)
    line = ("evaluate", "--dataset", "folder", "--data", data, "--out", out, "--device", "cpu")
    answer = call(*line, *models, "--steps", "1", "--ensemble", "2", "--json")

    ours, metric, marigold = json.loads(answer.out)["results"]
    assert ours["alignment"] == "least-squares-disparity"
    assert ours["means"]["abs_rel"] < 1e-4  # the truth is an affine function of its disparity
    assert ours["cost"]["evaluations"] == 1
    assert metric["alignment"] == "none"
    assert metric["means"]["abs_rel"] > 0.01
    assert (marigold["alignment"], marigold["cost"]["evaluations"]) == ("least-squares", 2)
