from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.errors import DataSetError
from marigold_cli.files.orientation import exif_block
from marigold_cli.training.datasets import open_source

Writer = Callable[[Path, NDArray[np.generic]], Path]

SIZE = (4, 6)


@pytest.fixture
def add(
    tmp_path: Path, save: Writer, picture: Callable[..., NDArray[np.uint8]]
) -> Callable[..., Path]:
    """Adds a picture and its depth to the folder, and gives the folder."""

    def make(rgb: str, depth: str, values: NDArray[np.generic] | float = 1.0) -> Path:
        save(tmp_path / "rgb" / rgb, picture(*SIZE))
        values = np.broadcast_to(np.asarray(values, np.float32), SIZE)
        if depth.endswith(".png"):
            values = values.astype(np.uint16)
        save(tmp_path / "depth" / depth, np.ascontiguousarray(values))
        return tmp_path

    return make


def test_depth_of_every_format_is_paired_by_its_name(add: Callable[..., Path]) -> None:
    add("b.png", "b.npy", 2.0)
    add("a.jpg", "a.exr", 3.0)
    root = add("more/b.PNG", "more/b.npy", 4.0)

    source = open_source(f"folder:{root}")
    source.check()
    samples = source.read(range(len(source)))

    assert samples.depth[:, 0, 0, 0].tolist() == [3, 2, 4]
    assert samples.rgb.shape == (3, 3, *SIZE)


def test_the_scale_stands_in_a_file_or_in_the_name(add: Callable[..., Path]) -> None:
    root = add("a.png", "a.png", np.arange(24).reshape(SIZE))

    named = open_source(f"folder:{root}?scale=0.25").read([0])
    (root / "scale.txt").write_text("0.001\n")
    stored = open_source(f"folder:{root}").read([0])

    assert named.valid[0, 0, 0].tolist() == [False] + 5 * [True]
    assert named.depth[0, 0, 3, 5] == 23 * 0.25
    assert stored.depth[0, 0, 3, 5] == torch.tensor(0.023)


def test_a_png_without_a_scale_is_refused(add: Callable[..., Path]) -> None:
    root = add("a.png", "a.png", 5)

    with pytest.raises(DataSetError, match=r"depth: holds PNG of an unknown unit; .*scale\.txt"):
        open_source(f"folder:{root}")


@pytest.mark.parametrize("text", ["", "metres", "-1", "nan"])
def test_a_scale_that_is_none_is_refused(add: Callable[..., Path], text: str) -> None:
    root = add("a.png", "a.png", 5)
    (root / "scale.txt").write_text(text)

    with pytest.raises(DataSetError, match=r"scale\.txt: must hold a number above 0"):
        open_source(f"folder:{root}")


def test_what_is_too_far_may_be_left_out(add: Callable[..., Path]) -> None:
    root = add("a.png", "a.npy", np.arange(24).reshape(SIZE))

    samples = open_source(f"folder:{root}?far=10").read([0])

    assert samples.valid.sum() == 9  # 1 to 9
    assert samples.depth.max() == 10


def test_masks_and_normals_are_read_where_there_are_any(
    add: Callable[..., Path], save: Writer
) -> None:
    root = add("a.png", "a.npy")
    mask = np.zeros(SIZE, np.uint8)
    mask[1, 2] = 1
    save(root / "mask" / "a.png", mask)
    save(root / "normal" / "a.npy", np.tile([0.0, 0.6, 0.8], (*SIZE, 1)))

    source = open_source(f"folder:{root}")
    source.check()
    samples = source.read([0])

    assert samples.valid.nonzero().tolist() == [[0, 0, 1, 2]]
    assert samples.normals is not None
    assert_allclose(samples.normals[0, :, 3, 3], [0, 0.6, 0.8], rtol=1e-6)


def test_pictures_without_normals_are_left_out_unless_depth_alone_is_wanted(
    add: Callable[..., Path], save: Writer
) -> None:
    add("a.png", "a.npy", 1.0)
    root = add("b.png", "b.npy", 2.0)
    save(root / "normal" / "b.npy", np.tile([0.0, 0.0, 1.0], (*SIZE, 1)))

    both = open_source(f"folder:{root}", with_normals=False)

    assert open_source(f"folder:{root}").read([0]).depth[0, 0, 0, 0] == 2
    assert both.read([0, 1]).depth[:, 0, 0, 0].tolist() == [1, 2]
    assert both.read([0, 1]).normals is None


def test_linear_pictures_of_a_renderer_with_many_layers_are_read(tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    (tmp_path / "depth").symlink_to(tmp_path / "rgb")
    light = np.random.default_rng(0).permutation(72).reshape(*SIZE, 3).astype(np.float32)
    channels = {f"View.Combined.{name}": light[..., at].copy() for at, name in enumerate("RGB")}
    channels["View.Depth.Z"] = np.full(SIZE, 1e10, np.float32)
    channels["View.Depth.Z"][2:] = 5
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    OpenEXR.File(header, channels).write(str(tmp_path / "rgb" / "a.exr"))

    source = open_source(f"folder:{tmp_path}")
    source.check()
    samples = source.read([0])

    brighter = samples.rgb[0].flatten(1).argsort(stable=True)
    assert torch.equal(brighter, torch.from_numpy(light).permute(2, 0, 1).flatten(1).argsort())
    assert samples.valid[0, 0, :, 0].tolist() == [False, False, True, True]
    assert (samples.depth[0, 0, 2:] == 5).all()


def test_a_picture_without_depth_is_named_by_the_check(add: Callable[..., Path]) -> None:
    add("a.png", "a.npy")
    root = add("b.png", "b.npy")
    (root / "depth" / "b.npy").unlink()

    with pytest.raises(DataSetError, match=r"depth/b\.npy: is missing; copy or make them again"):
        open_source(f"folder:{root}").check()


def test_depth_without_a_picture_is_named_by_the_check(add: Callable[..., Path]) -> None:
    add("a.png", "a.npy")
    root = add("b.png", "b.npy")
    (root / "rgb" / "a.png").unlink()

    with pytest.raises(DataSetError, match=r"rgb/a\.png: is missing"):
        open_source(f"folder:{root}").check()


def test_a_missing_mask_is_named_by_the_check(add: Callable[..., Path], save: Writer) -> None:
    add("a.png", "a.npy")
    root = add("b.png", "b.npy")
    save(root / "mask" / "a.png", np.ones(SIZE, np.uint8))

    with pytest.raises(DataSetError, match=r"mask/b\.png: is missing"):
        open_source(f"folder:{root}").check()


def test_two_files_of_one_name_are_refused(add: Callable[..., Path]) -> None:
    add("a.png", "a.npy")
    root = add("a.jpg", "a.npy")

    with pytest.raises(DataSetError, match=r"rgb/a\.png: goes by the same name as .*rgb/a\.jpg"):
        open_source(f"folder:{root}")


def test_a_file_of_another_kind_is_refused(add: Callable[..., Path]) -> None:
    root = add("a.png", "a.npy")
    (root / "rgb" / "b.webp").write_bytes(b"x")

    with pytest.raises(DataSetError, match=r"rgb/b\.webp: is no \.png, \.jpg, \.jpeg, \.exr"):
        open_source(f"folder:{root}")


@pytest.mark.parametrize("missing", ["rgb", "depth"])
def test_a_folder_without_pictures_or_depth_is_refused(
    add: Callable[..., Path], missing: str
) -> None:
    root = add("a.png", "a.npy")
    for path in (root / missing).iterdir():
        path.unlink()

    with pytest.raises(DataSetError, match=f"{missing}: holds no file; pictures lie in rgb/"):
        open_source(f"folder:{root}")


def test_an_archive_is_read_like_the_folder(
    add: Callable[..., Path], tar: Callable[[Path], Path]
) -> None:
    root = add("a.png", "a.npy", np.arange(24).reshape(SIZE))

    one = open_source(f"folder:{root}").read([0])
    other = open_source(f"folder:{tar(root)}").read([0])

    assert torch.equal(one.rgb, other.rgb)
    assert torch.equal(one.depth, other.depth)


@pytest.mark.parametrize(("upright", "is_right"), [((6, 4), True), ((4, 6), False)])
def test_a_turned_jpeg_fits_the_depth_of_the_upright_picture_alone(
    tmp_path: Path, save: Writer, upright: tuple[int, int], is_right: bool
) -> None:
    (tmp_path / "rgb").mkdir()
    stored = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    stored.save(tmp_path / "rgb" / "a.jpg", exif=b"Exif\0\0" + exif_block(6))
    save(tmp_path / "depth" / "a.npy", np.ones(upright, np.float32))
    source = open_source(f"folder:{tmp_path}")

    for use in (source.check, lambda: source.read([0])):
        with nullcontext() if is_right else pytest.raises(DataSetError, match="is 6 x 4, its pict"):
            use()
