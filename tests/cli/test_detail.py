"""`--tile` and `--refine` from the command line to the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from marigold_cli.batch.folder import read_binding
from marigold_cli.errors import ExitCode
from marigold_cli.metrics import boundary_f1
from marigold_cli.scenes.render import render

Call = Callable[..., Any]  # gives an Answer of conftest.py

HELD_OUT = 1_000_000_000  # seeds from here on are never trained on


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A rendered picture in a folder, and its depth."""
    views = render([HELD_OUT + 2], 192, 256)
    folder = tmp_path_factory.mktemp("scenes")
    pixels = (views.rgb[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(folder / "room.png")
    return folder, views.depth[0, 0].numpy()


@pytest.fixture
def run(call: Call, scene: tuple[Path, np.ndarray], tmp_path: Path) -> Call:
    """`marigold run` on the picture with the embedded model, at a seventh of its pixels."""
    line = ["run", scene[0], "--model", "tiny", "--fast", "--device", "cpu", "--format", "npy"]

    def run(name: str, *more: str) -> np.ndarray:
        answer = call(*line, "--resolution", "96", "--out", tmp_path / name, *more)
        assert answer.code == ExitCode.OK, answer.err
        return np.load(tmp_path / name / "room_depth.npy")

    return run


def test_tiles_and_edges_bring_boundaries_closer_to_the_truth(
    run: Call, scene: tuple[Path, np.ndarray]
) -> None:
    found = {
        "plain": run("plain"),
        "tiles": run("tiles", "--tile", "128"),
        "edges": run("edges", "--refine"),
    }

    truth = scene[1]
    scores = {
        name: boundary_f1(depth * np.ptp(truth) + truth.min(), truth)
        for name, depth in found.items()
    }
    assert {depth.shape for depth in found.values()} == {truth.shape}
    assert min(scores["tiles"], scores["edges"]) > scores["plain"]


def test_results_of_other_tiles_are_not_mixed(
    run: Call, scene: Any, call: Call, tmp_path: Path
) -> None:
    run("out", "--tile", "160")
    line = ["run", scene[0], "--model", "tiny", "--fast", "--format", "npy", "--resolution", "96"]

    again = call(*line, "--out", tmp_path / "out", "--tile", "160", "--json")
    other = call(*line, "--out", tmp_path / "out", "--tile", "200")

    assert json.loads(again.out)["skipped"] == 1
    assert other.code == ExitCode.REFUSED
    assert "tile 200 instead of 160" in other.err
    assert read_binding(tmp_path / "out").settings["tile"] == 160


def test_a_plan_tells_of_tiles_and_edges(scene: Any, call: Call, tmp_path: Path) -> None:
    line = ["run", scene[0], "--model", "tiny", "--out", tmp_path / "out", "--dry-run"]

    some = call(*line, "--tile", "400", "--refine").out
    auto = call(*line, "--tile", "auto").out

    assert "tiles of 400 px, refined" in some
    assert "tiles of big photos" in auto


def test_at_processing_size_the_plan_counts_the_mosaic(
    scene: Any, call: Call, tmp_path: Path
) -> None:
    line = ["run", scene[0], "--model", "tiny", "--out", tmp_path / "out", "--dry-run", "--json"]
    line += ["--format", "npy", "--resolution", "64", "--output-size", "processing"]

    plain, tiled = (json.loads(call(*line, *more).out) for more in ([], ["--tile", "128"]))

    assert (plain["bytes"], tiled["bytes"]) == (4 * 64 * 48, 4 * 128 * 96)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--tile", "0"], "nor auto"),
        (["--tile", "12px"], "nor auto"),
        (["--tile", "100"], "192 px"),
        (["--refine", "--output-size", "processing"], "--output-size"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    more: list[str], says: str, scene: Any, call: Call, tmp_path: Path
) -> None:
    answer = call("run", scene[0], "--model", "tiny", "--out", tmp_path / "out", *more)

    assert answer.code == ExitCode.USAGE
    assert says in " ".join(answer.err.split())
