"""A data set as one value: which pictures, what is true of them, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from marigold_cli.depth import Mask
from marigold_cli.errors import DataSetError, ImageError, UsageError
from marigold_cli.evaluation.depth_files import read_depth, read_mask, read_normals
from marigold_cli.evaluation.folders import find_pairs
from marigold_cli.evaluation.layouts import (
    LAYOUTS,
    Layout,
    Sample,
    find_list,
    find_samples,
    locate,
    read_samples,
)
from marigold_cli.evaluation.normals_sets import NORMALS_LAYOUTS, normals_protocol
from marigold_cli.evaluation.options import DataSetName, EvaluateOptions, FolderOptions
from marigold_cli.evaluation.point_pairs import read_pairs
from marigold_cli.evaluation.protocols import PROTOCOLS, Protocol, folder_protocol
from marigold_cli.files.decode import Photo, decode
from marigold_cli.files.orientation import is_sideways
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import Source
from marigold_cli.files.storage import Storage, open_storage, read_whole
from marigold_cli.metrics import Array


@dataclass(frozen=True)
class Truth:
    """What is known of one picture, in the protocol's frame.

    Attributes:
        depth: [H, W] [m, or the set's own unit].
        valid: bool [H, W], what is measured.
        full_size: Height and width of the picture before the frame was cut out [px].
    """

    depth: Array
    valid: Mask
    full_size: tuple[int, int]


@dataclass(frozen=True)
class DataSet:
    """Pictures with truth, and how predictions of them are measured.

    Attributes:
        key: Its name in files and folders, unique in an evaluation.
        storage: Where the files are.
        samples: Its pictures.
        protocol: How it is measured.
        notes: What a reader of the table must know, in words.
    """

    key: str
    storage: Storage
    samples: tuple[Sample, ...]
    protocol: Protocol
    notes: tuple[str, ...] = ()

    def read_truth(self, sample: Sample) -> Truth:
        """Read one picture's depth, cut it and mark what is measured.

        Raises:
            DataSetError: a file that is missing, broken, or of another size than its mask.
        """
        where = self.storage.place(sample.truth)
        data = read_whole(self.storage, sample.truth)
        if sample.scale is None:
            depth = self.protocol.read(data, where)
        else:
            depth = read_depth(data, where, sample.scale)
        full_size = (depth.shape[0], depth.shape[1])
        mask = self._read_mask(sample, full_size)
        frame = self.protocol.frame(*full_size)
        depth, mask = depth[frame], mask[frame]
        return Truth(depth, mask & self._is_measured(depth), full_size)

    def read_normals(self, sample: Sample) -> Array:
        """Read one picture's normals [H, W, 3], uncut, x right; NaN where nothing is known.

        Raises:
            DataSetError: a file that is missing, broken, or of another size than its mask.
        """
        where = self.storage.place(sample.normals)
        normals = read_normals(read_whole(self.storage, sample.normals), where)
        mask = self._read_mask(sample, (normals.shape[0], normals.shape[1]))
        towards_right = normals * (-1, 1, 1) if self.protocol.has_x_left else normals
        return np.where(mask[..., None], towards_right, np.nan)

    def read_size(self, sample: Sample) -> Truth:
        """What is known of a picture with point pairs: its size as stored."""
        photo = self.read_photo(sample, long_edge=64)
        size = photo.size[::-1] if is_sideways(photo.orientation) else photo.size
        return Truth(np.zeros(size), np.zeros(size, bool), size)

    def read_photo(self, sample: Sample, long_edge: int | None = None) -> Photo:
        """Decode one picture, upright and uncut.

        Raises:
            DataSetError: it cannot be read.
        """
        data = read_whole(self.storage, sample.image)
        policy = DecodePolicy(long_edge=long_edge)
        try:
            return decode(Source(data, "", len(data), 0), sample.image, policy)
        except ImageError as error:
            raise DataSetError(f"{self.storage.root}: {error}") from error

    def _read_mask(self, sample: Sample, size: tuple[int, int]) -> Mask:
        if sample.mask is None:
            return np.ones(size, bool)
        where = self.storage.place(sample.mask)
        mask = read_mask(read_whole(self.storage, sample.mask), where)
        if mask.shape != size:
            raise DataSetError(f"{where}: {mask.shape}, but the depth has {size} rows and columns")
        return mask

    def _is_measured(self, depth: Array) -> Mask:
        """Within the bounds, unless a mask says it all, and inside the window."""
        inside = np.zeros(depth.shape, bool)
        inside[self.protocol.window(*depth.shape)] = True
        near, far = self.protocol.min_depth, self.protocol.max_depth
        if self.protocol.has_mask:
            near, far = 0.0, np.inf
        bounded: Mask = inside & (depth > near) & (depth < far)
        return bounded


def open_datasets(options: EvaluateOptions) -> list[DataSet]:
    """Open everything that is to be measured on, and look whether all files are there.

    Raises:
        UsageError: data sets and places that do not fit together.
        DataSetError: a set that is missing or not what it should be.
    """
    names = options.datasets
    places = _pair_up(options.data, len(names), "--data DIR")
    lists = _pair_up(options.lists, len(names), "--list FILE") if options.lists else ()
    sets = [
        open_dataset(name, place, options.folder, lists[i] if lists else None)
        for i, (name, place) in enumerate(zip(names, places, strict=True))
    ]
    return _named_apart(sets)


def open_dataset(
    name: DataSetName, data: Path, folder: FolderOptions, list_file: Path | None = None
) -> DataSet:
    """Open one data set.

    Raises:
        DataSetError: it is missing or not what it should be.
    """
    if name is DataSetName.FOLDER:
        storage = open_storage(data)
        title = data.absolute().name
        protocol = folder_protocol(title, folder)
        if folder.depth_scale is not None:
            protocol = replace(protocol, read=_with_scale(folder.depth_scale))
        pairs = find_pairs(storage)
        return DataSet(title, storage, pairs.samples, protocol, pairs.notes)
    if name is DataSetName.DA_2K:
        storage = open_storage(data)
        return DataSet(name, storage, read_pairs(storage), PROTOCOLS[name])
    if name in NORMALS_LAYOUTS:
        layout = _choose_layout(NORMALS_LAYOUTS[name], data)
        return _open_published(name, layout, normals_protocol(name, layout), data, list_file)
    return _open_published(name, LAYOUTS[name], PROTOCOLS[name], data, list_file)


def _choose_layout(layouts: Sequence[Layout], data: Path) -> Layout:
    """The one of which there are pictures; the first where there are none at all."""
    names = (open_storage(locate(data, layout)).names() for layout in layouts)
    fits = (
        layout
        for layout, there in zip(layouts, names, strict=True)
        if any(name.endswith(layout.truth.removeprefix(r"\1")) for name in there)
    )
    return next(fits, layouts[0])


def _open_published(
    name: DataSetName, layout: Layout, protocol: Protocol, data: Path, list_file: Path | None
) -> DataSet:
    root = locate(data, layout)
    storage, file = open_storage(root), list_file or find_list(root, layout)
    samples = read_samples(file, storage, layout) if file else find_samples(storage, layout)
    notes = []
    if file is None:
        notes.append(f"no list file; {len(samples)} pictures with {layout.quantity} found by name")
    if protocol.count is not None and len(samples) != protocol.count:
        notes.append(
            f"{len(samples)} pictures instead of the {protocol.count} of the published list: "
            "not to be compared with published numbers"
        )
    return DataSet(name, storage, samples, protocol, tuple(notes))


def _with_scale(scale: float) -> Callable[[bytes, str], Array]:
    def read(data: bytes, name: str) -> Array:
        return read_depth(data, name, scale)

    return read


def _pair_up(places: Sequence[Path], count: int, flag: str) -> tuple[Path, ...]:
    """One place for each data set, or the same one for all."""
    if not count:
        raise UsageError("nothing to measure on; add --dataset NAME --data DIR")
    if len(places) == 1:
        return (places[0],) * count
    if len(places) != count:
        raise UsageError(
            f"{count} times --dataset but {len(places)} times {flag}; give one for each, in "
            "the same order, or a single one that holds all of them"
        )
    return tuple(places)


def _named_apart(sets: list[DataSet]) -> list[DataSet]:
    """Give sets of the same name a number."""
    seen: dict[str, int] = {}
    apart = []
    for data in sets:
        seen[data.key] = seen.get(data.key, 0) + 1
        number = seen[data.key]
        apart.append(replace(data, key=f"{data.key}-{number}") if number > 1 else data)
    return apart
