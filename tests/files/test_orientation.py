from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from marigold_cli.files.orientation import (
    exif_block,
    orientation_of,
    turn_stored,
    turn_upright,
)

EVERY = pytest.mark.parametrize("orientation", range(1, 9))


@EVERY
def test_turning_upright_does_what_pillow_does(
    colours: NDArray[np.uint8], orientation: int
) -> None:
    image = Image.fromarray(colours)
    image.getexif()[0x0112] = orientation

    upright = turn_upright(colours, orientation)

    assert np.array_equal(upright, np.asarray(ImageOps.exif_transpose(image)))


@EVERY
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_turning_back_undoes_turning_upright(orientation: int, shape: tuple[int, ...]) -> None:
    stored = np.arange(np.prod(shape)).reshape(shape)

    there = turn_upright(stored, orientation)
    back = turn_stored(there, orientation)

    assert np.array_equal(back, stored)
    assert np.shares_memory(there, stored)


@EVERY
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_tag_is_found_among_others(orientation: int, order: str) -> None:
    entries = [
        struct.pack(order + "HHII", 0x010F, 2, 4, 0),
        struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0),
    ]
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    block = start + b"".join(entries) + bytes(4)

    assert orientation_of(block, b"") == orientation
    assert orientation_of(b"Exif\0\0" + block, b"") == orientation


@EVERY
def test_our_block_is_understood_by_pillow(orientation: int) -> None:
    exif = Image.Exif()
    exif.load(exif_block(orientation))

    assert dict(exif) == {0x0112: orientation}
    assert orientation_of(exif_block(orientation), b"") == orientation


@pytest.mark.parametrize(
    "block",
    [b"", b"Exif\0\0", b"II*\0", b"MM\0*\xff\xff\xff\xff", exif_block(6)[:-8], exif_block(9)],
)
def test_a_damaged_block_means_upright(block: bytes) -> None:
    assert orientation_of(block, b"") == 1


def test_pillows_own_blocks_are_understood(colours: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 5, "Camera", {0x9003: "2024:01:01 00:00:00"}
    file = BytesIO()
    Image.fromarray(colours).save(file, "JPEG", exif=exif)

    stored = Image.open(BytesIO(file.getvalue())).info["exif"]

    assert orientation_of(stored, b"") == 5
