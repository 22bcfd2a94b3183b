"""Sets of normals in the layouts of both programs that have them, and the tables they give."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from marigold_cli.depth import DepthKind
from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.baselines import baselines
from marigold_cli.evaluation.comparison import check_truth
from marigold_cli.evaluation.datasets import DataSet, open_dataset
from marigold_cli.evaluation.measure import measure
from marigold_cli.evaluation.options import DataSetName, FolderOptions
from marigold_cli.evaluation.predictions import Predictions, open_run
from marigold_cli.evaluation.sheet import draw_sheet
from marigold_cli.evaluation.tables import make_overview, make_tables

FOLDER = FolderOptions()
SIZE = (12, 16)


def tilted(degrees: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A wall turned to the right by so many degrees, x to the right."""
    angle = np.radians(degrees)
    return np.broadcast_to((np.sin(angle), 0, np.cos(angle)), (*size, 3)).astype(np.float32)


def as_picture(normals: np.ndarray, dtype: str) -> bytes:
    unit = np.iinfo(dtype).max
    pixels = np.round((normals + 1) / 2 * unit).astype(dtype)
    return imagecodecs.png_encode(np.ascontiguousarray(pixels))


@pytest.fixture
def same(predict: Callable[..., Predictions]) -> Callable[[np.ndarray], Predictions]:
    return lambda normals: predict(normals, DepthKind.NORMALS)


@pytest.fixture
def marigold(tmp_path: Path, files: Any) -> Path:
    """NYUv2 as Marigold's bundle has it: arrays, x to the right, a list."""
    root = tmp_path / "bundle/nyuv2/test"
    for number, known in enumerate([12, 6]):
        files.photo(root / f"{number:06}_img.png", *SIZE, number)
        normals = tilted(10 + 20 * number).copy()
        normals[known:] = 0
        files.array(root / f"{number:06}_normal.npy", normals)
    return tmp_path / "bundle"


def test_marigolds_arrays_count_picture_by_picture(
    marigold: Path, same: Callable[..., Predictions]
) -> None:
    places = [marigold, marigold / "nyuv2", marigold / "nyuv2/test"]

    sets = [open_dataset(DataSetName.NYUV2_NORMALS, place, FOLDER) for place in places]

    results = [measure(data, same(tilted(0))) for data in sets]
    assert [len(data.samples) for data in sets] == [2, 2, 2]
    for result in results:
        assert result.mean("mean") == pytest.approx((10 + 30) / 2, abs=1e-4)
        assert result.mean("below_22_5") == pytest.approx(0.5)
    assert "2 pictures with normals found by name" in results[0].notes[0]
    assert "instead of the 654 of the published list" in results[0].notes[1]


def test_marigolds_list_says_which_pictures_count(
    marigold: Path, same: Callable[..., Predictions]
) -> None:
    file = marigold / "data_split/nyu_normals/nyuv2_test.txt"
    file.parent.mkdir(parents=True)
    file.write_text("000001_img.png 000001_normal.npy\n")

    data = open_dataset(DataSetName.NYUV2_NORMALS, marigold, FOLDER)

    assert measure(data, same(tilted(0))).mean("median") == pytest.approx(30, abs=1e-4)
    file.write_text("000002_img.png 000002_normal.npy\n")
    with pytest.raises(DataSetError, match=r"names 000002_img\.png, which is not in"):
        open_dataset(DataSetName.NYUV2_NORMALS, marigold, FOLDER)


def test_the_benchmarks_pictures_have_x_left_and_count_pixel_by_pixel(
    tmp_path: Path, files: Any, same: Callable[..., Predictions]
) -> None:
    root = tmp_path / "dsine_eval/scannet/scene0001_01"
    for number, known in enumerate([12, 3]):
        files.photo(root / f"{number:06}_img.png", *SIZE, number)
        normals = tilted(10 + 20 * number) * (-1, 1, 1)
        pixels = imagecodecs.png_decode(as_picture(normals, "uint8")).copy()
        pixels[known:] = 0  # black: not known
        (root / f"{number:06}_normal.png").write_bytes(imagecodecs.png_encode(pixels))

    data = open_dataset(DataSetName.SCANNET_NORMALS, tmp_path / "dsine_eval", FOLDER)

    result = measure(data, same(tilted(0)))
    steps = 0.5  # [degrees] that 8 bits leave open
    assert result.mean("mean") == pytest.approx((12 * 10 + 3 * 30) / 15, abs=steps)
    assert result.mean("below_30") == pytest.approx(1, abs=0.21)
    assert "over all pixels" in result.notes[-1]


def test_the_benchmarks_exr_is_read_where_there_are_no_arrays(
    tmp_path: Path, files: Any, same: Callable[..., Predictions]
) -> None:
    root = tmp_path / "ibims/ibims"
    files.photo(root / "lab_01_img.png", *SIZE)
    file = BytesIO()
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    mirrored = np.ascontiguousarray(tilted(25) * (-1, 1, 1), np.float32)
    OpenEXR.File(header, {"RGB": mirrored}).write(file)
    (root / "lab_01_normal.exr").write_bytes(file.getvalue())

    data = open_dataset(DataSetName.IBIMS_NORMALS, tmp_path, FOLDER)

    assert measure(data, same(tilted(25))).mean("mean") == pytest.approx(0, abs=0.05)
    assert measure(data, same(tilted(-25))).mean("mean") == pytest.approx(50, abs=1e-3)


def test_diode_and_oasis_have_names_and_a_size_of_their_own(tmp_path: Path, files: Any) -> None:
    scan = tmp_path / "diode/val/outdoor/scene_00024/scan_00201/00024_00201_outdoor_070_030"
    files.photo(scan.with_suffix(".png"), *SIZE)
    files.array(scan.with_name(scan.name + "_normal.npy"), tilted(0))
    files.photo(tmp_path / "oasis/val/268584_ALI_img.png", *SIZE)
    files.array(tmp_path / "oasis/val/268584_ALI_normal.npy", tilted(0))

    names = (DataSetName.DIODE_NORMALS, DataSetName.OASIS_NORMALS)
    sets = [open_dataset(name, tmp_path, FOLDER) for name in names]

    assert [data.protocol.resolution for data in sets] == [768, 768]
    assert [data.samples[0].normals.rpartition("/")[2] for data in sets] == [
        "00024_00201_outdoor_070_030_normal.npy",
        "268584_ALI_normal.npy",
    ]


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"no pictures with normals as in nyuv2/test\.tar"):
        open_dataset(DataSetName.NYUV2_NORMALS, tmp_path, FOLDER)


@pytest.fixture
def own(tmp_path: Path, files: Any) -> Path:
    """One's own pictures: normals in each format that can hold them, and a mask."""
    root = tmp_path / "own"
    normals = tilted(20)
    for number, name in enumerate(["array", "eight", "sixteen"]):
        files.photo(root / f"rgb/{name}.png", *SIZE, number)
    files.array(root / "normals/array.npy", normals)
    (root / "normals/eight.png").write_bytes(as_picture(normals, "uint8"))
    (root / "normals/sixteen.png").write_bytes(as_picture(normals, "uint16"))
    mask = np.zeros(SIZE, np.uint16)
    mask[:2] = 1
    files.steps(root / "mask/array.png", mask)
    return root


def test_ones_own_normals_may_be_arrays_or_pictures_with_a_mask(
    own: Path, same: Callable[..., Predictions]
) -> None:
    predicted = tilted(20).copy()
    predicted[2:] = tilted(80)[2:]  # wrong where the mask of the first says that nothing is known

    data = open_dataset(DataSetName.FOLDER, own, FOLDER)

    means = {row.name: row.scores["mean"] for row in measure(data, same(predicted)).rows}
    assert means["rgb/array.png"] == pytest.approx(0, abs=0.05)
    assert means["rgb/eight.png"] == pytest.approx(60 * 10 / 12, abs=0.5)
    assert means["rgb/sixteen.png"] == pytest.approx(60 * 10 / 12, abs=0.05)


def test_a_picture_of_something_else_is_refused(own: Path, files: Any) -> None:
    (own / "normals/eight.png").unlink()
    files.steps(own / "normals/eight.png", np.ones(SIZE, np.uint16))
    data = open_dataset(DataSetName.FOLDER, own, FOLDER)

    with pytest.raises(DataSetError, match=r"eight\.png: uint16 \(12, 16\), not three numbers"):
        measure(data, baselines(data)[0])


def test_facing_the_viewer_is_what_a_model_must_beat(own: Path) -> None:
    data = open_dataset(DataSetName.FOLDER, own, FOLDER)

    (baseline,) = baselines(data)

    assert baseline.kind is DepthKind.NORMALS
    assert measure(data, baseline).mean("mean") == pytest.approx(20, abs=0.3)


def test_a_set_of_normals_has_nothing_to_tell_of_depth(own: Path, pairs: Path) -> None:
    normals, depth = (open_dataset(DataSetName.FOLDER, place, FOLDER) for place in (own, pairs))

    check_truth(normals, DepthKind.NORMALS)
    check_truth(depth, DepthKind.METRIC)
    with pytest.raises(DataSetError, match="no depth to compare with"):
        check_truth(normals, DepthKind.AFFINE_DEPTH)
    with pytest.raises(DataSetError, match="no normals to compare with"):
        check_truth(depth, DepthKind.NORMALS)


def test_tables_show_angles_in_degrees_beside_the_published_ones(
    marigold: Path, same: Callable[..., Predictions]
) -> None:
    data = open_dataset(DataSetName.NYUV2_NORMALS, marigold, FOLDER)
    result = measure(data, same(tilted(0)))

    (table,), overview = make_tables([result]), make_overview([result])

    ours, *theirs = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    assert (ours["mean°↓"], ours["median°↓"], ours["11.25°↑"]) == ("20.000", "20.000", "0.500")
    assert {row["method"]: row["mean°↓"] for row in theirs} == {
        "Marigold + E2E FT, 1 x 1 (published)": "16.200",
        "Stable Diffusion + E2E FT, 1 x 1 (published)": "16.500",
    }
    assert overview.title == "percent; angles in degrees"
    assert overview.rows[0] == ("mine", "20.0", "50.0")
    assert overview.rows[1][1:] == ("16.2", "–")


def colour_of(normal: tuple[float, float, float]) -> np.ndarray:
    return np.round((np.array(normal) + 1) * 127.5)


def test_the_sheet_shows_the_worst_normals_first(
    tmp_path: Path, files: Any, same: Callable[..., Predictions]
) -> None:
    root = tmp_path / "own"
    for name, degrees in (("good", 5), ("bad", 90)):
        files.photo(root / f"rgb/{name}.png", *SIZE)
        files.array(root / f"normals/{name}.npy", tilted(degrees))
    data = open_dataset(DataSetName.FOLDER, root, FOLDER)
    predictions = same(tilted(0))

    sheet = draw_sheet(data, predictions, measure(data, predictions))

    assert sheet is not None
    pixels = np.asarray(Image.open(BytesIO(sheet)))
    height, width = 210, 280  # of a tile
    top = 18 + 6 + 18 + height // 2  # below two lines of words
    middles = [pixels[top, width // 2 + place * (width + 6)] for place in range(4)]
    assert np.array_equal(middles[1], colour_of((1, 0, 0)))  # 90 degrees to the right
    assert np.array_equal(middles[2], colour_of((0, 0, 1)))
    assert middles[3].min() > 150  # beyond 60 degrees: the brightest colour
    below = pixels[top + height + 18 + 6, width // 2 + 3 * (width + 6)]
    assert int(below.max()) < 150  # 5 degrees: dark


def test_what_is_not_known_is_grey_in_the_sheet(data_of_holes: DataSet) -> None:
    predictions = baselines(data_of_holes)[0]

    sheet = draw_sheet(data_of_holes, predictions, measure(data_of_holes, predictions))

    assert sheet is not None
    pixels = np.asarray(Image.open(BytesIO(sheet)))
    assert (pixels[18 + 6 + 18 + 5, 280 + 6 + 140] == 90).all()  # grey: not known


@pytest.fixture
def data_of_holes(tmp_path: Path, files: Any) -> DataSet:
    root = tmp_path / "holes"
    normals = tilted(30).copy()
    normals[:4] = np.nan
    files.photo(root / "rgb/a.png", *SIZE)
    files.array(root / "normals/a.npy", normals)
    return open_dataset(DataSetName.FOLDER, root, FOLDER)


def test_predictions_as_pictures_are_measured_too(own: Path, tmp_path: Path, files: Any) -> None:
    data = open_dataset(DataSetName.FOLDER, own, FOLDER)
    out = tmp_path / "out"
    files.binding(out, kind="normals")
    (out / "rgb").mkdir()
    for name in ("array", "eight", "sixteen"):
        (out / f"rgb/{name}_normals.png").write_bytes(as_picture(tilted(26), "uint8"))

    result = measure(data, open_run(out, data))

    assert result.mean("mean") == pytest.approx(6, abs=0.4)
