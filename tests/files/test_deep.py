from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.errors import ImageError
from marigold_cli.files.decode import Photo
from marigold_cli.files.deep import avif_bits, jpeg2000_bits
from marigold_cli.files.raster import DecodePolicy

Open = Callable[..., Photo]


def ramp(bits: int, channels: int) -> NDArray[np.uint16]:
    """Every channel runs from black to white, each in its own direction; [H, W, C]."""
    rows, columns = np.mgrid[0:1:48j, 0:1:64j]
    planes = np.stack([columns, rows, (rows + columns) / 2, np.ones_like(rows)], axis=-1)
    return np.rint(planes[..., :channels] * (2**bits - 1)).astype(np.uint16)


def over_16_bits(samples: NDArray[np.uint16], bits: int) -> NDArray[np.float64]:
    return samples * (65535 / (2**bits - 1))


def jpeg2000(samples: NDArray[np.uint16], bits: int, box: str = "jp2") -> bytes:
    return imagecodecs.jpeg2k_encode(
        samples.squeeze(), level=0, codecformat=box, reversible=True, bitspersample=bits
    )


def avif(samples: NDArray[np.uint16], bits: int) -> bytes:
    layout = "400" if samples.shape[2] == 1 else "444"
    return imagecodecs.avif_encode(
        samples.squeeze(), level=100, bitspersample=bits, pixelformat=layout
    )


@pytest.mark.parametrize("box", ["jp2", "j2k"])
@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_2000_keeps_every_bit_where_pillow_cuts_them(
    open_photo: Open, box: str, bits: int, channels: int
) -> None:
    stored = ramp(bits, channels)
    data = jpeg2000(stored, bits, box)

    photo = open_photo(data)

    assert jpeg2000_bits(data) == bits
    assert photo.pixels.dtype == np.uint16
    assert np.abs(photo.pixels - over_16_bits(stored, bits)).max() < 1  # rounded down
    assert channels == 1 or np.asarray(Image.open(BytesIO(data))).dtype == np.uint8


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3])
def test_avif_keeps_every_bit_where_pillow_cuts_them(
    open_photo: Open, bits: int, channels: int
) -> None:
    stored = ramp(bits, channels)
    data = avif(stored, bits)

    photo = open_photo(data)

    assert avif_bits(data) == bits
    assert photo.pixels.dtype == np.uint16
    assert np.abs(photo.pixels - over_16_bits(stored, bits)).max() < 1
    assert np.asarray(Image.open(BytesIO(data))).dtype == np.uint8


@pytest.mark.parametrize("encode", [jpeg2000, avif])
def test_deep_alpha_is_laid_over_white(
    open_photo: Open, encode: Callable[[NDArray[np.uint16], int], bytes]
) -> None:
    stored = ramp(12, 4)
    stored[:24, :, 3] = 0

    photo = open_photo(encode(stored, 12))

    assert photo.pixels[:24].min() == 65535
    assert np.abs(photo.pixels[24:] - over_16_bits(stored[24:, :, :3], 12)).max() < 1


def test_eight_bits_stay_eight(open_photo: Open) -> None:
    stored = ramp(8, 3).astype(np.uint8)
    data = imagecodecs.jpeg2k_encode(stored, level=0, codecformat="jp2", reversible=True)

    assert jpeg2000_bits(data) == 8
    assert np.array_equal(open_photo(data).pixels, stored)


@pytest.mark.parametrize("data", [jpeg2000(ramp(16, 3), 16), avif(ramp(10, 3), 10)])
def test_the_limit_holds_and_a_cut_file_is_a_named_failure(open_photo: Open, data: bytes) -> None:
    with pytest.raises(ImageError, match="64 x 48"):
        open_photo(data, policy=DecodePolicy(max_pixels=3000))
    with pytest.raises(ImageError, match=r"^photo: "):
        open_photo(data[: len(data) // 2])


def test_the_limit_judges_the_pixels_and_not_only_the_box_around_them(open_photo: Open) -> None:
    data = bytearray(jpeg2000(ramp(16, 3), 16))
    size = data.index(b"\xff\x4f\xff\x51") + 8
    data[size : size + 8] = (60000).to_bytes(4) * 2  # the header box still says 64 x 48

    with pytest.raises(ImageError, match="60000 x 60000 = 3,600 MP, the limit is 300 MP"):
        open_photo(bytes(data))
