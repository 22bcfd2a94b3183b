from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from marigold_cli.errors import ExitCode
from marigold_cli.files.orientation import turn_stored

Call = Callable[..., Any]  # gives an Answer of conftest.py

PROPERTIES = {
    "target_names": ["albedo", "shading"],
    "albedo": {"prediction_space": "srgb"},
    "shading": {"prediction_space": "linear", "up_to_scale": True},
}


@pytest.fixture(scope="session")
def decomposition(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small checkpoint with a network for two intrinsic images."""
    import torch
    from diffusers import UNet2DConditionModel

    folder = tmp_path_factory.mktemp("checkpoints") / "intrinsics"
    shutil.copytree(checkpoint, folder)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"_class_name": "MarigoldIntrinsicsPipeline", "prediction_type": "intrinsics"}
    index["target_properties"] = PROPERTIES
    (folder / "model_index.json").write_text(json.dumps(index))
    settings = json.loads((folder / "unet/config.json").read_text())
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_config({**settings, "in_channels": 12, "out_channels": 8})
    unet.save_pretrained(folder / "unet")
    return folder


@pytest.fixture
def run(call: Call, decomposition: Path, tmp_path: Path) -> Call:
    def run(inputs: Path, out: str, *more: str) -> Any:
        model = ("--model", decomposition, "--device", "cpu", "--steps", "1")
        return call("run", inputs, "--out", tmp_path / out, *model, *more)

    return run


def note(path: Path) -> dict[str, Any]:
    """What a TIFF says about itself."""
    with tifffile.TiffFile(path) as file:
        return json.loads(file.pages[0].description)


def test_every_image_is_written_as_numbers_and_as_a_picture(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    formats = ("--format", "npy,tiff,exr,color", "--ensemble", "3", "--uncertainty")

    answer = run(photos, "out", "--modality", "iid", *formats)

    assert answer.code == 0
    out = tmp_path / "out"
    spreads = [f"_uncertainty.{suffix}" for suffix in ("exr", "npy", "tif")]
    endings = [".exr", ".npy", ".png", ".tif", *spreads]
    assert sorted(path.name for path in out.glob("a_*")) == sorted(
        f"a_{name}{ending}" for name in ("albedo", "shading") for ending in endings
    )
    for name in ("albedo", "shading", "shading_uncertainty"):
        values = np.load(out / f"a_{name}.npy")
        assert (values.shape, values.dtype) == ((96, 128, 3), np.float32)
        assert 0 <= values.min() < values.max() <= 1
        assert np.array_equal(tifffile.imread(out / f"a_{name}.tif"), values)
        with OpenEXR.File(str(out / f"a_{name}.exr")) as file:
            assert np.array_equal(file.channels()["RGB"].pixels, values)
    binding = json.loads((out / "marigold.json").read_text())
    assert binding["near"] is None
    assert binding["settings"]["kind"] == "intrinsics"
    assert binding["settings"]["intrinsics"] == ["albedo", "shading"]


def test_pictures_are_for_the_eye_and_files_say_in_which_space_their_numbers_are(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    run(photos, "out", "--format", "npy,tiff,color")

    out = tmp_path / "out"
    names = PROPERTIES["target_names"]
    albedo, shading = (np.load(out / f"a_{name}.npy") for name in names)
    seen = [imagecodecs.png_decode((out / f"a_{name}.png").read_bytes()) for name in names]
    assert np.abs(seen[0] - 255 * albedo).max() <= 0.51
    assert np.abs(seen[1] - 255 * (shading / shading.max()) ** (1 / 2.2)).max() <= 0.51
    notes = [note(out / f"a_{name}.tif") for name in names]
    assert [(one["intrinsic"], one["space"]) for one in notes] == [
        ("albedo", "srgb"),
        ("shading", "linear"),
    ]
    assert [one.get("up_to_scale") for one in notes] == [None, True]


def test_images_of_a_turned_photo_lie_in_its_stored_pixels(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    turned = tmp_path / "turned"
    turned.mkdir()
    exif = Image.Exif()
    exif[274] = 6
    upright = np.asarray(Image.open(photos / "a.png"))
    Image.fromarray(np.ascontiguousarray(turn_stored(upright, 6))).save(turned / "a.png", exif=exif)

    for grid in ("stored", "upright"):
        assert run(turned, grid, "--grid", grid, "--format", "npy").code == 0

    in_file, as_seen = (
        np.load(tmp_path / grid / "a_shading.npy") for grid in ("stored", "upright")
    )
    assert in_file.shape == (128, 96, 3)
    assert np.array_equal(in_file, turn_stored(as_seen, 6))


def test_a_second_run_has_nothing_to_do_and_a_lost_image_is_made_again(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    line = ("--format", "npy", "--json")
    run(photos, "out", *line)
    kept = (tmp_path / "out/a_shading.npy").read_bytes()

    again = json.loads(run(photos, "out", *line).out)
    (tmp_path / "out/a_shading.npy").unlink()
    mended = json.loads(run(photos, "out", *line).out)

    assert (again["done"], again["skipped"]) == (0, 2)
    assert (mended["done"], mended["skipped"]) == (1, 1)
    assert (tmp_path / "out/a_shading.npy").read_bytes() == kept


def test_the_plan_and_the_model_name_the_images(
    call: Call, run: Call, photos: Path, decomposition: Path
) -> None:
    plan = run(photos, "out", "--dry-run", "--format", "npy").out
    shown = call("models", "show", decomposition).out

    assert "images albedo+shading" in plan
    assert "a_albedo.npy, a_shading.npy" in plan
    assert "about 590 kB" in plan  # 2 photos, 2 images, 3 floats a pixel
    assert "intrinsics  albedo (srgb), shading (linear, up to scale)" in shown


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--invert",), "intrinsic images cannot be turned around"),
        (("--format", "png"), "intrinsic images have no 16-bit PNG"),
    ],
)
def test_what_intrinsic_images_do_not_have_is_refused(
    more: tuple[str, ...], message: str, run: Call, photos: Path
) -> None:
    answer = run(photos, "out", *more)

    assert answer.code == ExitCode.USAGE
    assert message in answer.err


def test_commands_of_depth_refuse_intrinsic_images(
    call: Call, run: Call, photos: Path, decomposition: Path, tmp_path: Path
) -> None:
    run(photos, "out", "--format", "npy")
    data = tmp_path / "pairs"
    (data / "depth").mkdir(parents=True)
    Image.open(photos / "a.png").save(data / "a.png")
    np.save(data / "depth/a.npy", np.ones((96, 128), np.float32))
    line = ("evaluate", "--dataset", "folder", "--data", data, "--out", tmp_path / "tables")

    answers = [
        call(*line, "--model", decomposition, "--device", "cpu"),
        call(*line, "--predictions", tmp_path / "out"),
        call("align", tmp_path / "out", "--align-to", data / "depth"),
        call("train", "--modality", "iid", "--out", tmp_path / "mine"),
        run(photos, "depth", "--modality", "depth"),
    ]

    assert [answer.code for answer in answers] == [
        ExitCode.USAGE,
        ExitCode.USAGE,
        ExitCode.NO_INPUT,
        ExitCode.USAGE,
        ExitCode.MODEL,
    ]
    assert all("intrinsic images have no measure" in answer.err for answer in answers[:2])
    assert "holds intrinsics, not depth" in answers[2].err
    assert "cannot be trained" in answers[3].err
    assert "it estimates iid, not depth" in answers[4].err
