from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from marigold_cli.errors import DataSetError, UsageError
from marigold_cli.training.datasets import open_source
from marigold_cli.training.datasets.hypersim import face_viewer

Writer = Callable[[Path, NDArray[np.generic]], Path]

SIZE = (12, 16)


@pytest.fixture
def processed(tmp_path: Path, save: Writer, picture: Callable[..., NDArray[np.uint8]]) -> Path:
    """Two scenes of the training split and one of another, 16 x 12, depth 1 m + number."""
    root = tmp_path / "processed"
    frames = [
        ("train/ai_001_001", "cam_00_fr0000"),
        ("train/ai_001_001", "cam_01_fr0003"),
        ("train/ai_002_003", "cam_00_fr0011"),
        ("val/ai_003_001", "cam_00_fr0000"),
    ]
    for number, (scene, frame) in enumerate(frames):
        save(root / scene / f"rgb_{frame}.png", picture(*SIZE, number))
        depth = np.full(SIZE, 1000 * (1 + number), np.uint16)
        save(root / scene / f"depth_plane_{frame}.png", depth)
    return root


def depths(spec: str) -> list[float]:
    """Depth of the first pixel of every picture."""
    source = open_source(spec, SIZE)
    return source.read(range(len(source))).depth[:, 0, 0, 0].tolist()


def test_a_tree_is_read_in_millimetres_and_in_the_order_of_names(
    processed: Path, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    source = open_source(f"hypersim:{processed}", SIZE)

    source.check()
    samples = source.read([2, 0, 2])

    assert len(source) == 3
    assert samples.depth[:, 0, 5, 5].tolist() == [3, 1, 3]
    assert samples.depth.shape == (3, 1, *SIZE)
    assert samples.valid.all()
    assert samples.normals is None
    assert torch.equal(samples.rgb[1], torch.from_numpy(picture(*SIZE, 0)).permute(2, 0, 1))


def test_depth_counts_above_nothing_and_below_65_metres(processed: Path, save: Writer) -> None:
    depth = np.full(SIZE, 2000, np.uint16)
    depth[0, :4] = 0, 1, 64_999, 65_000
    save(processed / "train/ai_001_001/depth_plane_cam_00_fr0000.png", depth)

    samples = open_source(f"hypersim:{processed}", SIZE).read([0])

    assert samples.valid[0, 0, 0, :4].tolist() == [False, True, True, False]
    expected = torch.tensor([65, 0.001, 64.999, 65])  # what is not known is far
    assert torch.equal(samples.depth[0, 0, 0, :4], expected)


def test_pictures_come_at_the_papers_size_unless_another_is_asked_for(processed: Path) -> None:
    assert open_source(f"hypersim:{processed}").read([0]).rgb.shape == (1, 3, 480, 640)
    assert open_source(f"hypersim:{processed}", (6, 8)).read([0]).rgb.shape == (1, 3, 6, 8)


def test_colours_may_be_resampled_as_marigold_does(
    processed: Path, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    samples = open_source(f"hypersim:{processed}?resample=nearest", (6, 8)).read([0])

    expected = torch.from_numpy(picture(*SIZE, 0)[1::2, 1::2]).permute(2, 0, 1)
    assert torch.equal(samples.rgb[0], expected)


def test_the_folder_of_one_split_will_do(processed: Path) -> None:
    assert depths(f"hypersim:{processed / 'train'}") == [1, 2, 3]
    assert depths(f"hypersim:{processed / 'val'}") == [4]
    assert depths(f"hypersim:{processed}?split=val") == [4]


def test_a_list_says_which_pictures_and_in_which_order(processed: Path) -> None:
    lines = [
        "ai_002_003/rgb_cam_00_fr0011.png ai_002_003/depth_plane_cam_00_fr0011.png",
        "ai_001_001/rgb_cam_00_fr0000.png ai_001_001/depth_plane_cam_00_fr0000.png",
    ]
    (processed / "train" / "filename_list_train.txt").write_text("\n".join(lines))

    assert depths(f"hypersim:{processed}") == [3, 1]
    assert depths(f"hypersim:{processed / 'train'}") == [3, 1]

    (processed / "train" / "filename_list_train_filtered.txt").write_text(lines[1])

    assert depths(f"hypersim:{processed}") == [1]


def test_the_table_of_the_preprocessing_will_do(processed: Path) -> None:
    (processed / "train" / "filename_meta_train.csv").write_text(
        "scene_name,rgb_path,depth_path\nai_001_001,ai_001_001/rgb_cam_01_fr0003.png,"
        "ai_001_001/depth_plane_cam_01_fr0003.png\n"
    )

    assert depths(f"hypersim:{processed}") == [2]


def test_a_list_over_all_splits_and_of_normals_finds_the_depth_beside(processed: Path) -> None:
    (processed / "all.txt").write_text(
        "val/ai_003_001/rgb_cam_00_fr0000.png val/ai_003_001/normal_cam_cam_00_fr0000.npy\n"
        "train/ai_001_001/rgb_cam_00_fr0000.png train/ai_001_001/normal_cam_cam_00_fr0000.npy\n"
    )

    assert depths(f"hypersim:{processed}?list=all.txt") == [4, 1]


def test_an_archive_gives_the_same_bytes_as_the_folder(
    processed: Path, tar: Callable[[Path], Path]
) -> None:
    folder = open_source(f"hypersim:{processed / 'train'}", SIZE)
    archive = open_source(f"hypersim:{tar(processed / 'train')}", SIZE)

    archive.check()
    one, other = folder.read([0, 1, 2]), archive.read([0, 1, 2])

    assert len(archive) == 3
    assert torch.equal(one.rgb, other.rgb)
    assert torch.equal(one.depth, other.depth)
    assert torch.equal(one.valid, other.valid)


def test_a_normal_that_looks_away_from_the_viewer_is_turned_round() -> None:
    normals = np.zeros((768, 1024, 3), np.float32)
    normals[...] = [0.6, 0, 0.8]  # towards the viewer and to the right
    normals[0, 0] = [0, 0, -1]
    normals[5, 5] = [0, 0, 0]
    # A wall seen at a glancing angle in the right part of the picture, where x > f / 2: its normal
    # has a component towards the viewer's side of the room, and looks away all the same.
    normals[384, 1000] = np.array([2, 0, 1]) / np.sqrt(5)
    normals[384, 900] = np.array([2, 0, 1]) / np.sqrt(5)  # here x < f / 2

    turned = face_viewer(normals)

    assert turned[0, 0].tolist() == [0, 0, 1]
    assert turned[5, 5].tolist() == [0, 0, 0]
    assert_allclose(turned[384, 1000], np.array([-2, 0, -1]) / np.sqrt(5))
    assert_allclose(turned[384, 900], np.array([2, 0, 1]) / np.sqrt(5))
    assert_allclose(turned[700, 500], [0.6, 0, 0.8])


def test_up_is_up_when_normals_are_turned() -> None:
    normals = np.zeros((768, 1024, 3), np.float32)
    normals[...] = [0, 1, 0]  # floors are seen from above in the lower half of a picture

    turned = face_viewer(normals)

    assert (turned[500:, :, 1] == 1).all()
    assert (turned[:300, :, 1] == -1).all()


def test_normals_of_marigolds_preprocessing_lie_beside_the_pictures(
    processed: Path, save: Writer
) -> None:
    for number, name in enumerate(("ai_001_001/normal_cam_cam_01_fr0003.npy",)):
        normals = np.tile([0.0, 0.6, 0.8], (*SIZE, 1)) * (-1) ** number
        save(processed / "train" / name, normals)

    source = open_source(f"hypersim:{processed}", SIZE)

    samples = source.read([0])
    assert len(source) == 1  # the others have none
    assert samples.depth[0, 0, 0, 0] == 2
    assert samples.normals is not None
    assert_allclose(samples.normals[0, :, 4, 4], [0, 0.6, 0.8], rtol=1e-6)
    assert len(open_source(f"hypersim:{processed}", SIZE, with_normals=False)) == 3


def test_normals_of_e2e_fine_tuning_lie_in_a_tree_of_their_own(
    processed: Path, save: Writer
) -> None:
    preview = "ai_002_003/images/scene_cam_00_geometry_preview/frame.0011.normal_cam.png"
    towards = np.rint((np.array([0.48, 0.6, 0.64]) + 1) / 2 * 255).astype(np.uint8)
    stored = np.tile(towards, (*SIZE, 1))
    stored[6:] = 255 - towards  # looks away
    save(processed / "normals" / preview, stored)

    source = open_source(f"hypersim:{processed}", SIZE)
    source.check()
    samples = source.read([0])

    assert samples.depth[0, 0, 0, 0] == 3
    assert samples.normals is not None
    assert_allclose(samples.normals[0, :, 2, 2], [0.48, 0.6, 0.64], atol=0.01)
    assert_allclose(samples.normals[0, :, 9, 9], [0.48, 0.6, 0.64], atol=0.01)


def test_a_folder_without_hypersim_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"holds no picture named SCENE/rgb_cam_00_fr0000\.png"):
        open_source(f"hypersim:{tmp_path}")


def test_an_unknown_split_is_refused(processed: Path) -> None:
    with pytest.raises(UsageError, match="split is one of train, val, test, not training"):
        open_source(f"hypersim:{processed}?split=training")


def test_a_listed_picture_that_is_missing_is_named_with_what_to_do(processed: Path) -> None:
    lines = [f"ai_001_001/rgb_cam_00_fr{n:04}.png ai_001_001/d_{n}.png" for n in range(3)]
    (processed / "train" / "filename_list_train.txt").write_text("\n".join(lines))

    with pytest.raises(DataSetError) as caught:
        open_source(f"hypersim:{processed}").check()

    assert str(caught.value) == (
        f"{processed / 'train/ai_001_001/d_0.png'}: is missing; 2 more pictures have faults; "
        "preprocess or copy them again, or list what is good with ?list=FILE"
    )
