from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO

import imagecodecs
import imageio.v3 as imageio
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.errors import ImageError
from marigold_cli.files.decode import Photo

Open = Callable[..., Photo]
GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
CHANNELS = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def by_hand(
    samples: NDArray[np.uint16], kind: int, before: bytes = b"", after: bytes = b"", passes: int = 0
) -> bytes:
    """A 16-bit PNG out of the specification alone; samples are [H, W, C]."""
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, passes)
    grids = [samples] if not passes else [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for grid in grids for row in grid)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + before + pixels + after + chunk(b"IEND", b"")


ADAM7 = [
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
]  # fmt: skip


def wide(*shape: int) -> NDArray[np.uint16]:
    return np.random.default_rng(7).integers(0, 65536, shape, dtype=np.uint16)


@pytest.mark.parametrize("passes", [0, 1])
def test_16_bit_rgb_keeps_every_bit_where_pillow_and_imageio_cut_them(
    open_photo: Open, passes: int
) -> None:
    stored = wide(16, 24, 3)
    data = by_hand(stored, RGB, passes=passes)

    photo = open_photo(data)

    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, stored)
    assert np.asarray(Image.open(BytesIO(data))).dtype == np.uint8
    assert imageio.imread(data).dtype == np.uint8


def test_16_bit_grey_keeps_every_bit(open_photo: Open) -> None:
    stored = wide(16, 24, 1)

    photo = open_photo(by_hand(stored, GREY))

    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, np.repeat(stored, 3, axis=2))


@pytest.mark.parametrize("kind", [GREY_ALPHA, RGBA])
def test_16_bit_alpha_is_laid_over_white(open_photo: Open, kind: int) -> None:
    stored = wide(16, 24, CHANNELS[kind])
    stored[0, :, -1], stored[1, :, -1] = 65535, 0

    photo = open_photo(by_hand(stored, kind))

    share = stored[..., -1:] / 65535
    expected = 65535 - (65535 - stored[..., :-1].astype(float)) * share
    assert photo.pixels.shape == (16, 24, 3)
    assert np.abs(photo.pixels - expected).max() <= 0.51
    assert np.array_equal(photo.pixels[0], np.broadcast_to(stored[0, :, :-1], (24, 3)))
    assert (photo.pixels[1] == 65535).all()


def test_a_transparent_colour_of_16_bits_becomes_white(open_photo: Open) -> None:
    stored = wide(4, 4, 3)
    key = chunk(b"tRNS", stored[1, 2].astype(">u2").tobytes())

    photo = open_photo(by_hand(stored, RGB, before=key))

    stored[1, 2] = 65535
    assert np.array_equal(photo.pixels, stored)


@pytest.mark.parametrize("place", ["before", "after"])
def test_16_bit_orientation_is_undone_wherever_it_stands(open_photo: Open, place: str) -> None:
    stored = wide(16, 24, 3)
    exif = Image.Exif()
    exif[0x0112] = 8
    block = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))

    photo = open_photo(by_hand(stored, RGB, **{place: block}))

    assert (photo.orientation, photo.size) == (8, (24, 16))
    assert np.array_equal(photo.pixels, np.rot90(stored, 1))


def test_16_bit_colours_go_through_their_profile_without_loss_to_8_bits(open_photo: Open) -> None:
    profile = imagecodecs.cms_profile("adobergb")
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64, 1)
    stored = np.repeat(ramp, 3, axis=2)
    block = chunk(b"iCCP", b"Adobe\0\0" + zlib.compress(profile))

    photo = open_photo(by_hand(stored, RGB, before=block))

    linear = (stored / 65535) ** 2.19921875
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels / 65535 - expected).max() < 0.003
    assert len(np.unique(photo.pixels)) > 3000


def test_a_broken_profile_is_ignored(open_photo: Open) -> None:
    stored = wide(4, 4, 3)
    junk = chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile" * 40))
    torn = chunk(b"iCCP", b"x\0\0torn")

    for block in (junk, torn):
        assert np.array_equal(open_photo(by_hand(stored, RGB, before=block)).pixels, stored)


def test_damage_and_cuts_of_16_bit_files_are_failures(open_photo: Open) -> None:
    data = by_hand(wide(32, 32, 3), RGB)
    damaged = data[:500] + bytes([data[500] ^ 255]) + data[501:]

    with pytest.raises(ImageError) as cut:
        open_photo(data[:1000])
    with pytest.raises(ImageError) as damage:
        open_photo(damaged)

    assert cut.value.kind == "truncated"
    assert damage.value.kind == "format"


@pytest.mark.parametrize("depth", [8, 16])
def test_a_bomb_of_60_bytes_is_refused_by_its_header(
    open_photo: Open, peak_while_decoding: Callable[[bytes], int], depth: int
) -> None:
    header = struct.pack(">IIBBBBB", 65000, 65000, depth, RGB, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    bomb = start + chunk(b"IDAT", zlib.compress(b"\0" * 9))

    words = "65000 x 65000 = 4,225 MP, the limit is 300 MP"
    with pytest.raises(ImageError, match=words) as failure:
        open_photo(bomb)

    assert failure.value.kind == "too-large"
    assert peak_while_decoding(bomb) - peak_while_decoding(b"x") < 20_000  # [KiB]


def described(gamma: float, primaries: Sequence[float] = (), more: bytes = b"") -> bytes:
    """The chunks that tell a PNG's colours without a profile."""
    chunks = chunk(b"gAMA", round(gamma * 100_000).to_bytes(4))
    if primaries:
        values = (round(value * 100_000) for value in primaries)
        chunks += chunk(b"cHRM", struct.pack(">8I", *values))
    return more + chunks


def shallow(samples: NDArray[np.uint8], kind: int, before: bytes) -> bytes:
    """An 8-bit PNG; samples are [H, W, C]."""
    height, width, _ = samples.shape
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples)))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + chunk(b"IEND", b"")


def srgb_of(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1, from linear light in [0, 1]."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", [GREY, RGB])
def test_linear_light_is_shown_as_a_browser_shows_it(open_photo: Open, kind: int) -> None:
    light = np.repeat(np.linspace(0, 1, 256)[None, :, None], CHANNELS[kind], axis=2)
    deep = by_hand(np.rint(light * 65535).astype(np.uint16), kind, before=described(1.0))
    plain = shallow(np.rint(light * 255).astype(np.uint8), kind, described(1.0))

    for data, white in ((deep, 65535), (plain, 255)):
        found = open_photo(data).pixels / white
        assert np.abs(found - srgb_of(light)).max() < 0.004


def test_wide_primaries_are_brought_to_srgb(open_photo: Open) -> None:
    adobe = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    green = np.full((4, 4, 3), (100, 200, 100), np.uint8)
    # Adobe RGB (1998) to XYZ by its specification, then XYZ to linear sRGB.
    to_xyz = np.array(
        [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    )
    from_xyz = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    light = from_xyz @ to_xyz @ (green[0, 0] / 255) ** 2.2

    photo = open_photo(shallow(green, RGB, described(0.45455, adobe)))

    expected = srgb_of(np.clip(light, 0, 1)) * 255
    assert np.abs(photo.pixels[0, 0] - expected).max() < 2


SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


@pytest.mark.parametrize(
    "chunks",
    [
        described(0.45455),
        described(0.45455, SRGB),
        described(1.0, more=chunk(b"sRGB", b"\0")),
        described(0.0),
        described(1.0, (0.0,) * 8),
        described(1.0, (0.3,) * 8),
        chunk(b"gAMA", b"\1"),
        chunk(b"cHRM", bytes(32)),
    ],
)
def test_colours_that_are_srgb_or_make_no_sense_stay_as_they_are(
    open_photo: Open, chunks: bytes
) -> None:
    stored = wide(4, 4, 3)

    assert np.array_equal(open_photo(by_hand(stored, RGB, before=chunks)).pixels, stored)


def test_the_orientation_of_a_deep_png_may_stand_in_xmp(open_photo: Open) -> None:
    packet = b'XML:com.adobe.xmp\0\0\0\0\0<rdf:Description tiff:Orientation="8"/>'
    texts = chunk(b"iTXt", b"Title\0\0\0\0\0none") + chunk(b"iTXt", packet)

    photo = open_photo(by_hand(wide(4, 6, 3), RGB, before=texts + chunk(b"iTXt", b"Z\0\0\0\0\0")))

    assert (photo.orientation, photo.size) == (8, (6, 4))
