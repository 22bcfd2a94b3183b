from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from marigold_cli.errors import ImageError
from marigold_cli.files.decode import decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import Source

POLICY = DecodePolicy(max_pixels=4_000_000, long_edge=16)
KINDS = {"empty", "format", "truncated", "too-large", "memory"}


def seeds() -> list[bytes]:
    """Small files of every kind, rich in metadata."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    extras = {"exif": exif.tobytes(), "icc_profile": imagecodecs.cms_profile("adobergb")}
    kinds = [
        (picture, "JPEG", extras),
        (picture, "JPEG", {"progressive": True}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "PNG", extras),
        (picture.quantize(16), "PNG", {"transparency": 3}),
        (picture, "WEBP", extras | {"lossless": True}),
        (picture.convert("RGBA"), "WEBP", {}),
        (picture, "TIFF", {"compression": "tiff_lzw"}),
        (picture, "TIFF", {"compression": "jpeg"}),
        (picture.quantize(16), "TIFF", {"compression": "tiff_adobe_deflate"}),
        (picture, "JPEG2000", {}),
        (picture, "AVIF", extras),
        (picture, "BMP", {}),
    ]
    files = [save(image, kind, options) for image, kind, options in kinds]
    deep = rng.integers(0, 65536, (24, 32, 4), dtype=np.uint16)
    file = BytesIO()
    tifffile.imwrite(
        file, deep, photometric="rgb", compression="zlib", predictor=True, tile=(16, 16)
    )
    return [*files, imagecodecs.png_encode(deep), file.getvalue()]


def save(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mutants(data: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """Damage of the kinds that disks, cameras and attackers do, most of it in the header."""
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(chance.choice([1, 1, 2, 4, 16])):
            reach = len(mutant) if chance.random() < 0.5 else min(len(mutant), 400)
            place = chance.randrange(max(1, reach))
            match chance.randrange(6):
                case 0:
                    mutant[place : place + 1] = bytes([chance.randrange(256)])
                case 1:
                    mutant[place : place + 4] = struct.pack(
                        chance.choice("<>") + "I", chance.choice([0, 1, 2**16, 2**31, 2**32 - 1])
                    )
                case 2:
                    del mutant[place:]
                case 3:
                    del mutant[place : place + chance.randrange(64)]
                case 4:
                    mutant[place:place] = mutant[place : place + 64]
                case _:
                    mutant[place : place + 8] = chance.randbytes(8)
        yield bytes(mutant)


def try_all(count: int) -> tuple[int, int]:
    """Decode that many mutants of each seed; anything but an ImageError escapes."""
    read = refused = 0
    for number, data in enumerate(seeds()):
        for mutant in mutants(data, count, random.Random(number)):
            try:
                photo = decode(Source(mutant, "", len(mutant), 0), "mutant", POLICY)
            except ImageError as failure:
                assert failure.kind in KINDS, failure  # noqa: PT017
                assert str(failure).startswith("mutant: ")  # noqa: PT017
                refused += 1
            else:
                assert photo.pixels.ndim == 3
                assert photo.pixels.size <= 3 * POLICY.max_pixels
                read += 1
    return read, refused


def test_damaged_files_are_failures_with_a_name_and_nothing_else() -> None:
    read, refused = try_all(60)

    assert read > 100
    assert refused > 300


@pytest.mark.slow
def test_thousands_of_damaged_files_are_failures_with_a_name_and_nothing_else() -> None:
    read, refused = try_all(340)

    assert read + refused == 340 * 15
