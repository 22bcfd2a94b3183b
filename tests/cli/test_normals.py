from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from marigold_cli.errors import ExitCode
from marigold_cli.files.orientation import turn_stored
from marigold_cli.files.vectors import turn_normals_upright

Call = Callable[..., Any]  # gives an Answer of conftest.py


@pytest.fixture(scope="session")
def normals_checkpoint(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small checkpoint as one for normals."""
    folder = tmp_path_factory.mktemp("checkpoints") / "normals"
    shutil.copytree(checkpoint, folder)
    index = json.loads((folder / "model_index.json").read_text())
    for key in ("scale_invariant", "shift_invariant"):
        index.pop(key)
    index |= {
        "_class_name": "MarigoldNormalsPipeline",
        "prediction_type": "normals",
        "use_full_z_range": True,
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def run(call: Call, normals_checkpoint: Path, tmp_path: Path) -> Call:
    def run(inputs: Path, out: str, *more: str) -> Any:
        model = ("--model", normals_checkpoint, "--device", "cpu", "--steps", "1")
        return call("run", inputs, "--out", tmp_path / out, *model, *more)

    return run


def test_normals_are_written_as_numbers_and_as_a_picture(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    formats = ("--format", "npy,tiff,exr,color", "--ensemble", "2", "--uncertainty")

    answer = run(photos, "out", "--modality", "normals", *formats)

    assert answer.code == 0
    out = tmp_path / "out"
    written = sorted(path.name for path in out.glob("a_*"))
    assert written == [
        "a_normals.exr",
        "a_normals.npy",
        "a_normals.png",
        "a_normals.tif",
        "a_uncertainty.exr",
        "a_uncertainty.npy",
        "a_uncertainty.tif",
    ]
    normals = np.load(out / "a_normals.npy")
    assert normals.shape == (96, 128, 3)
    assert normals.dtype == np.float32
    assert np.abs(np.linalg.norm(normals, axis=-1) - 1).max() < 1e-5
    assert np.array_equal(tifffile.imread(out / "a_normals.tif"), normals)
    spread = np.load(out / "a_uncertainty.npy")
    assert spread.shape == (96, 128)
    assert 0 <= spread.min() < spread.max() <= 1
    binding = json.loads((out / "marigold.json").read_text())
    assert (binding["near"], binding["settings"]["kind"]) == (None, "normals")


@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_normals_of_a_turned_photo_lie_in_its_stored_pixels_and_directions(
    orientation: int, run: Call, photos: Path, tmp_path: Path
) -> None:
    upright = np.asarray(Image.open(photos / "a.png"))
    turned = tmp_path / "turned"
    turned.mkdir()
    exif = Image.Exif()
    exif[274] = orientation
    stored = np.ascontiguousarray(turn_stored(upright, orientation))
    Image.fromarray(stored).save(turned / "a.png", exif=exif)

    for grid in ("stored", "upright"):
        answer = run(turned, grid, "--grid", grid, "--format", "npy")
        assert answer.code == 0

    in_file, as_seen = (
        np.load(tmp_path / grid / "a_normals.npy") for grid in ("stored", "upright")
    )
    assert in_file.shape[:2] == stored.shape[:2]
    assert np.array_equal(turn_normals_upright(in_file, orientation), as_seen)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--invert",), "normals cannot be turned around"),
        (("--format", "png"), "normals have no 16-bit PNG"),
    ],
)
def test_what_normals_do_not_have_is_refused(
    more: tuple[str, ...], message: str, run: Call, photos: Path
) -> None:
    answer = run(photos, "out", *more)

    assert answer.code == ExitCode.USAGE
    assert message in answer.err


def test_a_model_of_another_modality_is_refused(
    call: Call, run: Call, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "out")

    of_depth = call("run", photos, *out, "--model", checkpoint, "--modality", "normals")
    of_normals = run(photos, "out", "--modality", "depth")
    of_none = call("run", photos, *out, "--modality", "normals")

    assert (of_depth.code, of_normals.code, of_none.code) == (ExitCode.MODEL,) * 3
    assert "it estimates depth, not normals" in of_depth.err
    assert "it estimates normals, not depth" in of_normals.err
    assert "marigold models pull prs-eth/marigold-normals-v1-1" in of_none.err


def test_evaluation_measures_the_angles_between_normals(
    call: Call, run: Call, normals_checkpoint: Path, photos: Path, tmp_path: Path
) -> None:
    run(photos, "run", "--format", "npy")
    data = tmp_path / "pairs"
    (data / "normals").mkdir(parents=True)
    Image.open(photos / "a.png").save(data / "a.png")
    normals = np.load(tmp_path / "run/a_normals.npy")
    truth = normals.copy()
    truth[:48] = np.cross(normals[:48], np.roll(normals[:48], 1, axis=-1))  # at a right angle
    truth[0] = 0  # not known
    np.save(data / "normals/a.npy", truth)
    line = ("evaluate", "--dataset", "folder", "--data", data, "--out", tmp_path / "tables")
    model = ("--model", normals_checkpoint, "--device", "cpu", "--steps", "1")

    answer = call(*line, *model, "--json")
    again = call(*line, "--predictions", tmp_path / "run", "--json")

    (ours,), (theirs,) = (json.loads(one.out)["results"] for one in (answer, again))
    assert ours["alignment"] == "none"
    assert ours["means"]["mean"] == pytest.approx(90 * 47 / 95, abs=0.05)
    assert ours["means"]["below_30"] == pytest.approx(48 / 95, abs=1e-9)
    assert ours["means"] == theirs["means"]
    assert "11.25°↑" in (tmp_path / "tables/tables.md").read_text()


def test_depth_is_not_measured_against_normals(
    call: Call, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    data = tmp_path / "pairs"
    (data / "normals").mkdir(parents=True)
    Image.open(photos / "a.png").save(data / "a.png")
    np.save(data / "normals/a.npy", np.ones((96, 128, 3), np.float32))
    line = ("evaluate", "--dataset", "folder", "--data", data, "--out", tmp_path / "tables")

    answer = call(*line, "--model", checkpoint, "--device", "cpu", "--steps", "1", "--baselines")

    assert answer.code == ExitCode.NO_INPUT
    assert "no depth to compare with" in answer.err
