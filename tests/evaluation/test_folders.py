from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import tifffile

from marigold_cli.errors import DataSetError, UsageError
from marigold_cli.evaluation.datasets import DataSet, open_dataset, open_datasets
from marigold_cli.evaluation.options import DataSetName, EvaluateOptions, FolderOptions

DEPTH = np.float32([[1, 2, 3], [4, 5, 0]])


def open_folder(root: Path, **options: float) -> DataSet:
    return open_dataset(DataSetName.FOLDER, root, FolderOptions(**options))


def write_exr(path: Path, channel: str = "Z") -> None:
    file = BytesIO()
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {channel: DEPTH}).write(file)
    path.write_bytes(file.getvalue())


@pytest.mark.parametrize("suffix", [".npy", ".png", ".exr", ".tif"])
def test_depth_may_be_kept_in_any_of_four_formats(suffix: str, tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "rgb/a.jpg", 2, 3)
    (tmp_path / "depth").mkdir()
    path = tmp_path / f"depth/a{suffix}"
    match suffix:
        case ".npy":
            np.save(path, DEPTH)
        case ".png":
            files.steps(path, DEPTH * 1000)
        case ".exr":
            write_exr(path)
        case ".tif":
            tifffile.imwrite(path, DEPTH)

    data = open_folder(tmp_path, depth_scale=0.001)

    truth = data.read_truth(data.samples[0])
    np.testing.assert_allclose(truth.depth, DEPTH, rtol=1e-7)
    assert truth.valid.tolist() == (DEPTH > 0).tolist()


@pytest.mark.parametrize(
    ("image", "depth", "mask"),
    [
        ("rgb/x/a.jpg", "depth/x/a.npy", "mask/x/a.png"),
        ("images/a.png", "gt/a.npy", "masks/a.npy"),
        ("a.jpg", "truth/a.npy", "mask/a.png"),
        ("x/a.jpg", "x/a_depth.npy", "x/a_mask.png"),
    ],
)
def test_pairs_are_found_in_folders_of_several_names(
    image: str, depth: str, mask: str, tmp_path: Path, files: Any
) -> None:
    files.photo(tmp_path / image, 2, 3)
    files.photo(tmp_path / Path(image).with_name("without.jpg"), 2, 3)
    files.array(tmp_path / depth, DEPTH)
    known = np.array([[1, 0, 1], [1, 1, 1]], np.uint16)
    save = files.steps if mask.endswith("png") else files.array
    save(tmp_path / mask, known)

    data = open_folder(tmp_path)

    (sample,) = data.samples
    assert (sample.image, sample.truth, sample.mask) == (image, depth, mask)
    assert data.notes == (
        f"left out: 1 without truth ({Path(image).with_name('without.jpg')}, ...)",
    )
    assert data.read_truth(sample).valid.tolist() == [[True, False, True], [True, True, False]]


def test_truth_without_a_picture_is_told_of(tmp_path: Path, files: Any) -> None:
    for name in ("a", "b"):
        files.photo(tmp_path / f"rgb/{name}.jpg", 2, 3)
    files.array(tmp_path / "depth/a.npy", DEPTH)
    files.array(tmp_path / "depth/B.npy", DEPTH)

    data = open_folder(tmp_path)

    assert data.notes == (
        "left out: 1 without truth (rgb/b.jpg, ...)",
        "left out: 1 without a picture (depth/B.npy, ...)",
    )


def test_depth_pictures_beside_photos_are_no_photos(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "a.png", 2, 3)
    files.steps(tmp_path / "a_depth.png", DEPTH)
    files.steps(tmp_path / "a_mask.png", np.ones((2, 3)))

    assert open_folder(tmp_path).notes == ()


def test_a_mask_for_some_pictures_only_is_told_of(tmp_path: Path, files: Any) -> None:
    for name in ("a", "b"):
        files.photo(tmp_path / f"rgb/{name}.jpg", 2, 3)
        files.array(tmp_path / f"depth/{name}.npy", DEPTH)
    files.steps(tmp_path / "mask/a.png", np.ones((2, 3)))

    assert open_folder(tmp_path).notes == (
        "1 have no mask (rgb/b.jpg, ...): all that is known of them counts",
    )


def test_bounds_say_what_counts(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "a.jpg", 2, 3)
    files.array(tmp_path / "depth/a.npy", DEPTH)

    data = open_folder(tmp_path, min_depth=1.5, max_depth=5)

    truth = data.read_truth(data.samples[0])
    assert truth.depth[truth.valid].tolist() == [2, 3, 4]


def test_a_table_gives_each_picture_its_scale_and_kind(tmp_path: Path, files: Any) -> None:
    for name in ("a", "b"):
        files.photo(tmp_path / f"rgb/{name}.jpg", 2, 3)
        files.steps(tmp_path / f"depth/{name}.png", DEPTH)
    (tmp_path / "index.csv").write_text("name,kind,scale\nb,outdoor,0.5\na,indoor,2\n")

    data = open_folder(tmp_path)

    assert [(one.image, one.group) for one in data.samples] == [
        ("rgb/b.jpg", "outdoor"),
        ("rgb/a.jpg", "indoor"),
    ]
    assert [data.read_truth(one).depth[0, 1] for one in data.samples] == [1, 4]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,scale\ngone,1\n", r"index\.csv:2: gone: no picture or no depth"),
        ("name,scale\na,wide\n", r"index\.csv:2: scale 'wide' is not a positive number"),
        ("name,scale\na,-1\n", "positive"),
        ("picture\na\n", "column 'name'"),
    ],
)
def test_a_wrong_table_is_refused_by_line(
    table: str, message: str, tmp_path: Path, files: Any
) -> None:
    files.photo(tmp_path / "rgb/a.jpg", 2, 3)
    files.steps(tmp_path / "depth/a.png", DEPTH)
    (tmp_path / "index.csv").write_text(table)

    with pytest.raises(DataSetError, match=message):
        open_folder(tmp_path)


def test_integers_need_a_scale(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "a.jpg", 2, 3)
    files.steps(tmp_path / "depth/a.png", DEPTH)
    data = open_folder(tmp_path)

    with pytest.raises(DataSetError, match=r"a\.png: integers.*--depth-scale"):
        data.read_truth(data.samples[0])


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x89PNG\r\n\x1a\ncut", b"\x93NUMPYcut", b"v/1\x01"]
)
def test_broken_depth_is_named(content: bytes, tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "a.jpg", 2, 3)
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth/a.npy").write_bytes(content)
    data = open_folder(tmp_path)

    with pytest.raises(DataSetError, match=r"depth/a\.npy"):
        data.read_truth(data.samples[0])


def test_depth_of_three_colours_is_no_depth(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "a.jpg", 2, 3)
    files.array(tmp_path / "depth/a.npy", np.ones((2, 3, 3), np.float32))
    data = open_folder(tmp_path)

    with pytest.raises(DataSetError, match=r"shape \(2, 3, 3\)"):
        data.read_truth(data.samples[0])


def test_a_mask_of_another_size_is_refused(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "a.jpg", 2, 3)
    files.array(tmp_path / "depth/a.npy", DEPTH)
    files.array(tmp_path / "mask/a.npy", np.ones((3, 3)))
    data = open_folder(tmp_path)

    with pytest.raises(DataSetError, match=r"mask/a\.npy: \(3, 3\)"):
        data.read_truth(data.samples[0])


def test_a_folder_without_depth_says_what_is_expected(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "rgb/a.jpg", 2, 3)

    with pytest.raises(DataSetError, match=r"no picture has depth; expected rgb/NAME\.jpg"):
        open_folder(tmp_path)


def test_point_pairs_are_read_from_da_2ks_annotations(tmp_path: Path, files: Any) -> None:
    files.photo(tmp_path / "images/indoor/a.jpg", 4, 5)
    points = [
        {"point1": [0, 1], "point2": [3, 4], "closer_point": "point1"},
        {"point1": [2, 2], "point2": [1, 0], "closer_point": "point2"},
    ]
    (tmp_path / "annotations.json").write_text(json.dumps({"images/indoor/a.jpg": points}))

    (sample,) = open_dataset(DataSetName.DA_2K, tmp_path, FolderOptions()).samples

    assert sample.group == "indoor"
    assert [(pair.nearer, pair.farther) for pair in sample.pairs] == [
        ((0, 1), (3, 4)),
        ((1, 0), (2, 2)),
    ]


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ("[]]", "not in DA-2K's format"),
        ('{"a.jpg": [{"point1": [0, 0]}]}', "not in DA-2K's format"),
        ('{"gone.jpg": []}', "names gone.jpg, which is not there"),
        ('{"../a.jpg": []}', "must be a path below"),
    ],
)
def test_wrong_annotations_are_refused(
    annotations: str, message: str, tmp_path: Path, files: Any
) -> None:
    files.photo(tmp_path / "a.jpg", 4, 5)
    (tmp_path / "annotations.json").write_text(annotations)

    with pytest.raises(DataSetError, match=message):
        open_dataset(DataSetName.DA_2K, tmp_path, FolderOptions())


def test_every_data_set_needs_its_place(pairs: Path) -> None:
    twice = (DataSetName.FOLDER,) * 3

    with pytest.raises(UsageError, match="3 times --dataset but 2 times --data"):
        open_datasets(EvaluateOptions(twice, (pairs, pairs)))
    with pytest.raises(UsageError, match="--dataset NAME --data DIR"):
        open_datasets(EvaluateOptions())


def test_sets_of_the_same_name_are_told_apart(pairs: Path) -> None:
    sets = open_datasets(EvaluateOptions((DataSetName.FOLDER,) * 2, (pairs,)))

    assert [data.key for data in sets] == ["pairs", "pairs-2"]


def test_normals_may_stand_beside_depth_or_instead_of_it(tmp_path: Path, files: Any) -> None:
    for name in ("a", "b"):
        files.photo(tmp_path / f"{name}.png", 6, 8)
    normals = np.random.default_rng(0).standard_normal((6, 8, 3)).astype(np.float32)
    mask = np.zeros((6, 8), np.uint16)
    mask[2:] = 1
    files.array(tmp_path / "depth/a.npy", np.ones((6, 8), np.float32))
    files.array(tmp_path / "normals/a.npy", normals)
    files.array(tmp_path / "b_normals.npy", normals)
    files.steps(tmp_path / "b_mask.png", mask)

    data = open_dataset(DataSetName.FOLDER, tmp_path, FolderOptions())

    a, b = data.samples
    assert (a.truth, a.normals) == ("depth/a.npy", "normals/a.npy")
    assert (b.truth, b.normals, b.mask) == ("", "b_normals.npy", "b_mask.png")
    assert np.array_equal(data.read_normals(a), normals)
    assert np.isnan(data.read_normals(b)[:2]).all()
    assert np.array_equal(data.read_normals(b)[2:], normals[2:])


@pytest.mark.parametrize("values", [np.ones((6, 8)), np.ones((6, 8, 3), np.uint8)])
def test_what_is_no_map_of_normals_is_refused_by_name(
    values: np.ndarray, tmp_path: Path, files: Any
) -> None:
    files.photo(tmp_path / "a.png", 6, 8)
    files.array(tmp_path / "a_normals.npy", values)
    data = open_dataset(DataSetName.FOLDER, tmp_path, FolderOptions())

    with pytest.raises(DataSetError, match=r"a_normals\.npy: .* not three floats a pixel"):
        data.read_normals(data.samples[0])
