from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import Storage, open_storage
from marigold_cli.training.datasets.layout import Entry, Layout
from marigold_cli.training.datasets.pictures import PictureSet
from marigold_cli.training.samples import Samples, Source

Writer = Callable[[Path, NDArray[np.generic]], Path]

COUNT = 5
ENTRIES = [Entry(f"{n}.png", f"{n}_depth.npy", f"{n}_normals.npy") for n in range(COUNT)]
LAYOUT = Layout(unit=1.0, far=100.0, advice="mend them")


@pytest.fixture
def root(tmp_path: Path, save: Writer, picture: Callable[..., NDArray[np.uint8]]) -> Path:
    """Pictures of 20 x 30, all of depth 1 + number."""
    root = tmp_path / "set"
    for number, entry in enumerate(ENTRIES):
        save(root / entry.rgb, picture(20, 30, number))
        save(root / entry.depth, np.full((20, 30), 1.0 + number, np.float32))
        save(root / f"{number}_normals.npy", np.tile([0.0, 0.0, 1.0], (20, 30, 1)))
    return root


@pytest.fixture(params=["folder", "archive"])
def opened(
    request: pytest.FixtureRequest, root: Path, tar: Callable[[Path], Path]
) -> Callable[[], Storage]:
    """Opens the pictures as they are by now."""
    return lambda: open_storage(root if request.param == "folder" else tar(root))


def same(one: Samples, other: Samples) -> bool:
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_set_is_a_source(root: Path) -> None:
    source: Source = PictureSet("set", open_storage(root), ENTRIES, LAYOUT)

    source.check()

    assert (len(source), source.name) == (COUNT, "set")


def test_pictures_come_in_the_order_asked_for_and_as_often(
    root: Path, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    samples = PictureSet("set", open_storage(root), ENTRIES, LAYOUT).read([3, 0, 3])

    assert samples.depth[:, 0, 0, 0].tolist() == [4, 1, 4]
    assert [tensor.dtype for tensor in vars(samples).values()] == [
        torch.uint8, torch.float32, torch.bool, torch.float32,
    ]  # fmt: skip
    assert [tuple(tensor.shape) for tensor in vars(samples).values()] == [
        (3, 3, 20, 30), (3, 1, 20, 30), (3, 1, 20, 30), (3, 3, 20, 30),
    ]  # fmt: skip
    assert torch.equal(samples.rgb[0], torch.from_numpy(picture(20, 30, 3)).permute(2, 0, 1))
    assert samples.normals is not None
    assert (samples.normals[:, 2] == 1).all()


def test_pictures_without_normals_are_left_out_and_counted_unless_none_has_any(root: Path) -> None:
    bare = [replace(entry, normals=None) for entry in ENTRIES]

    mixed = PictureSet("set", open_storage(root), [*ENTRIES[:2], *bare[2:]], LAYOUT)
    without = PictureSet("set", open_storage(root), bare, LAYOUT)

    assert (len(mixed), mixed.left_out) == (2, COUNT - 2)
    assert (len(without), without.left_out) == (COUNT, 0)


def identity(root: Path, layout: Layout = LAYOUT) -> str:
    return PictureSet("set", open_storage(root), ENTRIES, layout).identity()


def test_a_set_is_the_same_until_a_file_its_place_or_its_meaning_changes(
    root: Path, tmp_path: Path
) -> None:
    before, again = identity(root), identity(root)
    other_unit = identity(root, replace(LAYOUT, unit=0.5))
    elsewhere = identity(shutil.copytree(root, tmp_path / "elsewhere"))
    os.utime(root / ENTRIES[3].depth, ns=(0, 1))

    assert before == again
    assert len({before, other_unit, elsewhere, identity(root)}) == 4


def test_an_archive_is_another_when_it_was_written_anew(
    root: Path, tar: Callable[[Path], Path]
) -> None:
    archive = tar(root)
    before, again = identity(archive), identity(archive)

    os.utime(archive, ns=(0, 1))

    assert before == again != identity(archive)


def test_a_picture_beyond_the_last_is_an_error(root: Path) -> None:
    with pytest.raises(IndexError):
        PictureSet("set", open_storage(root), ENTRIES, LAYOUT).read([COUNT])


def test_many_threads_may_read_one_set(opened: Callable[[], Storage]) -> None:
    source = PictureSet("set", opened(), ENTRIES, LAYOUT, (10, 15))
    alone = source.read(range(COUNT))

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(source.read, [range(COUNT)] * 24))

    assert all(same(alone, samples) for samples in together)


def test_in_a_set_without_bounds_the_sky_is_infinite_and_the_unknown_at_the_farthest_point(
    root: Path, save: Writer
) -> None:
    depth = np.full((20, 30), 7.0, np.float32)
    depth[0, :3] = np.inf, np.nan, 9
    save(root / "0_depth.npy", depth)

    samples = PictureSet("set", open_storage(root), ENTRIES, Layout(unit=0.5)).read([0])

    assert samples.depth[0, 0, 0, :4].tolist() == [np.inf, 4.5, 4.5, 3.5]
    assert samples.valid[0, 0, 0, :4].tolist() == [False, False, True, True]


def test_a_mask_takes_depth_away(root: Path, save: Writer) -> None:
    mask = np.full((20, 30), 255, np.uint8)
    mask[:, 4:] = 0
    save(root / "mask.png", mask)
    entry = Entry("0.png", "0_depth.npy", mask="mask.png")

    samples = PictureSet("set", open_storage(root), [entry], LAYOUT).read([0])

    assert samples.valid[0, 0, 5, 2:6].tolist() == [True, True, False, False]
    assert samples.depth[0, 0, 5, 2:6].tolist() == [1, 1, 100, 100]


def test_the_sky_under_a_mask_is_not_known(root: Path, save: Writer) -> None:
    save(root / "0_depth.npy", np.tile(np.array([2.0, np.inf], np.float32), (20, 15)))
    mask = np.full((20, 30), 255, np.uint8)
    mask[:10] = 0
    save(root / "mask.png", mask)
    entry = Entry("0.png", "0_depth.npy", mask="mask.png")

    samples = PictureSet("set", open_storage(root), [entry], Layout(unit=1)).read([0])

    assert samples.depth[0, 0, 9:11, :2].tolist() == [[2, 2], [2, np.inf]]
    assert samples.valid[0, 0, 9:11, :2].tolist() == [[False, False], [True, False]]
    assert samples.normals is None


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def enlarge(path: Path) -> None:
    if path.suffix == ".npy":
        np.save(path, np.pad(np.load(path), [(0, 1), (0, 0), (0, 0)][: np.load(path).ndim]))
    else:
        Image.new("RGB", (30, 21)).save(path)


def muddle(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>")


@pytest.mark.parametrize("name", ["2.png", "2_depth.npy", "2_normals.npy"])
@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (remove, "is missing"),
        (empty, "is empty"),
        (halve, "is cut off"),
        (muddle, "is no PNG, JPEG, NumPy or EXR file"),
    ],
)
def test_a_spoilt_file_is_named_by_the_check_and_when_it_is_read(
    root: Path,
    opened: Callable[[], Storage],
    name: str,
    spoil: Callable[[Path], None],
    fault: str,
) -> None:
    spoil(root / name)
    storage = opened()
    source = PictureSet("set", storage, ENTRIES, LAYOUT)

    with pytest.raises(DataSetError) as checked:
        source.check()
    with pytest.raises(DataSetError) as read:
        source.read(range(COUNT))

    assert str(checked.value) == f"{storage.place(name)}: {fault}; mend them"
    assert str(read.value) == f"{storage.place(name)}: {fault}"


@pytest.mark.parametrize("name", ["2.png", "2_depth.npy", "2_normals.npy"])
def test_files_of_one_picture_are_of_one_size(root: Path, name: str) -> None:
    enlarge(root / name)
    source = PictureSet("set", open_storage(root), ENTRIES, LAYOUT, (10, 15))

    odd, sizes = (
        ("2_depth.npy", ("30 x 20", "30 x 21"))
        if name == "2.png"
        else (name, ("30 x 21", "30 x 20"))
    )
    for use in (source.check, lambda: source.read([2])):
        with pytest.raises(DataSetError, match=f"{odd}: is {sizes[0]}, its picture {sizes[1]}"):
            use()


def test_the_other_faults_are_counted(root: Path) -> None:
    for name in ("4.png", "1_depth.npy", "3_normals.npy"):
        (root / name).unlink()

    with pytest.raises(DataSetError) as caught:
        PictureSet("set", open_storage(root), ENTRIES, LAYOUT).check()

    path = root / "1_depth.npy"
    assert str(caught.value) == f"{path}: is missing; 2 more pictures have faults; mend them"


def test_pictures_of_several_sizes_need_a_size(
    root: Path, save: Writer, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    save(root / "1.png", picture(40, 60))
    save(root / "1_depth.npy", np.ones((40, 60)))
    save(root / "1_normals.npy", np.ones((40, 60, 3)))
    native = PictureSet("set", open_storage(root), ENTRIES, LAYOUT)
    resized = PictureSet("set", open_storage(root), ENTRIES, LAYOUT, (20, 30))

    for use in (native.check, lambda: native.read(range(COUNT))):
        with pytest.raises(DataSetError, match=r"not of one size \(4 of 30 x 20, 1 of 60 x 40\)"):
            use()
    resized.check()
    assert len(resized.read(range(COUNT))) == COUNT


@pytest.mark.parametrize("depth", [np.nan, 0, 1e10, 100])
def test_a_picture_without_known_depth_is_named_when_it_is_read(
    root: Path, save: Writer, depth: float
) -> None:
    path = save(root / "2_depth.npy", np.full((20, 30), depth))
    source = PictureSet("set", open_storage(root), ENTRIES, LAYOUT)
    source.check()

    with pytest.raises(DataSetError) as caught:
        source.read([0, 2])

    assert str(caught.value) == f"{path}: none of its depth is known; mend them"


def test_broken_pixels_are_named_when_they_are_read(root: Path) -> None:
    data = bytearray((root / "2.png").read_bytes())
    data[300:900] = bytes(600)
    (root / "2.png").write_bytes(data)
    source = PictureSet("set", open_storage(root), ENTRIES, LAYOUT)
    source.check()

    with pytest.raises(DataSetError, match=r"2\.png: is damaged or of a rare kind"):
        source.read([2])
