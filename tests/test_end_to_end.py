"""The whole way of a photo, with the embedded model and real files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import tifffile
from imagecodecs import png_decode
from PIL import Image

from marigold_cli.checkpoints.predictor import LoadedPredictor, open_predictor
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.cli import main
from marigold_cli.errors import ExitCode
from marigold_cli.files.decode import decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import Source
from marigold_cli.inference.options import PredictOptions

SAMPLES = Path(__file__).resolve().parents[1] / "sample_images"
FAST = ["--model", "tiny", "--fast", "--quiet"]


@pytest.fixture(scope="module")
def predictor() -> LoadedPredictor:
    card = resolve("tiny")
    return open_predictor(card, card.decide(PredictOptions(fast=True)), "cpu", "float32")


def run(photos: Path, out: Path, *options: str) -> int:
    return main(["run", str(photos), "--out", str(out), *FAST, *options])


def test_every_sample_becomes_depth_of_its_own_size(tmp_path: Path) -> None:
    assert run(SAMPLES, tmp_path) == ExitCode.OK

    for photo in SAMPLES.glob("*.jpg"):
        with Image.open(photo) as image:
            depth = np.load(tmp_path / f"{photo.stem}_depth.npy")
            assert depth.shape == (image.height, image.width)
            assert depth.dtype == np.float32
            assert 0 <= depth.min() < depth.max() <= 1


def test_all_formats_hold_the_same_depth(tmp_path: Path) -> None:
    photo = SAMPLES / "coffee.jpg"

    assert run(photo, tmp_path, "--format", "npy,tiff,png,exr,color") == ExitCode.OK

    depth = np.load(tmp_path / "coffee_depth.npy")
    exr = OpenEXR.File(str(tmp_path / "coffee_depth.exr")).channels()["Z"].pixels
    png = png_decode((tmp_path / "coffee_depth.png").read_bytes())
    assert np.array_equal(tifffile.imread(tmp_path / "coffee_depth.tif"), depth)
    assert np.array_equal(exr, depth)
    assert np.abs(png - depth.astype(np.float64) * 65535).max() < 0.51  # rounded, not cut
    with Image.open(tmp_path / "coffee_color.png") as colour:
        assert colour.mode == "P"
        assert colour.size == depth.shape[::-1]


def test_inverted_depth_is_one_minus_depth(tmp_path: Path) -> None:
    photo = SAMPLES / "coffee.jpg"

    run(photo, tmp_path / "plain", "--format", "npy")
    run(photo, tmp_path / "inverted", "--format", "npy", "--invert")

    plain = np.load(tmp_path / "plain" / "coffee_depth.npy")
    inverted = np.load(tmp_path / "inverted" / "coffee_depth.npy")
    np.testing.assert_allclose(plain + inverted, 1, atol=1e-6)


def test_a_photo_on_its_side_is_predicted_upright_and_written_as_stored(tmp_path: Path) -> None:
    with Image.open(SAMPLES / "portrait.jpg") as lying:
        assert lying.getexif()[0x0112] == 6
        lying.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "upright.png")

    # The JPEG and its decoded copy have other bytes, hence other noise; so there is none.
    options = ("--format", "npy", "--noise", "zeros")
    run(SAMPLES / "portrait.jpg", tmp_path / "stored", *options)
    run(SAMPLES / "portrait.jpg", tmp_path / "turned", *options, "--grid", "upright")
    run(tmp_path / "upright.png", tmp_path / "upright", *options)

    stored = np.load(tmp_path / "stored" / "portrait_depth.npy")
    turned = np.load(tmp_path / "turned" / "portrait_depth.npy")
    upright = np.load(tmp_path / "upright" / "upright_depth.npy")
    assert np.array_equal(np.rot90(stored, -1), turned)
    np.testing.assert_allclose(turned, upright, atol=1e-5)


def test_an_ensemble_is_merged_with_its_spread(tmp_path: Path) -> None:
    photo = SAMPLES / "motorcycle.jpg"
    options = ["--steps", "2", "--ensemble", "3", "--uncertainty", "--format", "npy"]

    code = main(["run", str(photo), "--out", str(tmp_path), "--model", "tiny", "--quiet", *options])

    depth = np.load(tmp_path / "motorcycle_depth.npy")
    spread = np.load(tmp_path / "motorcycle_uncertainty.npy")
    assert code == ExitCode.OK
    # Stretched to [0, 1] at processing size; enlarging it flattens the outermost pixels a little.
    assert (depth.min(), depth.max()) == pytest.approx((0, 1), abs=0.02)
    assert spread.shape == depth.shape
    assert 0 < spread.mean() < 0.2


def test_a_second_run_does_nothing_and_other_settings_are_refused(tmp_path: Path) -> None:
    photo, out = SAMPLES / "coffee.jpg", tmp_path / "out"
    run(photo, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}

    again, other = run(photo, out), run(photo, out, "--seed", "1")

    assert (again, other) == (ExitCode.OK, ExitCode.REFUSED)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_bad_photo_is_named_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.jpg").write_bytes((SAMPLES / "coffee.jpg").read_bytes())
    (photos / "bad.jpg").write_bytes((SAMPLES / "coffee.jpg").read_bytes()[:9000])

    code = run(photos, tmp_path / "out", "--json")

    summary = json.loads(capsys.readouterr().out)
    assert code == ExitCode.PARTIAL
    assert (summary["done"], len(summary["failed"])) == (1, 1)
    assert summary["failed"][0]["name"] == "bad.jpg"
    assert summary["failed"][0]["kind"] == "truncated"


def test_a_reduced_decode_of_a_large_jpeg_leaves_the_depth_as_it_is(
    predictor: LoadedPredictor,
) -> None:
    """Twelve megapixels, predicted at 192 px: an eighth of the sides is decoded."""
    data = io.BytesIO()
    with Image.open(SAMPLES / "motorcycle.jpg") as sample:
        sample.resize((4000, 3000), Image.Resampling.BICUBIC).save(data, "JPEG", quality=92)
    source = Source(data.getvalue(), "0" * 64, len(data.getvalue()), 0)
    whole = decode(source, "whole.jpg", DecodePolicy())
    reduced = decode(source, "reduced.jpg", DecodePolicy(long_edge=predictor.long_edge))

    expected, found = predictor.predict([whole, reduced], lambda step, steps: None)

    assert reduced.pixels.size < whole.pixels.size / 16
    assert reduced.size == whole.size == (3000, 4000)
    assert np.abs(found.values - expected.values).max() < 1e-2
