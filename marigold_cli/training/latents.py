"""Pictures that are encoded once, in both directions, and kept on disk as lessons."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from marigold_cli.batch.signals import Stop
from marigold_cli.errors import UsageError
from marigold_cli.files.disk import write_whole
from marigold_cli.training.augmentation import draw_flips, mirror
from marigold_cli.training.lesson import Lesson, on_device
from marigold_cli.training.order import Division, mix
from marigold_cli.training.progress import Observer
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.reader import check_size
from marigold_cli.training.samples import Source

SHARD = 256  # pictures a file
_PASS = 8  # pictures that are encoded at a time
_MOST = 1_000_000  # pictures; a source with more has no end that could be reached
_NAMES = ("given", "target", "known", "weight")  # of a lesson's tensors


@dataclass(frozen=True)
class LatentShelf:
    """A source's lessons, read from where they are kept.

    Attributes:
        name: Of the source.
        folder: Of these lessons alone.
        count: Number of pictures.
    """

    name: str
    folder: Path
    count: int

    def __len__(self) -> int:
        return self.count

    def take(self, indices: Sequence[int], seeds: Sequence[int]) -> Lesson:
        """Read lessons, each in the direction that its seed says."""
        flips = draw_flips(seeds).tolist()
        rows = [self._row(*pair) for pair in zip(indices, flips, strict=True)]
        given, target, known, weight = (torch.stack(parts) for parts in zip(*rows, strict=True))
        return Lesson(given.float(), target.float(), known, weight)

    def _row(self, index: int, is_flipped: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        shard, place = divmod(index, SHARD)
        with safe_open(_shard_path(self.folder, shard), "pt") as file:
            given, target, known, weight = (
                file.get_slice(name)[2 * place + is_flipped] for name in _NAMES
            )
        return given, target, known, weight


class Encoder:
    """Fills the folder of a source's lessons, file by file."""

    def __init__(
        self, source: Source, protocol: Protocol, key: str, root: Path, device: torch.device
    ) -> None:
        """Take what is encoded and where it goes.

        Args:
            source: All of it is encoded.
            protocol: On the device; its lessons are kept.
            key: Of all that lessons depend on beside the source.
            root: Folder of all that is kept.
            device: Where to compute.

        Raises:
            UsageError: A source without an end.
        """
        if len(source) > _MOST:
            raise UsageError(
                f"{source.name}: has no end, so it cannot be kept in --cache; "
                "say how many pictures to take, or leave out --cache"
            )
        self._source, self._protocol, self._device = source, protocol, device
        name = f"{mix(key, len(source), source.identity()):016x}"
        self.shelf = LatentShelf(source.name, root / name, len(source))

    @property
    def missing(self) -> list[int]:
        """Files that are not there yet."""
        count = -(-len(self._source) // SHARD)
        folder = self.shelf.folder
        return [shard for shard in range(count) if not _shard_path(folder, shard).exists()]

    def fill(self, shard: int) -> None:
        """Encode the pictures of a file, and write it.

        Raises:
            OutputError: The disk takes no more.
        """
        last = min(len(self._source), (shard + 1) * SHARD)
        parts = [
            self._encode(range(first, min(first + _PASS, last)))
            for first in range(shard * SHARD, last, _PASS)
        ]
        tensors = {name: torch.cat([getattr(part, name) for part in parts]) for name in _NAMES}
        write_whole(_shard_path(self.shelf.folder, shard), save(tensors))

    @torch.no_grad()
    def _encode(self, indices: range) -> Lesson:
        """Lessons [2 n, ...] of both directions of each picture in turn, halves on the CPU."""
        samples = self._source.read(indices)
        check_size(self._source.name, samples.size, self._protocol.multiple)
        samples = on_device(samples, self._device)
        ways = [
            self._protocol.encode(mirror(samples, torch.full((len(samples),), flip)))
            for flip in (False, True)
        ]

        def pair(name: str) -> Tensor:
            both = torch.stack([getattr(way, name) for way in ways], 1).flatten(0, 1).cpu()
            return both.half() if name in ("given", "target") else both

        return Lesson(*(pair(name) for name in _NAMES))


def fill_cache(encoder: Encoder, division: Division, stop: Stop, observer: Observer) -> None:
    """Encode this process's part of what is missing, unless asked to stop."""
    mine = [shard for shard in encoder.missing if division.owns(shard)]
    for number, shard in enumerate(mine, 1):
        if stop.is_asked:
            return
        observer.stage(f"encoding {encoder.shelf.name}, file {number} of {len(mine)}")
        encoder.fill(shard)


def digest_of(network: nn.Module) -> str:
    """What a network's weights are the same as."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _shard_path(folder: Path, shard: int) -> Path:
    return folder / f"lessons-{shard:05d}.safetensors"
