"""A set of pictures in files: looked at before a training, read in any order while it runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import Storage
from marigold_cli.training.datasets.frame import Frame, Resampling, Size, resize
from marigold_cli.training.datasets.layout import Entry, Layout, load, look_at, size_text
from marigold_cli.training.datasets.stamps import digest_of_files
from marigold_cli.training.samples import Samples

_LOOKING = 16  # threads, most of them waiting for a drive to find a file
_BLOCK = 64  # pictures that one of them looks at in a row
_DECODING = min(8, os.cpu_count() or 1)  # threads


class PictureSet:
    """Pictures with depth, and maybe normals, in the files of a folder or archive.

    Attributes:
        name: For messages.
        left_out: Number of pictures that are passed over, since only others have normals.
    """

    def __init__(
        self,
        name: str,
        storage: Storage,
        entries: Sequence[Entry],
        layout: Layout,
        size: Size | None = None,
        colours: Resampling = Resampling.SMOOTH,
    ) -> None:
        """Take the files as listed; nothing is opened yet.

        Args:
            name: For messages.
            storage: Where they lie.
            entries: One for each picture; those without normals are left out, as in E2E
                fine-tuning, unless none has any.
            layout: What they mean.
            size: Height and width of what is read [px]; None: the layout's.
            colours: Where they come from when a picture is resized.
        """
        self.name = name
        self._storage, self._layout = storage, layout
        self._entries = [entry for entry in entries if entry.normals] or list(entries)
        self.left_out = len(entries) - len(self._entries)
        self._size, self._colours = size or layout.size, colours

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._entries)

    def identity(self) -> str:
        """Where the files lie, how large and how old each is, and what they mean.

        Of an archive it is the archive's size and age that count.
        """
        names = [name for entry in self._entries for name in vars(entry).values() if name]
        root, layout = self._storage.root, self._layout
        meaning = (layout.unit, layout.near, layout.far, layout.crop, self._size, self._colours)
        paths = dict.fromkeys(self._storage.path(name) or root for name in names)
        return digest_of_files(root, paths, f"{meaning} {names}")

    def check(self) -> None:
        """Look at the header of every file: it is there, whole, of its kind and its picture's size.

        No pixel is decoded: a file costs three or four short reads.

        Raises:
            DataSetError: Naming the first bad file, counting the others, saying what to do.
        """
        starts = range(0, len(self), _BLOCK)
        with ThreadPoolExecutor(_LOOKING, thread_name_prefix="look") as pool:
            found = [one for block in pool.map(self._look, starts) for one in block]
        faults = [one for one in found if isinstance(one, DataSetError)]
        if faults:
            others = f"; {len(faults) - 1} more pictures have faults" if len(faults) > 1 else ""
            raise DataSetError(f"{faults[0]}{others}; {self._layout.advice}")
        if not self._size and not self._layout.crop:
            self._check_sizes([one for one in found if not isinstance(one, DataSetError)])

    def read(self, indices: Sequence[int]) -> Samples:
        """These pictures, in this order, decoded by several threads.

        Raises:
            DataSetError: Naming a file that is broken, or none of whose depth is known.
        """
        with ThreadPoolExecutor(_DECODING, thread_name_prefix="decode") as pool:
            frames = list(pool.map(self._frame, indices))
        self._check_sizes([frame.size for frame in frames])
        return _stack(frames)

    def _look(self, start: int) -> list[Size | DataSetError]:
        """The sizes of some pictures, or what is wrong with them."""
        found: list[Size | DataSetError] = []
        for entry in self._entries[start : start + _BLOCK]:
            try:
                found.append(look_at(self._storage, entry, self._layout))
            except DataSetError as error:
                found.append(error)
        return found

    def _check_sizes(self, sizes: Sequence[Size]) -> None:
        counts = Counter(sizes).most_common(3)
        if len(counts) > 1:
            found = ", ".join(f"{count} of {size_text(size)}" for size, count in counts)
            raise DataSetError(
                f"{self.name}: its pictures are not of one size ({found}); "
                "say which one all are to be brought to"
            )

    def _frame(self, index: int) -> Frame:
        entry = self._entries[index]
        frame = load(self._storage, entry, self._layout)
        if self._size:
            frame = resize(frame, self._size, self._colours)
        if not frame.valid.any():
            place = self._storage.place(entry.depth)
            raise DataSetError(f"{place}: none of its depth is known; {self._layout.advice}")
        return frame


def _stack(frames: Sequence[Frame]) -> Samples:
    """A batch of frames of one size."""
    return Samples(
        rgb=_channels_first([frame.rgb for frame in frames]),
        depth=torch.from_numpy(np.stack([frame.depth for frame in frames])[:, None]),
        valid=torch.from_numpy(np.stack([frame.valid for frame in frames])[:, None]),
        normals=_normals(frames),
    )


def _normals(frames: Sequence[Frame]) -> Tensor | None:
    maps = [frame.normals for frame in frames if frame.normals is not None]
    return _channels_first(maps) if len(maps) == len(frames) else None


def _channels_first(maps: Sequence[NDArray[np.generic]]) -> Tensor:
    """[B, 3, H, W] of B arrays [H, W, 3]."""
    return torch.from_numpy(np.stack(maps)).permute(0, 3, 1, 2).contiguous()
