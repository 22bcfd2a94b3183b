"""A device that is too small is found out once, and remembered in the journal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from marigold_cli.inference.model import DepthModel

Call = Callable[..., Any]  # gives an Answer of conftest.py
OPTIONS = ["--steps", "1", "--ensemble", "8", "--resolution", "48", "--device", "cpu"]
ROOM = 3  # members that the device holds at once


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members went through the network together, on a device with little room."""
    seen: list[int] = []
    denoise = DepthModel.denoise

    def cramped(self: DepthModel, image: Tensor, latent: Tensor, *rest: Any) -> Tensor:
        seen.append(len(latent))
        if len(latent) > ROOM:
            torch.empty(1 << 60, dtype=torch.uint8)  # the allocator's own error
        return denoise(self, image, latent, *rest)

    monkeypatch.setattr(DepthModel, "denoise", cramped)
    return seen


@pytest.fixture
def run(call: Call, checkpoint: Path, photos: Path, tmp_path: Path) -> Call:
    def run(*options: str) -> Any:
        out = tmp_path / "out"
        return call("run", photos, "--out", out, "--model", checkpoint, *OPTIONS, *options)

    return run


def test_the_next_run_begins_with_what_fitted(
    run: Call, sizes: list[int], photos: Path, tmp_path: Path
) -> None:
    first = run()
    tried = [*sizes]
    sizes.clear()
    shutil.copy(photos / "a.png", photos / "late.png")

    second = run()

    assert (first.code, second.code) == (0, 0)
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]  # two photos
    assert sizes == [2, 2, 2, 2]
    lines = (tmp_path / "out/journal.jsonl").read_text().splitlines()
    told = [record for record in map(json.loads, lines) if record["ev"] == "fits"]
    assert [record["units"] for record in told] == [2]
    assert told[0]["device"].endswith(" cpu")
    assert "too little memory for 8 predictions at a time; 2 from now on" in first.err
    assert "too little memory" not in second.err


def test_what_is_asked_for_is_tried_again(run: Call, sizes: list[int], photos: Path) -> None:
    run()
    sizes.clear()
    shutil.copy(photos / "a.png", photos / "late.png")

    assert run("--batch-size", "3").code == 0

    assert sizes == [3, 3, 2]


def test_another_recipe_finds_out_for_itself(run: Call, sizes: list[int]) -> None:
    run()
    sizes.clear()

    assert run("--overwrite", "--seed", "1").code == 0

    assert sizes[:3] == [8, 4, 2]


def test_depth_is_the_same_whatever_had_to_be_tried(
    run: Call, sizes: list[int], tmp_path: Path
) -> None:
    run()
    found_out = np.load(tmp_path / "out/a_depth.npy")

    run("--overwrite", "--batch-size", "2")

    assert np.array_equal(np.load(tmp_path / "out/a_depth.npy"), found_out)


def test_the_time_of_prediction_is_a_part_of_the_run_s(run: Call) -> None:
    summary = json.loads(run("--json", "--quiet").out)

    assert 0 < summary["predict_s"] < summary["seconds"]
