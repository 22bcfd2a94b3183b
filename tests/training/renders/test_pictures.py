from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.training.renders.keeper import unfinished
from marigold_cli.training.renders.pictures import Entry, PictureFolder, encode_depth, name_of


def entry(seed: int, view: int = 0) -> Entry:
    return Entry(
        name=name_of(seed, view),
        seed=seed,
        view=view,
        kind="street",
        version="1",
        field_of_view=60.0,
        eye=1.6,
        pitch=-3.0,
        f_stop=0.0,
        near=1.5,
        median=7.0,
        seconds=2.5,
        build=9.0,
        rejected=3,
    )


def a_picture() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    rgb = np.stack([np.tile(ramp, (48, 1))] * 3, -1)
    depth = np.linspace(0.5, 300, 48 * 64).reshape(48, 64).astype(np.float32)
    depth[:5] = np.inf
    return rgb, depth


def test_a_picture_and_its_depth_can_be_read_back(tmp_path: Path) -> None:
    rgb, depth = a_picture()

    PictureFolder(tmp_path).write("000007-3", rgb, depth)

    read = np.array(Image.open(tmp_path / "rgb" / "000007-3.jpg"))
    assert np.abs(read.astype(int) - rgb).mean() < 2
    with OpenEXR.File(str(tmp_path / "depth" / "000007-3.exr"), separate_channels=True) as file:
        z = file.channels()["Z"].pixels
    assert z.dtype == np.float16
    assert (np.isinf(z) == np.isinf(depth)).all()
    known = np.isfinite(depth)
    assert z[known].astype(float) == pytest.approx(depth[known], rel=2**-11)


def test_what_is_too_far_for_half_floats_is_sky() -> None:
    depth = np.array([[1.0, 1e10], [65000.0, np.inf]], np.float32)

    with OpenEXR.File(BytesIO(encode_depth(depth)), separate_channels=True) as file:
        z = file.channels()["Z"].pixels

    assert np.isinf(z).tolist() == [[False, True], [False, True]]


def test_nothing_but_whole_files_lies_in_the_folders(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)

    folder.write("000001-0", *a_picture())
    folder.write("000001-0", *a_picture())

    names = sorted(p.name for p in tmp_path.glob("[!.]*/*"))
    assert names == ["000001-0.exr", "000001-0.jpg"]


def test_finished_and_skipped_seeds_are_not_composed_again(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)
    folder.record([entry(2, 0), entry(2, 1)])
    folder.skip(4, "slow")

    assert list(unfinished(folder, 1, 5)) == [1, 3, 5]


def test_a_scene_whose_line_was_cut_short_is_composed_again(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)
    folder.record([entry(0)])
    folder.record([entry(1)])
    index = tmp_path / "index.csv"
    index.write_bytes(index.read_bytes()[:-20])

    folder.record([entry(3)])

    assert folder.finished() == {0, 3}


def test_reasons_with_commas_and_line_ends_keep_the_table_whole(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)

    folder.skip(1, 'ValueError: "a, b"\nand more')
    folder.skip(2, "slow")

    assert folder.finished() == {1, 2}
