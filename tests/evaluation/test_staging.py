from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from marigold_cli.errors import ForeignFileError
from marigold_cli.evaluation.datasets import open_dataset
from marigold_cli.evaluation.options import DataSetName, FolderOptions
from marigold_cli.evaluation.staging import stage


def test_pictures_of_a_folder_are_linked_and_what_is_no_longer_wanted_goes(
    pairs: Path, tmp_path: Path
) -> None:
    data = open_dataset(DataSetName.FOLDER, pairs, FolderOptions())
    stage(data, tmp_path / "out")
    (tmp_path / "out/rgb/old.png").write_bytes(b"")

    stage(data, tmp_path / "out")

    links = sorted((tmp_path / "out").rglob("*.png"))
    assert [link.readlink() for link in links] == [pairs / "rgb/a.png", pairs / "rgb/b.png"]
    assert all(path.exists() for path in pairs.rglob("*.png"))


def test_somebody_else_s_files_are_not_removed(pairs: Path, tmp_path: Path) -> None:
    data = open_dataset(DataSetName.FOLDER, pairs, FolderOptions())
    before = sorted(pairs.rglob("*"))

    with pytest.raises(ForeignFileError, match=r"rgb: holds .*choose another --out"):
        stage(data, pairs / "rgb")

    assert sorted(pairs.rglob("*")) == before


def test_pictures_of_an_archive_are_unpacked_once(pairs: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "pairs.tar", "w") as tar:
        tar.add(pairs, ".")
    data = open_dataset(DataSetName.FOLDER, tmp_path / "pairs.tar", FolderOptions())

    stage(data, tmp_path / "out")
    picture = tmp_path / "out/rgb/a.png"
    before = picture.stat()
    stage(data, tmp_path / "out")

    assert picture.read_bytes() == (pairs / "rgb/a.png").read_bytes()
    assert picture.stat().st_mtime_ns == before.st_mtime_ns
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_kitti_pictures_are_cut_to_the_benchmarks_frame(tmp_path: Path, files: Any) -> None:
    root, drive = tmp_path / "kitti", "2011_09_26_drive_0002_sync"
    name = f"2011_09_26/{drive}/image_02/data/0000000069.png"
    files.photo(root / name, 375, 1242)
    files.steps(
        root / f"{drive}/proj_depth/groundtruth/image_02/0000000069.png", np.ones((375, 1242))
    )

    stage(open_dataset(DataSetName.KITTI, root, FolderOptions()), tmp_path / "out")

    whole, cut = (np.asarray(Image.open(folder / name)) for folder in (root, tmp_path / "out"))
    assert np.array_equal(cut, whole[375 - 352 :, 13 : 13 + 1216])
