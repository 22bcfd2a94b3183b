"""Each published set in its exact layout, with numbers worked out by hand for crops and caps."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.datasets import DataSet, open_dataset
from marigold_cli.evaluation.measure import Row, measure
from marigold_cli.evaluation.options import DataSetName, FolderOptions
from marigold_cli.evaluation.predictions import Predictions
from marigold_cli.evaluation.protocols import PROTOCOLS

FOLDER = FolderOptions()
Measured = Callable[[DataSet, np.ndarray], Row]


def as_archive(root: Path, archive: Path) -> Path:
    """The tree as the bundle's archives have it: members begin with './'."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w") as tar:
        tar.add(root, ".")
    return archive


@pytest.fixture
def only_row(predict: Callable[..., Predictions]) -> Measured:
    def only_row(data: DataSet, values: np.ndarray) -> Row:
        (row,) = measure(data, predict(values)).rows
        return row

    return only_row


@pytest.fixture
def nyu(tmp_path: Path, files: Any) -> Path:
    depth = np.full((480, 640), 2000)
    depth[100, 100:103] = 10_000, 1, 0  # 10 m and 1 mm are the bounds themselves
    depth[200, 200] = 8000
    root = tmp_path / "nyu_labeled_extracted"
    scene = root / "test/kitchen_0004"
    files.photo(scene / "rgb_0001.png", 480, 640)
    files.steps(scene / "depth_0001.png", depth)
    files.steps(scene / "filled_0001.png", depth + 1)
    return root


def test_nyu_counts_what_is_inside_of_eigens_window_and_below_ten_metres(
    nyu: Path, only_row: Measured
) -> None:
    values = np.full((480, 640), 999.0)
    values[45:471, 41:601] = 2.2
    values[200, 200] = 50  # lowered to 10 m: off by a quarter of 8 m
    pixels = (471 - 45) * (601 - 41) - 3

    data = open_dataset(DataSetName.NYUV2, nyu, FOLDER)

    truth = data.read_truth(data.samples[0])
    assert np.count_nonzero(truth.valid) == pixels
    row = only_row(data, values)
    assert row.scores["abs_rel"] == pytest.approx((0.1 * (pixels - 1) + 0.25) / pixels)
    assert row.scores["delta1"] == pytest.approx((pixels - 1) / pixels)


def test_an_archive_and_the_whole_bundle_are_read_like_a_folder(
    nyu: Path, tmp_path: Path, only_row: Measured
) -> None:
    archive = as_archive(nyu, tmp_path / "bundle/nyuv2/nyu_labeled_extracted.tar")
    values = np.full((480, 640), 2.2)

    rows = [
        only_row(open_dataset(DataSetName.NYUV2, place, FOLDER), values)
        for place in (nyu, archive, archive.parent, tmp_path / "bundle")
    ]

    assert rows[1:] == rows[:1] * 3


@pytest.fixture
def kitti(tmp_path: Path, files: Any) -> Path:
    depth = np.full((375, 1242), 256 * 20)
    # rows 117..320 and columns 43..1171 of the crop that begins at row 23 and column 13
    depth[23 + 117, 13 + 43] = 256 * 64
    depth[23 + 320, 13 + 1171] = 256 * 80  # the bound itself
    depth[23 + 116, :] = depth[23 + 321, :] = 256
    depth[:, 13 + 42] = depth[:, 13 + 1172] = 256
    root = tmp_path / "kitti"
    day, drive = "2011_09_26", "2011_09_26_drive_0002_sync"
    files.photo(root / f"{day}/{drive}/image_02/data/0000000069.png", 375, 1242)
    files.steps(root / f"{drive}/proj_depth/groundtruth/image_02/0000000069.png", depth)
    return root


def test_kitti_counts_eigens_window_of_the_benchmarks_crop_below_eighty_metres(
    kitti: Path, only_row: Measured
) -> None:
    values = np.full((352, 1216), 22.0)
    values[117, 43] = 100  # lowered to 80 m: off by a quarter of 64 m
    pixels = (321 - 117) * (1172 - 43) - 1

    data = open_dataset(DataSetName.KITTI, kitti, FOLDER)

    truth = data.read_truth(data.samples[0])
    assert truth.depth.shape == (352, 1216)
    assert np.count_nonzero(truth.valid) == pixels
    row = only_row(data, values)
    assert row.scores["abs_rel"] == pytest.approx((0.1 * (pixels - 1) + 0.25) / pixels)


def test_kittis_list_says_which_pictures_have_no_depth(kitti: Path) -> None:
    day, drive = "2011_09_26", "2011_09_26_drive_0002_sync"
    picture = f"{day}/{drive}/image_02/data/0000000069.png"
    depth = f"{drive}/proj_depth/groundtruth/image_02/0000000069.png"
    (kitti / "eigen_test_files_with_gt.txt").write_text(
        f"{picture} {depth} 721.5377\n{day}/gone.png None 721.5377\n"
    )

    data = open_dataset(DataSetName.KITTI, kitti, FOLDER)

    assert [sample.image for sample in data.samples] == [picture]
    assert "652" in " ".join(data.notes)


def test_a_kitti_picture_below_the_benchmarks_size_is_refused(kitti: Path, files: Any) -> None:
    (depth,) = kitti.glob("*_sync/**/*.png")
    files.steps(depth, np.ones((300, 1000)))
    data = open_dataset(DataSetName.KITTI, kitti, FOLDER)

    with pytest.raises(DataSetError, match="smaller than the benchmark"):
        data.read_truth(data.samples[0])


@pytest.fixture
def eth3d(tmp_path: Path, files: Any) -> Path:
    root = tmp_path / "eth3d"
    files.photo(root / "rgb/office/images/dslr_images/DSC_0219.JPG", 40, 60)
    name = "depth/office_dslr_depth/office/ground_truth_depth/dslr_images/DSC_0219.JPG"
    (root / name).parent.mkdir(parents=True)
    with (root / name).open("wb") as file:
        file.truncate(4 * 4032 * 6048)  # zeros that take no room
    depth = np.memmap(root / name, "<f4", "r+", shape=(4032, 6048))
    depth[0], depth[1] = np.inf, -1
    depth[7, 0], depth[7, 5], depth[9, 11], depth[9, 12] = 1, 2, 3, 1e5
    depth.flush()
    return root


def test_eth3d_is_raw_floats_without_a_bound_and_inf_where_nothing_was_measured(
    eth3d: Path,
) -> None:
    data = open_dataset(DataSetName.ETH3D, eth3d, FOLDER)

    truth = data.read_truth(data.samples[0])

    assert truth.depth.shape == (4032, 6048)
    assert truth.depth[truth.valid].tolist() == [1, 2, 3, 1e5]


def test_eth3d_depth_of_another_size_is_refused(eth3d: Path) -> None:
    data = open_dataset(DataSetName.ETH3D, eth3d, FOLDER)
    file = eth3d / data.samples[0].truth
    os.truncate(file, file.stat().st_size - 4)

    with pytest.raises(DataSetError, match=r"DSC_0219\.JPG.*6048 x 4032"):
        data.read_truth(data.samples[0])


@pytest.mark.parametrize("size", [(4032, 6048), (1500, 2001), (700, 1024), (1500, 900)])
def test_columns_of_the_fit_are_those_of_torchs_nearest_neighbour(size: tuple[int, int]) -> None:
    numbers = torch.arange(float(size[1])).expand(1, 1, -1)
    shrink = min(1, 1024 / max(size))
    expected = torch.nn.Upsample(scale_factor=shrink, mode="nearest")(numbers)[0, 0]

    columns = PROTOCOLS[DataSetName.ETH3D].fit_columns(*size)

    assert np.arange(size[1])[columns].tolist() == expected.int().tolist()


def test_scannet_counts_between_a_millimetre_and_ten_metres(
    tmp_path: Path, files: Any, only_row: Measured
) -> None:
    root = tmp_path / "scannet"
    files.photo(root / "scene0406_02/color/000300.jpg", 4, 5)
    depth = np.full((4, 5), 4000)
    depth[0, :3] = 0, 1, 10_000
    files.steps(root / "scene0406_02/depth/000300.png", depth)
    values = np.full((4, 5), 5.0)
    values[3, 4] = 12  # lowered to 10 m: off by 6 of 4 m

    data = open_dataset(DataSetName.SCANNET, root, FOLDER)

    row = only_row(data, values)
    assert row.scores["abs_rel"] == pytest.approx((16 * 0.25 + 1.5) / 17)


def test_diode_counts_what_its_mask_says_and_bounds_predictions_only(
    tmp_path: Path, files: Any, only_row: Measured
) -> None:
    stem = tmp_path / "diode/indoors/scene_00021/scan_00189/00021_00189_indoors_200_010"
    files.photo(stem.with_suffix(".png"), 3, 4)
    depth = np.full((3, 4, 1), 2, np.float32)
    depth[0, 0], depth[0, 1], mask = 400, 0.5, np.ones((3, 4), np.float32)
    mask[2] = 0
    depth[2] = np.nan
    files.array(stem.with_name(f"{stem.name}_depth.npy"), depth)
    files.array(stem.with_name(f"{stem.name}_depth_mask.npy"), mask)
    values = np.full((3, 4), 3.0)
    values[0, 0], values[0, 1] = 1000, 0.1  # 350 for 400 m, 0.6 for 0.5 m

    data = open_dataset(DataSetName.DIODE, tmp_path / "diode", FOLDER)

    row = only_row(data, values)
    assert row.scores["abs_rel"] == pytest.approx((50 / 400 + 0.1 / 0.5 + 6 * 0.5) / 8)


def test_a_list_that_names_what_is_not_there_is_refused_by_line(nyu: Path) -> None:
    names = "test/kitchen_0004/rgb_0001.png test/kitchen_0004/depth_0001.png"
    (nyu / "filename_list_test.txt").write_text(f"{names}\n{names.replace('0001', '0002')}\n")

    with pytest.raises(DataSetError, match=r"list_test\.txt:2: names .*rgb_0002\.png.*not in"):
        open_dataset(DataSetName.NYUV2, nyu, FOLDER)


@pytest.mark.parametrize("name", ["../rgb_0001.png", "/etc/passwd", "./test/a.png"])
def test_a_list_cannot_lead_out_of_the_data(nyu: Path, name: str, tmp_path: Path) -> None:
    list_file = tmp_path / "list.txt"
    list_file.write_text(f"{name} test/kitchen_0004/depth_0001.png\n")

    with pytest.raises(DataSetError, match="plain path"):
        open_dataset(DataSetName.NYUV2, nyu, FOLDER, list_file)


def test_a_list_is_found_where_marigolds_repository_keeps_it(nyu: Path, tmp_path: Path) -> None:
    list_file = tmp_path / "data_split/nyu_depth/labeled/filename_list_test.txt"
    list_file.parent.mkdir(parents=True)
    scene = "test/kitchen_0004"
    list_file.write_text(f"{scene}/rgb_0001.png {scene}/depth_0001.png {scene}/filled_0001.png\n")

    data = open_dataset(DataSetName.NYUV2, nyu, FOLDER)

    assert not any("no list" in note for note in data.notes)


def test_a_folder_without_the_set_says_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataSetError, match=r"empty: no pictures.*nyu_labeled_extracted\.tar"):
        open_dataset(DataSetName.NYUV2, tmp_path / "empty", FOLDER)


def test_a_broken_or_compressed_archive_is_refused(nyu: Path, tmp_path: Path) -> None:
    os.truncate(as_archive(nyu, tmp_path / "cut.tar"), 5000)
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as tar:
        tar.add(nyu, ".")

    with pytest.raises(DataSetError, match=r"packed\.tar.*unpack it"):
        open_dataset(DataSetName.NYUV2, tmp_path / "packed.tar", FOLDER)
    with pytest.raises(DataSetError, match=r"cut\.tar.*copy it again"):
        open_dataset(DataSetName.NYUV2, tmp_path / "cut.tar", FOLDER)
