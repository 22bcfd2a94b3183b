"""Numbers that nobody here made: baselines on measured photographs, by a script of few lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from marigold_cli.cli import main

Guess = Callable[[np.ndarray], np.ndarray]


def constant(truth: np.ndarray) -> np.ndarray:
    return np.ones_like(truth)


def ramp(truth: np.ndarray) -> np.ndarray:
    return np.repeat(np.linspace(1, 0, truth.shape[0])[:, None], truth.shape[1], 1)


def plane(truth: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]] / 1000
    design = np.stack((y, x, np.ones_like(y)), -1)
    return design @ np.linalg.lstsq(design[truth > 0], truth[truth > 0], rcond=None)[0]


def read_truths(real: Path) -> dict[str, np.ndarray]:
    rows = csv.DictReader((real / "index.csv").read_text(encoding="utf-8").splitlines())
    return {
        row["name"]: imagecodecs.png_decode((real / f"depth/{row['name']}.png").read_bytes())
        * float(row["scale"])
        for row in rows
    }


def score(guess: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """AbsRel and delta1 of known pixels after least squares in depth."""
    guess, truth = guess[truth > 0].astype(np.float64), truth[truth > 0]
    design = np.stack((guess, np.ones_like(guess)), 1)
    aligned = np.maximum(design @ np.linalg.lstsq(design, truth, rcond=None)[0], 1e-6)
    ratio = np.maximum(aligned / truth, truth / aligned)
    return np.mean(np.abs(aligned - truth) / truth), np.mean(ratio < 1.25)


@pytest.mark.parametrize(
    ("guess", "known"),
    [(constant, (0.447, 0.436)), (ramp, (0.276, 0.589)), (plane, (0.262, 0.607))],
)
def test_baselines_on_measured_photographs_have_the_numbers_of_a_short_script(
    guess: Guess,
    known: tuple[float, float],
    real: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truths = read_truths(real)
    (tmp_path / "out").mkdir()
    for name, truth in truths.items():
        np.save(tmp_path / f"out/{name}_depth.npy", guess(truth))
    expected = np.mean([score(guess(truth), truth) for truth in truths.values()], axis=0)

    code = main([
        "evaluate", "--dataset", "folder", "--data", str(real), "--json",
        "--predictions", str(tmp_path / "out"), "--kind", "affine-depth",
        "--out", str(tmp_path / "evaluation"),
    ])  # fmt: skip

    assert code == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    ours = result["means"]["abs_rel"], result["means"]["delta1"]
    assert result["pictures"] == len(truths)
    assert ours == pytest.approx(expected, abs=1e-6)
    assert ours == pytest.approx(known, abs=6e-4)
