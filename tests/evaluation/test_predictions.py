from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from marigold_cli.batch.journal import JOURNAL, Journal
from marigold_cli.batch.records import Done, Failed, OutputFile
from marigold_cli.batch.runs import Run
from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.errors import DataSetError, UsageError
from marigold_cli.evaluation.cost import Cost, keep_peak
from marigold_cli.evaluation.datasets import DataSet, open_dataset
from marigold_cli.evaluation.measure import measure
from marigold_cli.evaluation.options import Alignment, DataSetName, FolderOptions
from marigold_cli.evaluation.predictions import Predictions, open_run
from marigold_cli.evaluation.tables import to_csv
from marigold_cli.files.names import DEPTH_SUFFIXES, NORMALS_SUFFIXES
from marigold_cli.files.writers import NORMALS_WRITERS, WRITERS, Tags
from marigold_cli.inference.options import Resample
from marigold_cli.inference.restoring import restore


@pytest.fixture
def data(pairs: Path) -> DataSet:
    return open_dataset(DataSetName.FOLDER, pairs, FolderOptions())


def read_all(predictions: Predictions, data: DataSet) -> list[np.ndarray | str]:
    return [predictions.read(data, one, data.read_truth(one)) for one in data.samples]


@pytest.mark.parametrize("format", ["npy", "tiff", "exr", "png"])
@pytest.mark.parametrize("kind", [kind for kind in DepthKind if kind.modality == "depth"])
def test_what_a_run_writes_is_read_back_in_every_format(
    format: str, kind: DepthKind, data: DataSet, tmp_path: Path, files: Any
) -> None:
    values = np.random.default_rng(0).random((12, 16)).astype(np.float32)
    files.binding(tmp_path / "out", kind=kind)
    content = WRITERS[format].encode(DepthMap(values, kind), Tags())
    (tmp_path / "out/rgb").mkdir()
    (tmp_path / f"out/rgb/a{DEPTH_SUFFIXES[format]}").write_bytes(content)

    predictions = open_run(tmp_path / "out", data)

    read = predictions.read(data, data.samples[0], data.read_truth(data.samples[0]))
    step = {"png": 1e-3 if kind is DepthKind.METRIC else 1 / 65535}.get(format, 0)
    np.testing.assert_allclose(read, values, atol=0.51 * step)
    assert predictions.kind is kind


@pytest.mark.parametrize("format", ["npy", "tiff", "exr"])
def test_normals_are_read_back_in_every_format(
    format: str, data: DataSet, tmp_path: Path, files: Any
) -> None:
    values = np.random.default_rng(0).standard_normal((12, 16, 3)).astype(np.float32)
    files.binding(tmp_path / "out", kind="normals")
    content = NORMALS_WRITERS[format].encode(DepthMap(values, DepthKind.NORMALS), Tags())
    (tmp_path / "out/rgb").mkdir()
    (tmp_path / f"out/rgb/a{NORMALS_SUFFIXES[format]}").write_bytes(content)

    predictions = open_run(tmp_path / "out", data)

    [read, _] = read_all(predictions, data)
    assert predictions.kind is DepthKind.NORMALS
    assert np.array_equal(read, values)


def test_inverted_values_are_turned_back(data: DataSet, tmp_path: Path, files: Any) -> None:
    values = np.random.default_rng(0).random((12, 16)).astype(np.float32)
    files.binding(tmp_path / "out", invert=True)
    for name in ("a", "b"):
        files.array(tmp_path / f"out/rgb/{name}_depth.npy", 1 - values)

    read = read_all(open_run(tmp_path / "out", data), data)

    np.testing.assert_allclose(read, [values, values], atol=1e-6)


@pytest.mark.parametrize("resample", list(Resample))
def test_maps_at_processing_size_become_what_the_run_would_have_written(
    resample: Resample, data: DataSet, tmp_path: Path, files: Any
) -> None:
    small = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    files.binding(tmp_path / "out", size="processing", resample=resample)
    files.array(tmp_path / "out/rgb/a_depth.npy", small)

    read = read_all(open_run(tmp_path / "out", data), data)[0]

    assert np.array_equal(read, restore(DepthMap(small), (12, 16), resample).values)


def test_a_map_turned_upright_is_turned_back(tmp_path: Path, files: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.arange(24, dtype=np.float32).reshape(4, 6) / 24
    root = tmp_path / "sideways"
    (root / "depth").mkdir(parents=True)
    Image.new("RGB", (6, 4)).save(root / "a.jpg", exif=exif)
    np.save(root / "depth/a.npy", stored + 1)
    files.binding(tmp_path / "out", grid="upright")
    files.array(tmp_path / "out/a_depth.npy", np.rot90(stored, -1))
    data = open_dataset(DataSetName.FOLDER, root, FolderOptions())

    (read,) = read_all(open_run(tmp_path / "out", data), data)

    assert np.array_equal(read, stored)


def test_another_size_than_the_truths_is_refused(data: DataSet, tmp_path: Path, files: Any) -> None:
    files.binding(tmp_path / "out")
    files.array(tmp_path / "out/rgb/a_depth.npy", np.ones((12, 15), np.float32))

    with pytest.raises(DataSetError, match=r"a_depth\.npy: 15 x 12 px, .* has 16 x 12"):
        read_all(open_run(tmp_path / "out", data), data)


def test_a_run_over_the_folder_of_pictures_is_found_too(
    data: DataSet, tmp_path: Path, files: Any
) -> None:
    values = np.random.default_rng(0).random((2, 12, 16)).astype(np.float32)
    for name, depth in zip("ab", values, strict=True):
        files.array(tmp_path / f"out/{name}_depth.npy", depth)
    files.binding(tmp_path / "out")

    read = read_all(open_run(tmp_path / "out", data), data)

    assert np.array_equal(read, values)


def test_one_file_cannot_be_the_prediction_of_two_pictures(tmp_path: Path, files: Any) -> None:
    for folder in ("x", "y"):
        files.photo(tmp_path / f"rgb/{folder}/a.png", 2, 3)
        files.array(tmp_path / f"depth/{folder}/a.npy", np.ones((2, 3)))
    files.array(tmp_path / "out/a_depth.npy", np.ones((2, 3)))
    data = open_dataset(DataSetName.FOLDER, tmp_path, FolderOptions())

    with pytest.raises(DataSetError, match="could be the prediction of 2 pictures"):
        open_run(tmp_path / "out", data, DepthKind.METRIC)


def test_a_folder_of_another_program_needs_its_kind(
    data: DataSet, tmp_path: Path, files: Any
) -> None:
    for name in ("a", "b"):
        files.array(tmp_path / f"out/{name}.npy", np.ones((12, 16)))

    predictions = open_run(tmp_path / "out", data, DepthKind.AFFINE_DISPARITY)

    assert predictions.kind is DepthKind.AFFINE_DISPARITY
    assert len(read_all(predictions, data)) == 2
    with pytest.raises(UsageError, match=r"no marigold\.json.*--kind affine-depth"):
        open_run(tmp_path / "out", data)


def test_a_folder_without_any_prediction_of_the_set_is_refused(
    data: DataSet, tmp_path: Path, files: Any
) -> None:
    files.binding(tmp_path / "out")

    with pytest.raises(DataSetError, match=r"no prediction of pairs, such as rgb/a_depth\.npy"):
        open_run(tmp_path / "out", data)


@pytest.fixture
def half(data: DataSet, tmp_path: Path, files: Any) -> Predictions:
    """Of two pictures, the run did one and failed on the other, which it had done once before."""
    out = tmp_path / "run/predictions"
    files.binding(out, steps=4, ensemble=10)
    for name in ("a", "b"):
        files.array(out / f"rgb/{name}_depth.npy", np.random.default_rng(0).random((12, 16)))
    with Journal(out / JOURNAL) as journal:
        journal.append(Run("0" * 16, 2, {}))
        outputs = (OutputFile("rgb/a_depth.npy", 1, ""),)
        journal.append(Done("rgb/a.png", 1, 0, "", "0" * 16, 0, 1, 2.5, outputs))
        journal.append(Failed("rgb/b.png", "truncated", "b.png: cut off", 1, 0, 0))
    keep_peak(out, 123)
    return open_run(out, data)


def test_time_memory_and_network_evaluations_come_from_the_run(half: Predictions) -> None:
    assert half.cost == Cost(seconds=2.5, peak_bytes=123, evaluations=40)
    assert half.title == "m, 4 x 10"


def test_the_largest_peak_of_several_runs_is_kept(tmp_path: Path, half: Predictions) -> None:
    keep_peak(tmp_path / "run/predictions", 100)
    keep_peak(tmp_path / "run/predictions", 200)

    assert (tmp_path / "run/memory.json").read_text() == '{"peak_bytes": 200}\n'


def test_a_picture_that_failed_is_skipped_with_the_runs_reason(
    half: Predictions, data: DataSet
) -> None:
    result = measure(data, half)

    assert [row.name for row in result.rows] == ["rgb/a.png"]
    (skip,) = result.skips
    assert (skip.name, skip.reason) == ("rgb/b.png", "the run failed: b.png: cut off")


def test_truth_without_a_measured_pixel_is_skipped_and_all_of_it_refused(
    pairs: Path, predict: Callable[..., Predictions]
) -> None:
    np.save(pairs / "depth/a.npy", np.zeros((12, 16)))
    some = open_dataset(DataSetName.FOLDER, pairs, FolderOptions())
    none = open_dataset(DataSetName.FOLDER, pairs, FolderOptions(min_depth=1000))

    result = measure(some, predict(np.ones((12, 16))))

    assert [skip.reason for skip in result.skips] == ["no pixel of its depth is measured"]
    with pytest.raises(DataSetError, match=r"no picture has depth between 1000 and inf.*scale"):
        measure(none, predict(np.ones((12, 16))))


def test_pixels_that_are_not_predicted_are_told_in_the_foot(
    data: DataSet, predict: Callable[..., Predictions]
) -> None:
    values = np.full((12, 16), 2.0)
    values[6:] = np.nan

    result = measure(data, predict(values))

    assert result.rows[0].coverage == pytest.approx((6 * 16 - 12) / (12 * 16 - 12))
    assert "2 predictions leave measured pixels out" in " ".join(result.notes)
    lines = list(csv.DictReader(StringIO(to_csv(result))))
    assert float(lines[0]["coverage"]) == result.rows[0].coverage


def test_the_mean_is_that_over_pictures_whatever_their_pixels(
    data: DataSet, predict: Callable[..., Predictions]
) -> None:
    result = measure(data, predict(np.full((12, 16), 2.0)), Alignment.NONE)

    each = [row.scores["abs_rel"] for row in result.rows]
    assert result.mean("abs_rel") == pytest.approx(sum(each) / 2)


def test_point_pairs_are_scored_over_all_pairs_and_by_direction(
    tmp_path: Path, files: Any, predict: Callable[..., Predictions]
) -> None:
    pair = {"point1": [0, 0], "point2": [3, 4], "closer_point": "point1"}
    turned = {**pair, "closer_point": "point2"}
    for name in ("a", "b"):
        files.photo(tmp_path / f"{name}.jpg", 4, 5)
    text = str({"a.jpg": [pair, pair, turned], "b.jpg": [pair]}).replace("'", '"')
    (tmp_path / "annotations.json").write_text(text)
    data = open_dataset(DataSetName.DA_2K, tmp_path, FolderOptions())
    values = np.arange(20.0).reshape(4, 5)

    depth = measure(data, predict(values, DepthKind.AFFINE_DEPTH))
    disparity = measure(data, predict(values, DepthKind.AFFINE_DISPARITY))

    assert depth.mean("order") == pytest.approx(3 / 4)
    assert disparity.mean("order") == pytest.approx(1 / 4)
