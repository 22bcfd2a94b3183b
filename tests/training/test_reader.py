from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from marigold_cli.training.codec import Codec
from marigold_cli.training.foundation import open_foundation
from marigold_cli.training.lesson import Batch
from marigold_cli.training.order import Division, Order
from marigold_cli.training.protocols.marigold import MarigoldProtocol
from marigold_cli.training.reader import PictureShelf, Reader
from marigold_cli.training.samples import Samples, Source


@pytest.fixture
def protocol(marigold: Path) -> MarigoldProtocol:
    base = open_foundation(str(marigold))
    scheduler = base.make_scheduler(zero_snr=False, trailing=False)
    return MarigoldProtocol(
        base.read_unet(0), Codec(base.read_vae()), scheduler, base.read_empty_text()
    )


@pytest.fixture
def read(protocol: MarigoldProtocol, source: Source) -> Callable[..., list[Batch]]:
    def read(division: Division, first: int, last: int) -> list[Batch]:
        order = Order([len(source)], [1], division, seed=0)
        shelves = [PictureShelf(source, protocol.multiple)]
        reader = Reader(shelves, order, protocol, torch.device("cpu"))
        with reader.batches(first, last) as batches:
            return list(batches)

    return read


def joined(batches: Sequence[Batch], name: str) -> torch.Tensor:
    return torch.cat([getattr(batch.content, name) for batch in batches])


def test_going_on_reads_what_an_unbroken_training_reads(
    read: Callable[..., list[Batch]],
) -> None:
    whole, rest = read(Division(2, 2), 0, 5), read(Division(2, 2), 3, 5)

    assert len(whole) == 10
    assert torch.equal(joined(whole[6:], "rgb"), joined(rest, "rgb"))
    assert torch.equal(joined(whole[6:], "depth"), joined(rest, "depth"))
    assert all(
        torch.equal(one.chance.normal, other.chance.normal)
        for one, other in zip(whole[6:], rest, strict=True)
    )


def test_an_update_reads_the_same_however_it_is_divided(
    read: Callable[..., list[Batch]],
) -> None:
    whole = read(Division(4), 2, 3)
    parts = [*read(Division(2, 1, 2, 0), 2, 3), *read(Division(2, 1, 2, 1), 2, 3)]

    assert torch.equal(joined(whole, "rgb"), joined(parts, "rgb"))
    assert torch.equal(whole[0].chance.normal, torch.cat([batch.chance.normal for batch in parts]))


def test_about_half_of_the_pictures_are_mirrored(
    read: Callable[..., list[Batch]], samples: Samples
) -> None:
    originals = {picture.numpy().tobytes() for picture in samples.rgb}

    shown = joined(read(Division(8), 0, 50), "rgb")

    kept = sum(picture.numpy().tobytes() in originals for picture in shown)
    mirrored = sum(
        picture.flip(-1).contiguous().numpy().tobytes() in originals for picture in shown
    )
    assert kept + mirrored == 400
    assert 150 < mirrored < 250


def test_leaving_early_ends_the_reading(protocol: MarigoldProtocol, source: Source) -> None:
    order = Order([len(source)], [1], Division(2), seed=0)
    reader = Reader([PictureShelf(source, 2)], order, protocol, torch.device("cpu"))

    with reader.batches(0, 10**6) as batches:
        first = next(batches)

    assert len(first) == 2
    with pytest.raises(StopIteration):
        next(batches)
