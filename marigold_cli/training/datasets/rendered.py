"""Procedural scenes kept on disk once they are rendered, some hundred a file."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.errors import DataSetError, UsageError
from marigold_cli.files.disk import write_whole
from marigold_cli.training.datasets.frame import Size
from marigold_cli.training.datasets.spec import Spec, Wish
from marigold_cli.training.datasets.stamps import digest_of_files
from marigold_cli.training.datasets.synthetic import HELD_OUT, SIZE, render_samples, split_sky
from marigold_cli.training.samples import Samples

OPTIONS = ("count",)
SHARD = 256  # pictures a file

_NAME = re.compile(r"scenes-(?P<height>\d+)x(?P<width>\d+)-\d+-\d{5}\.safetensors")
_CHANNELS = {"rgb": 3, "depth": 1, "normals": 3}


@dataclass(frozen=True)
class Shard:
    """A file of pictures, in as few bytes as training can do with.

    It holds rgb uint8 [N, 3, H, W], depth float16 [N, 1, H, W] and normals int8 [N, 3, H, W],
    127 being 1; older ones have no normals. From the moment that it has its name it is whole.
    """

    folder: Path
    size: Size
    pictures: int
    number: int

    @property
    def path(self) -> Path:
        """Where it is, or will be."""
        height, width = self.size
        name = f"scenes-{height}x{width}-{self.pictures}-{self.number:05d}.safetensors"
        return self.folder / name

    @property
    def seeds(self) -> range:
        """Of its scenes."""
        return range(self.number * self.pictures, (self.number + 1) * self.pictures)

    def check(self) -> None:
        """Look at the header.

        Raises:
            DataSetError: the file is missing, cut off or of another form.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise DataSetError(
                f"{self.path}: is cut off or damaged; delete it to have it rendered again"
            ) from error
        right = {name: [self.pictures, count, *self.size] for name, count in _CHANNELS.items()}
        if shapes not in (right, {name: right[name] for name in ("rgb", "depth")}):
            raise DataSetError(
                f"{self.path}: holds other pictures than its name says; "
                "delete it to have it rendered again"
            )

    def read(self, rows: Sequence[int]) -> Samples:
        """Some of its pictures, in this order."""
        with safe_open(self.path, framework="pt") as file:
            parts = {
                name: torch.stack([file.get_slice(name)[row] for row in rows])
                for name in file.keys()  # noqa: SIM118
            }
        depth, valid = split_sky(parts["depth"].float())
        normals = F.normalize(parts["normals"].float()) if "normals" in parts else None
        return Samples(parts["rgb"], depth, valid, normals)

    def write(self, samples: Samples) -> None:
        """Keep pictures.

        Raises:
            OutputError: the folder takes no more.
        """
        parts = {"rgb": samples.rgb.cpu(), "depth": samples.depth.to("cpu", torch.float16)}
        if samples.normals is not None:
            parts["normals"] = (samples.normals * 127).round().to("cpu", torch.int8)
        write_whole(self.path, save(parts))


class Rendered:
    """The scenes of seeds 0 to count - 1; those of a missing file are rendered when asked for.

    Several processes may fill one folder.
    """

    def __init__(
        self, name: str, folder: Path, count: int, size: Size, device: str = "cpu"
    ) -> None:
        """Take a folder, which need not exist yet.

        Args:
            name: For messages.
            folder: Where the files are.
            count: Pictures; where fewer than fill a file and none is there, one of so many is made.
            size: Height and width [px].
            device: Where missing ones are rendered; they are read on the CPU.
        """
        self.name = name
        self._count, self._device = count, device
        is_full = count >= SHARD or Shard(folder, size, SHARD, 0).path.exists()
        pictures = SHARD if is_full else count
        self._shards = [
            Shard(folder, size, pictures, number) for number in range(-(-count // pictures))
        ]
        self._rendering = threading.Lock()

    def __len__(self) -> int:
        """Number of pictures."""
        return self._count

    @property
    def missing(self) -> list[Shard]:
        """The files that are not rendered yet."""
        return [shard for shard in self._shards if not shard.path.exists()]

    def render(self, shard: Shard) -> None:
        """Make one of the files, if it is not there by now.

        Raises:
            OutputError: it cannot be written.
        """
        with self._rendering:
            if not shard.path.exists():
                shard.write(render_samples(shard.seeds, shard.size, self._device))

    def identity(self) -> str:
        """Where its files lie, its size, and how large and how old each file is that is there."""
        there = [shard.path for shard in self._shards if shard.path.exists()]
        return digest_of_files(self._shards[0].folder, there, f"{self._shards[0].size}")

    def check(self) -> None:
        """Look at the header of every file that is there.

        Raises:
            DataSetError: Naming the first that is cut off or of another form.
        """
        for shard in self._shards:
            if shard.path.exists():
                shard.check()

    def read(self, indices: Sequence[int]) -> Samples:
        """These pictures, in this order, out of as many files as they lie in.

        Raises:
            DataSetError: a file is broken.
            OutputError: a file that had to be rendered cannot be written.
        """
        if not all(0 <= index < self._count for index in indices):
            raise IndexError(f"{self.name}: pictures are numbered 0 to {self._count - 1}")
        places = [divmod(index, self._shards[0].pictures) for index in indices]
        numbers = sorted({number for number, _ in places})
        parts = [
            self._read(self._shards[number], [row for one, row in places if one == number])
            for number in numbers
        ]
        # The parts lie one behind the other; put the pictures back into the order asked for.
        order = torch.tensor([number for number, _ in places]).argsort(stable=True).argsort()
        return _join(parts, order)

    def _read(self, shard: Shard, rows: Sequence[int]) -> Samples:
        self.render(shard)
        shard.check()
        return shard.read(rows)


def open_rendered(spec: Spec, wish: Wish) -> Rendered:
    """The pictures of a folder: ?count=11776 of them, or as many as are there.

    Raises:
        UsageError: neither says how many they are.
    """
    folder = spec.path
    size = wish.size or _size_of(folder) or SIZE
    count = int(spec.number("count", 0)) or _count_of(folder, size)
    if not 0 < count <= HELD_OUT:
        raise UsageError(
            f"{spec.name}: nothing is rendered there at {size[1]} x {size[0]}; "
            "say how many pictures to render, as in ?count=11776"
        )
    return Rendered(spec.name, folder, count, size, wish.device)


def _size_of(folder: Path) -> Size | None:
    """The size of a folder's pictures, if they are of one."""
    names = [_NAME.fullmatch(path.name) for path in folder.glob("scenes-*.safetensors")]
    sizes = {(int(name["height"]), int(name["width"])) for name in names if name}
    return sizes.pop() if len(sizes) == 1 else None


def _count_of(folder: Path, size: Size) -> int:
    """Pictures in the files that follow on each other from the first."""
    number = 0
    while Shard(folder, size, SHARD, number).path.exists():
        number += 1
    return number * SHARD


def _join(parts: Sequence[Samples], order: Tensor) -> Samples:
    """Samples one behind the other, then in an order."""
    normals = [part.normals for part in parts if part.normals is not None]
    return Samples(
        rgb=torch.cat([part.rgb for part in parts])[order],
        depth=torch.cat([part.depth for part in parts])[order],
        valid=torch.cat([part.valid for part in parts])[order],
        normals=torch.cat(normals)[order] if len(normals) == len(parts) else None,
    )
