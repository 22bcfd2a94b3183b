"""Where the published sets keep pictures, depth and masks, as Marigold's evaluation bundle does.

The bundle is a folder for each set with one tar archive in it; unpacked, the archive's tree may lie
in that folder, or be named itself. Which pictures count is told by a list file, one picture a line:
the picture, its depth, and more columns that some sets have. A list may lie beside the data or
below `data_split`, as in Marigold's repository; without one, every pair that is found counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.options import DataSetName
from marigold_cli.files.storage import Storage

_NO_DEPTH = "None"  # in KITTI's list, where nothing was measured


@dataclass(frozen=True)
class PointPair:
    """Two points (row, column) [px] of a picture, the first one nearer to the camera."""

    nearer: tuple[int, int]
    farther: tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """One picture and what is known of it; names are POSIX and relative to the set's root.

    Attributes:
        image: The picture.
        truth: Its depth; "" where point pairs or normals are known instead.
        mask: Where the depth is to be trusted; None: not told.
        scale: What one step of integer depth is; None: as the protocol says.
        group: A word such as "indoor"; may be empty.
        pairs: Point pairs with their order.
        normals: Its surface normals; "" where none are known.
    """

    image: str
    truth: str = ""
    mask: str | None = None
    scale: float | None = None
    group: str = ""
    pairs: tuple[PointPair, ...] = ()
    normals: str = ""

    @property
    def stem(self) -> str:
        """The picture's name without its suffix."""
        return self.image.rpartition(".")[0]


@dataclass(frozen=True)
class Layout:
    """Where one published set keeps its files.

    Attributes:
        archive: Path below the bundle.
        lists: Paths of its list below the data or `data_split`; older and newer names.
        image: Pattern of a picture's name; its groups are used below.
        truth: Name of its depth.
        mask: Name of its mask; None: there are none.
        quantity: What its truth is.
    """

    archive: str
    lists: tuple[str, ...]
    image: str
    truth: str
    mask: str | None = None
    quantity: Literal["depth", "normals"] = "depth"

    def sample(self, image: str, truth: str, mask: str | None = None) -> Sample:
        """A picture with its truth, of this set's sort."""
        if self.quantity == "normals":
            return Sample(image, mask=mask, normals=truth)
        return Sample(image, truth, mask)


LAYOUTS: dict[DataSetName, Layout] = {
    DataSetName.NYUV2: Layout(
        "nyuv2/nyu_labeled_extracted.tar",
        ("nyu_depth/labeled/filename_list_test.txt", "nyu/labeled/filename_list_test.txt"),
        r"(test/.+/)rgb_(\d+)\.png",
        r"\1depth_\2.png",
    ),
    DataSetName.KITTI: Layout(
        "kitti/kitti_eigen_split_test.tar",
        ("kitti_depth/eigen_test_files_with_gt.txt", "kitti/eigen_test_files_with_gt.txt"),
        r"[^/]+/([^/]+_sync)/image_02/data/(\d+)\.png",
        r"\1/proj_depth/groundtruth/image_02/\2.png",
    ),
    DataSetName.ETH3D: Layout(
        "eth3d/eth3d.tar",
        ("eth3d_depth/eth3d_filename_list.txt", "eth3d/eth3d_filename_list.txt"),
        r"rgb/([^/]+)/images/dslr_images/([^/]+\.JPG)",
        r"depth/\1_dslr_depth/\1/ground_truth_depth/dslr_images/\2",
    ),
    DataSetName.SCANNET: Layout(
        "scannet/scannet_val_sampled_800_1.tar",
        (
            "scannet_depth/scannet_val_sampled_list_800_1.txt",
            "scannet/scannet_val_sampled_list_800_1.txt",
        ),
        r"([^/]+)/color/(\d+)\.jpg",
        r"\1/depth/\2.png",
    ),
    DataSetName.DIODE: Layout(
        "diode/diode_val.tar",
        ("diode_depth/diode_val_all_filename_list.txt", "diode/diode_val_all_filename_list.txt"),
        r"((?:indoors|outdoor)/.+)\.png",
        r"\1_depth.npy",
        r"\1_depth_mask.npy",
    ),
}


def locate(data: Path, layout: Layout) -> Path:
    """Find the set's root: the archive, its unpacked tree, or what was named itself."""
    folder, _, archive = layout.archive.partition("/")
    places = (data / layout.archive, data / archive, data / folder / archive.removesuffix(".tar"))
    found = (place for place in (*places, data / folder) if place.exists())
    return next(found, data) if data.is_dir() else data


def find_list(root: Path, layout: Layout) -> Path | None:
    """Find the set's list file at the usual places beside or above its root."""
    for folder in (root, *list(root.absolute().parents)[:3]):
        for path in layout.lists:
            for place in (folder / PurePosixPath(path).name, folder / "data_split" / path):
                if place.is_file():
                    return place
    return None


def read_samples(file: Path, storage: Storage, layout: Layout) -> tuple[Sample, ...]:
    """Read a list; pictures without measured depth ("None") do not count.

    Raises:
        DataSetError: the list is unreadable or names what is not there.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataSetError(f"{file}: the list cannot be read ({error})") from error
    samples = []
    for number, line in enumerate(lines, 1):
        names = line.split()
        if not names or names[1:2] == [_NO_DEPTH]:
            continue
        needed = 3 if layout.mask else 2
        if len(names) < needed:
            raise DataSetError(f"{file}:{number}: {len(names)} names, not {needed}; see the README")
        _check(names[:needed], storage, f"{file}:{number}")
        samples.append(layout.sample(*names[:needed]))
    if not samples:
        raise DataSetError(f"{file}: the list names no picture with {layout.quantity}")
    return tuple(samples)


def find_samples(storage: Storage, layout: Layout) -> tuple[Sample, ...]:
    """Find pictures with depth by their names.

    Raises:
        DataSetError: there are none, or a mask is missing.
    """
    samples = []
    for name in storage.names():
        if match := re.fullmatch(layout.image, name):
            truth = match.expand(layout.truth)
            mask = match.expand(layout.mask) if layout.mask else None
            if storage.has(truth):
                _check([mask] if mask else [], storage, name)
                samples.append(layout.sample(name, truth, mask))
    if not samples:
        raise DataSetError(
            f"{storage.root}: no pictures with {layout.quantity} as in {layout.archive} of "
            "Marigold's evaluation bundle; name the archive, its unpacked tree, or the bundle's "
            "folder"
        )
    return tuple(samples)


def _check(names: list[str], storage: Storage, where: str) -> None:
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) != name:
            raise DataSetError(f"{where}: {name}: must be a plain path below the data's root")
        if not storage.has(name):
            raise DataSetError(
                f"{where}: names {name}, which is not in {storage.root}; is the list of this set?"
            )
