from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from marigold_cli.errors import DataSetError, UsageError
from marigold_cli.training.datasets import open_source

Writer = Callable[[Path, NDArray[np.generic]], Path]

SMALL = (8, 24)  # fits into 352 x 1216 only after the crop


@pytest.fixture
def add(save: Writer) -> Callable[..., None]:
    """Adds a frame: grey colours, a ramp of depth in centimetres."""

    def make(root: Path, tops: tuple[str, str], frame: str, depth_cm: int = 1000) -> None:
        scene, variant, camera, number = frame.split()
        colours = np.full((375, 1242, 3), 90, np.uint8)
        colours[23:, 13:1229] = 200  # the part that is used
        below = f"{scene}/{variant}/frames"
        save(root / tops[0] / below / f"rgb/{camera}/rgb_{number}.jpg", colours)
        depth = np.full((375, 1242), depth_cm, np.uint16)
        save(root / tops[1] / below / f"depth/{camera}/depth_{number}.png", depth)

    return make


MARIGOLD = ("rgb", "depth")
E2E = ("vkitti_2.0.3_rgb", "vkitti_2.0.3_depth")


def test_the_bottom_and_middle_of_a_frame_is_read_in_centimetres(
    tmp_path: Path, add: Callable[..., None], save: Writer
) -> None:
    add(tmp_path, MARIGOLD, "Scene02 clone Camera_0 00000")
    rows, columns = np.mgrid[0:375, 0:1242]
    depth = (100 + 10 * rows + columns).astype(np.uint16)
    depth[23, 13:18] = 0, 1, 7999, 8000, 65535
    save(tmp_path / "depth/Scene02/clone/frames/depth/Camera_0/depth_00000.png", depth)
    source = open_source(f"vkitti:{tmp_path}")

    source.check()
    samples = source.read([0])

    assert samples.rgb.shape == (1, 3, 352, 1216)
    assert (samples.rgb[..., 8:, 8:-8] == 200).all()
    assert samples.valid[0, 0, 0, :6].tolist() == [False, True, True, False, False, True]
    assert torch.equal(samples.depth[0, 0, 0, :5], torch.tensor([80, 0.01, 79.99, 80, 80]))
    assert samples.depth[0, 0, 1, 0] == torch.tensor((100 + 10 * 24 + 13) / 100)
    assert samples.depth[0, 0, -1, -1] == torch.tensor((100 + 10 * 374 + 1228) / 100)


def test_a_smaller_size_shows_the_middle_of_the_crop(
    tmp_path: Path, add: Callable[..., None], save: Writer
) -> None:
    add(tmp_path, MARIGOLD, "Scene02 clone Camera_0 00000")
    depth = np.broadcast_to(np.arange(1242, dtype=np.uint16), (375, 1242)).copy()
    save(tmp_path / "depth/Scene02/clone/frames/depth/Camera_0/depth_00000.png", depth)

    samples = open_source(f"vkitti:{tmp_path}", (176, 176)).read([0])

    # 352 of 1216 columns are kept, from 13 + 432 on; each new pixel lies on the second of two.
    assert samples.rgb.shape == (1, 3, 176, 176)
    assert samples.depth[0, 0, 0, 0] == torch.tensor((13 + 432 + 1) / 100)
    assert samples.depth[0, 0, 0, -1] == torch.tensor((13 + 432 + 351) / 100)


def test_without_a_list_the_scenes_and_variants_of_marigold_are_read(
    tmp_path: Path, add: Callable[..., None]
) -> None:
    frames = [
        "Scene20 15-deg-left Camera_1 00007",
        "Scene01 clone Camera_0 00000",  # to judge by
        "Scene06 fog Camera_0 00000",  # not trained on
        "Scene06 morning Camera_0 00001",
    ]
    for number, frame in enumerate(frames):
        add(tmp_path, MARIGOLD, frame, 100 * (1 + number))

    train = open_source(f"vkitti:{tmp_path}", SMALL)
    val = open_source(f"vkitti:{tmp_path}?split=val", SMALL)

    assert train.read(range(len(train))).depth[:, 0, 0, 0].tolist() == [4, 1]
    assert val.read(range(len(val))).depth[:, 0, 0, 0].tolist() == [2]


def test_the_other_layout_has_the_scenes_and_weathers_of_e2e_fine_tuning(
    tmp_path: Path, add: Callable[..., None]
) -> None:
    frames = [
        "Scene01 fog Camera_0 00000",
        "Scene02 clone Camera_0 00000",  # not trained on
        "Scene18 rain Camera_1 00002",
    ]
    for number, frame in enumerate(frames):
        add(tmp_path, E2E, frame, 100 * (1 + number))

    source = open_source(f"vkitti:{tmp_path}", SMALL)

    assert source.read(range(len(source))).depth[:, 0, 0, 0].tolist() == [1, 3]
    with pytest.raises(UsageError, match="split is one of train, not val"):
        open_source(f"vkitti:{tmp_path}?split=val")


def test_a_list_decides_and_an_archive_reads_the_same(
    tmp_path: Path, add: Callable[..., None], tar: Callable[[Path], Path]
) -> None:
    root = tmp_path / "vkitti"
    for number in range(2):
        add(root, MARIGOLD, f"Scene01 rain Camera_0 0000{number}", 100 * (1 + number))
    below = "Scene01/rain/frames"
    (root / "vkitti_train.txt").write_text(
        "".join(
            f"rgb/{below}/rgb/Camera_0/rgb_0000{n}.jpg depth/{below}/depth/Camera_0/{depth}\n"
            for n, depth in ((1, "depth_00001.png"), (0, "depth_00000.png"))
        )
    )
    folder, archive = open_source(f"vkitti:{root}"), open_source(f"vkitti:{tar(root)}")

    archive.check()
    one, other = folder.read([0, 1, 0]), archive.read([0, 1, 0])

    assert one.depth[:, 0, 0, 0].tolist() == [2, 1, 2]
    assert torch.equal(one.depth, other.depth)
    assert torch.equal(one.rgb, other.rgb)


def test_normals_are_mirrored_to_x_right_and_cropped(
    tmp_path: Path, add: Callable[..., None]
) -> None:
    add(tmp_path, E2E, "Scene02 fog Camera_0 00000", 100)
    add(tmp_path, E2E, "Scene02 fog Camera_0 00001", 200)
    stored = np.empty((375, 1242, 3))
    stored[...] = [0.6, 0.0, 0.8]
    stored[23, 13] = [0.0, 0.6, 0.8]
    path = tmp_path / "vkitti_DAG_normals/Scene02/fog/frames/normal/Camera_0/normal_00001.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(imagecodecs.png_encode(((stored + 1) * 32767.5).astype(np.uint16)))

    source = open_source(f"vkitti:{tmp_path}")
    samples = source.read([0])

    assert len(source) == 1
    assert samples.depth[0, 0, 0, 0] == 2
    assert samples.normals is not None
    assert_allclose(samples.normals[0, :, 0, 0], [0, 0.6, 0.8], atol=1e-4)
    assert_allclose(samples.normals[0, :, 200, 600], [-0.6, 0, 0.8], atol=1e-4)


def test_frames_that_are_smaller_than_the_crop_are_refused(tmp_path: Path, save: Writer) -> None:
    below = "Scene02/clone/frames"
    save(tmp_path / f"rgb/{below}/rgb/Camera_0/rgb_00000.jpg", np.zeros((375, 1200, 3), np.uint8))
    depth = np.ones((375, 1200), np.uint16)
    save(tmp_path / f"depth/{below}/depth/Camera_0/depth_00000.png", depth)
    source = open_source(f"vkitti:{tmp_path}")

    for use in (source.check, lambda: source.read([0])):
        with pytest.raises(DataSetError, match="is 1200 x 375, smaller than the 1216 x 352 used"):
            use()


def test_a_folder_without_virtual_kitti_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"holds no picture named rgb/Scene02/clone"):
        open_source(f"vkitti:{tmp_path}")
