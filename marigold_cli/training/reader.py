"""From lots to batches on the device, read ahead in a thread so that it need not wait."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Protocol as Interface

import torch

from marigold_cli.batch.ahead import map_ahead
from marigold_cli.errors import DataSetError
from marigold_cli.training.augmentation import augment, draw_flips, mirror
from marigold_cli.training.lesson import Batch, Lesson, draw_chance, on_device
from marigold_cli.training.order import Lot, Order
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.samples import Samples, Source

_AHEAD = 3  # batches


class Shelf(Interface):
    """Where a batch's pictures are taken from."""

    def __len__(self) -> int:
        """Number of pictures."""

    def take(self, indices: Sequence[int], seeds: Sequence[int]) -> Samples | Lesson:
        """These pictures, each changed as its seed says: about half of them are mirrored."""


class PictureShelf:
    """Pictures as their source reads them."""

    def __init__(self, source: Source, multiple: int, is_augmented: bool = False) -> None:
        """Take a source.

        Args:
            source: Any.
            multiple: Both sides of its pictures must be multiples of it [px].
            is_augmented: Whether more is changed than the direction.
        """
        self.name, self._source, self._multiple = source.name, source, multiple
        self._is_augmented = is_augmented

    def __len__(self) -> int:
        return len(self._source)

    def take(self, indices: Sequence[int], seeds: Sequence[int]) -> Samples:
        """Read and change.

        Raises:
            DataSetError: The network cannot take pictures of this size.
        """
        samples = self._source.read(indices)
        check_size(self.name, samples.size, self._multiple)
        samples = mirror(samples, draw_flips(seeds))
        return augment(samples, seeds) if self._is_augmented else samples


class Reader:
    """Batches in the order of the training."""

    def __init__(
        self, shelves: Sequence[Shelf], order: Order, protocol: Protocol, device: torch.device
    ) -> None:
        """Take what is read and for whom.

        Args:
            shelves: One a source.
            order: Over these sources.
            protocol: Says how many random numbers it needs.
            device: Where batches go.
        """
        self._shelves, self._order = shelves, order
        self._protocol, self._device = protocol, device

    def batches(self, first: int, last: int) -> closing[Generator[Batch, None, None]]:
        """The batches of updates [first, last), to be closed when done with."""
        lots = self._order.lots(first, last)
        return closing(map_ahead(self._read, lots, lambda _: 0, 1, _AHEAD, 1))

    def _read(self, lot: Lot) -> Batch:
        content = self._shelves[lot.source].take(lot.indices, lot.seeds)
        normals = self._protocol.normals(content, lot.shared)
        chance = draw_chance(lot.shared, lot.seeds, normals)
        return Batch(on_device(content, self._device), on_device(chance, self._device))


def check_size(name: str, size: tuple[int, int], multiple: int) -> None:
    """Refuse pictures that do not divide into latent cells.

    Raises:
        DataSetError: They do not.
    """
    height, width = size
    if height % multiple or width % multiple:
        raise DataSetError(
            f"{name}: pictures of {width} x {height} px, but sides must be multiples of "
            f"{multiple}; give --size"
        )
