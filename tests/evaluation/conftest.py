from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image

from marigold_cli.depth import DepthKind
from marigold_cli.evaluation.predictions import Predictions

PACKAGE = Path(__file__).parents[2]


class Files:
    """Makes the files of small data sets and runs."""

    @staticmethod
    def photo(path: Path, height: int, width: int, seed: int = 0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), np.uint8)
        Image.fromarray(values).resize((width, height)).save(path)

    @staticmethod
    def steps(path: Path, steps: ArrayLike) -> None:
        """A 16-bit grey PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(imagecodecs.png_encode(np.asarray(steps, np.uint16)))

    @staticmethod
    def array(path: Path, values: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values)

    @staticmethod
    def binding(folder: Path, **settings: object) -> None:
        """The marigold.json of a run, as far as an evaluation reads it."""
        known = {"kind": "affine-depth", "invert": False, "size": "input", "grid": "stored"}
        facts = {"fp": "0" * 16, "settings": {**known, "model": "m", **settings}}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "marigold.json").write_text(json.dumps(facts))


@pytest.fixture(scope="session")
def files() -> type[Files]:
    return Files


@pytest.fixture(scope="session")
def predict() -> Callable[..., Predictions]:
    """The same prediction for every picture."""

    def predict(values: np.ndarray, kind: DepthKind = DepthKind.METRIC) -> Predictions:
        return Predictions("mine", kind, lambda data, sample, truth: values)

    return predict


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two pictures with depth in metres, 12 x 16, nothing known in a corner."""
    root = tmp_path / "pairs"
    for number, name in enumerate(["a", "b"]):
        depth = np.random.default_rng(number).uniform(1, 5, (12, 16)).astype(np.float32)
        depth[:3, :4] = 0
        Files.photo(root / f"rgb/{name}.png", 12, 16, number)
        Files.array(root / f"depth/{name}.npy", depth)
    return root


@pytest.fixture(scope="session")
def real() -> Path:
    """Photographs with measured depth that may lie beside the checkout; never part of it."""
    place = Path(os.environ.get("MARIGOLD_REAL_DATA", PACKAGE.parent / "shared/data/real-open"))
    if not (place / "index.csv").exists():
        pytest.skip("no measured photographs here; see MARIGOLD_REAL_DATA")
    return place
