"""With Blender itself: MARIGOLD_BLENDER names the Python of an environment that has infinigen."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray
from PIL import Image

BLENDER = os.environ.get("MARIGOLD_BLENDER", "")
ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not BLENDER, reason="MARIGOLD_BLENDER names no Python with Blender"),
]

# A floor seen from 2 m above it, 30 degrees downwards, and a box in the way.
MEASURE = """
import math, sys
from pathlib import Path
import numpy as np
from marigold_cli.training.renders import shots
from marigold_cli.training.renders.solids import box, sheet
from marigold_cli.training.renders.stage import open_stage
from marigold_cli.training.renders.views import View
stage = open_stage(0)
shots.set_up(4)
floor = [(-50, -50, 0), (50, -50, 0), (50, 50, 0), (-50, 50, 0)]
stage.build(sheet(floor, "s"), {}, "floor")
stage.build(box((3, -0.3, 0), (3.5, 0.3, 1), "s"), {}, "box")
stage.reveal()
view = View(0, 0, 2, 0.0, math.radians(-30), 0.0, math.radians(60), f_stop=1.4, focus=2.0)
depth, seen = shots.measure(view, Path(sys.argv[1]) / "passes.exr")
np.save(Path(sys.argv[1]) / "depth.npy", depth)
np.save(Path(sys.argv[1]) / "seen.npy", seen)
"""


def run(*arguments: str) -> None:
    answer = subprocess.run(
        [BLENDER, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def depth_of(path: Path) -> NDArray[np.float16]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.array(file.channels()["Z"].pixels)


def test_depth_is_exact_and_knows_nothing_of_the_lens(tmp_path: Path) -> None:
    run("-c", MEASURE, str(tmp_path))

    depth, seen = np.load(tmp_path / "depth.npy"), np.load(tmp_path / "seen.npy")
    rows_below = 1 - (np.arange(192) + 0.5) / 192 * 2  # of the picture, upwards
    upwards = rows_below * np.tan(np.radians(30)) * 192 / 256
    down, along = np.radians(30), upwards[:, None] * np.ones(256)
    expected = 2 / (np.sin(down) - along * np.cos(down))  # where a ray meets the floor
    floor = seen == seen[-1, 0]
    near = floor & (expected > 0) & (expected < 40)
    assert near.mean() > 0.5
    assert depth[near] == pytest.approx(expected[near], rel=2e-3)
    assert np.count_nonzero(np.unique(seen)) == 2


def test_scenes_become_pictures_with_depth_and_are_not_made_twice(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    call = ("-m", "marigold_cli.training.renders", str(folder), "--first", "0", "--count", "2")

    run(*call)

    index = rows(folder)
    assert len(index) >= 4
    for row in index:
        rgb = np.array(Image.open(folder / "rgb" / f"{row['name']}.jpg"))
        depth = depth_of(folder / "depth" / f"{row['name']}.exr")
        assert rgb.shape == (*depth.shape, 3) == (192, 256, 3)
        assert 20 < rgb.mean() < 235
        assert rgb.std() > 8
        assert depth.min() > 0.02
        assert not np.isnan(depth).any()
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")}
    run(*call)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.*")} == made
