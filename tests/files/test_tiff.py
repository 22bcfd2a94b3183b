from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.errors import ImageError
from marigold_cli.files.decode import Photo
from marigold_cli.files.raster import DecodePolicy

Open = Callable[..., Photo]


def by_pillow(image: Image.Image, compression: str | None = None) -> bytes:
    file = BytesIO()
    image.save(file, "TIFF", compression=compression)
    return file.getvalue()


def by_tifffile(values: NDArray[np.generic], byteorder: str = "<", **options: object) -> bytes:
    file = BytesIO()
    with tifffile.TiffWriter(
        file, byteorder=byteorder, bigtiff=options.pop("bigtiff", False)
    ) as out:
        out.write(values, metadata=None, **options)
    return file.getvalue()


def wide(seed: int, *shape: int) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_8_bit_rgb_as_libtiff_writes_it(
    open_photo: Open, colours: NDArray[np.uint8], compression: str | None
) -> None:
    photo = open_photo(by_pillow(Image.fromarray(colours), compression))

    assert np.array_equal(photo.pixels, colours)
    assert photo.size == (48, 64)


def test_jpeg_in_tiff_comes_close_to_the_original(
    open_photo: Open, colours: NDArray[np.uint8]
) -> None:
    photo = open_photo(by_pillow(Image.fromarray(colours), "jpeg"))

    assert np.abs(photo.pixels.astype(int) - colours).mean() < 3


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"planarconfig": "separate"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "tile": (16, 16)},
        {"compression": "zstd"},
    ],
)
def test_16_bit_rgb_keeps_every_bit(
    open_photo: Open, byteorder: str, bigtiff: bool, options: dict[str, object]
) -> None:
    stored = wide(1, 40, 50, 3)
    planes = np.moveaxis(stored, -1, 0) if "planarconfig" in options else stored
    data = by_tifffile(planes, byteorder, photometric="rgb", bigtiff=bigtiff, **options)

    photo = open_photo(data)

    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, stored)


def test_16_bit_grey_of_pillow_keeps_every_bit(open_photo: Open) -> None:
    stored = wide(2, 40, 50)

    photo = open_photo(by_pillow(Image.fromarray(stored)))

    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, np.repeat(stored[..., None], 3, axis=2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_stay_floats_and_are_cut_to_the_unit_range(
    open_photo: Open, dtype: type[np.generic]
) -> None:
    stored = np.linspace(-0.25, 1.25, 600).reshape(10, 20, 3).astype(dtype)
    stored[0, 0, 0] = np.nan

    photo = open_photo(by_tifffile(stored, photometric="rgb"))

    assert photo.pixels.dtype == np.float32
    expected = np.nan_to_num(np.clip(stored.astype(np.float32), 0, 1))
    assert np.array_equal(photo.pixels, expected)


def test_floats_that_were_never_meant_to_end_at_1_are_refused(open_photo: Open) -> None:
    stored = np.linspace(0, 255, 300, dtype=np.float32).reshape(10, 10, 3)

    with pytest.raises(ImageError, match=r"reach 255.*scale them to 0\.\.1") as failure:
        open_photo(by_tifffile(stored, photometric="rgb"))

    assert failure.value.kind == "format"


def test_floats_that_are_mostly_no_numbers_are_refused(open_photo: Open) -> None:
    stored = np.full((10, 10, 3), np.nan, np.float32)
    stored[:4] = 0.5

    with pytest.raises(ImageError, match="no numbers") as failure:
        open_photo(by_tifffile(stored, photometric="rgb"))

    assert failure.value.kind == "format"


def test_32_bit_integers_become_floats(open_photo: Open) -> None:
    stored = np.array([[0, 2**31, 2**32 - 1]], np.uint32)

    photo = open_photo(by_tifffile(stored, photometric="minisblack"))

    assert photo.pixels[0, :, 0] == pytest.approx([0, 0.5, 1])


def test_signed_integers_are_refused_with_advice(open_photo: Open) -> None:
    with pytest.raises(ImageError, match="int16 values; convert"):
        open_photo(by_tifffile(np.zeros((4, 4), np.int16), photometric="minisblack"))


@pytest.mark.parametrize(("white_is_zero", "expected"), [(False, [0, 255]), (True, [255, 0])])
def test_1_bit_is_black_and_white(
    open_photo: Open, white_is_zero: bool, expected: list[int]
) -> None:
    stored = np.zeros((4, 16), np.bool_)
    stored[:, 5] = True
    photometric = "miniswhite" if white_is_zero else "minisblack"

    photo = open_photo(by_tifffile(stored, photometric=photometric, bitspersample=1))

    assert photo.pixels[0, [4, 5], 0].tolist() == expected


def test_fax_compression_of_pillow_is_read(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    image = Image.fromarray(colours).convert("1")

    photo = open_photo(by_pillow(image, "group4"))

    assert np.array_equal(photo.pixels[..., 0], np.asarray(image.convert("L")))


def test_white_is_zero_is_turned_in_8_and_16_bits(open_photo: Open) -> None:
    stored = wide(3, 8, 9)

    photo = open_photo(by_tifffile(stored, photometric="miniswhite"))

    assert np.array_equal(photo.pixels[..., 1], 65535 - stored)


@pytest.mark.parametrize(("bits", "white"), [(4, 255), (12, 65535)])
def test_few_bits_are_spread_over_the_full_range(open_photo: Open, bits: int, white: int) -> None:
    stored = np.tile(np.array([0, 1, 2**bits // 2, 2**bits - 1]), (2, 4))
    samples = stored.astype(np.uint8 if bits < 8 else np.uint16)
    data = by_tifffile(samples, photometric="minisblack", bitspersample=bits)

    photo = open_photo(data)

    expected = np.floor(stored * white / (2**bits - 1))
    assert np.array_equal(photo.pixels[..., 0], expected)


def test_a_palette_is_looked_up(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    image = Image.fromarray(colours).quantize(32)

    photo = open_photo(by_pillow(image))

    assert np.array_equal(photo.pixels, np.asarray(image.convert("RGB")))


def test_straight_alpha_is_laid_over_white(open_photo: Open) -> None:
    stored = np.array([[[100, 100, 100, 255], [100, 0, 0, 0], [100, 0, 200, 51]]], np.uint8)

    photo = open_photo(by_tifffile(stored, photometric="rgb", extrasamples=["unassalpha"]))

    assert photo.pixels.tolist() == [[[100, 100, 100], [255, 255, 255], [224, 204, 244]]]


def test_premultiplied_alpha_is_laid_over_white_in_16_bits(open_photo: Open) -> None:
    stored = np.array([[[0, 0, 0, 0], [13107, 0, 26214, 32768], [9, 8, 7, 65535]]], np.uint16)

    photo = open_photo(by_tifffile(stored, photometric="rgb", extrasamples=["assocalpha"]))

    expected = [[[65535] * 3, [45874, 32767, 58981], [9, 8, 7]]]
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 1


def test_a_channel_that_is_no_alpha_is_ignored(open_photo: Open) -> None:
    stored = wide(4, 6, 7, 4)

    photo = open_photo(by_tifffile(stored, photometric="rgb", extrasamples=["unspecified"]))

    assert np.array_equal(photo.pixels, stored[..., :3])


def test_cmyk_without_a_profile_is_ink_on_white(open_photo: Open) -> None:
    stored = np.array(
        [[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 255, 255, 128]]], np.uint8
    )

    photo = open_photo(by_tifffile(stored, photometric="separated"))

    assert photo.pixels.tolist() == [[[255] * 3, [0, 255, 255], [0] * 3, [127, 0, 0]]]


def test_the_orientation_tag_is_undone(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    data = by_tifffile(colours, photometric="rgb", extratags=[(274, 3, 1, 6, True)])

    photo = open_photo(data)

    assert (photo.orientation, photo.size) == (6, (64, 48))
    assert np.array_equal(photo.pixels, np.rot90(colours, -1))


def test_of_several_pages_it_is_the_first(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    file = BytesIO()
    with tifffile.TiffWriter(file) as out:
        out.write(colours, photometric="rgb", metadata=None)
        out.write(colours[:10, :10], photometric="rgb", metadata=None)

    assert open_photo(file.getvalue()).size == (48, 64)


def test_every_cut_of_a_file_is_found(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    data = by_tifffile(colours, photometric="rgb", rowsperstrip=8)

    for length in range(8, len(data) - 1, 997):
        with pytest.raises(ImageError) as failure:
            open_photo(data[:length])
        assert failure.value.kind in {"truncated", "format"}
    with pytest.raises(ImageError) as failure:
        open_photo(data[: len(data) - 100])
    assert failure.value.kind == "truncated"


@pytest.mark.parametrize("edges", [{256: 65000, 257: 65000}, {322: 65536, 323: 65536}])
def test_a_header_of_enormous_size_is_refused(open_photo: Open, edges: dict[int, int]) -> None:
    data = bytearray(by_tifffile(np.zeros((32, 32), np.uint8), tile=(16, 16)))
    with tifffile.TiffFile(BytesIO(data)) as file:
        tags = [(file.pages[0].tags[code], value) for code, value in edges.items()]
    for tag, value in tags:
        struct.pack_into("<HHII", data, tag.offset, tag.code, 4, 1, value)

    with pytest.raises(ImageError) as failure:
        open_photo(bytes(data))

    assert failure.value.kind == "too-large"


def test_a_strip_that_unpacks_to_more_than_it_should_takes_no_memory(
    peak_while_decoding: Callable[[bytes], int],
) -> None:
    bomb = imagecodecs.zlib_encode(bytes(1 << 28), 9)  # 256 MB
    plain = imagecodecs.zlib_encode(bytes(64), 9)
    bombed, usual = (
        by_tifffile(iter([strip]), shape=(8, 8), dtype="uint8", compression="zlib")
        for strip in (bomb, plain)
    )

    assert peak_while_decoding(bombed) - peak_while_decoding(usual) < 20_000  # [KiB]


def test_rare_kinds_are_refused_with_advice(open_photo: Open) -> None:
    lab = by_tifffile(np.zeros((4, 4, 3), np.uint8), photometric="cielab")

    with pytest.raises(ImageError, match=r"rare kind.*convert it to RGB"):
        open_photo(lab)


def test_nothing_is_said_on_the_error_channel(
    open_photo: Open, colours: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    data = by_pillow(Image.fromarray(colours), "tiff_lzw")

    with pytest.raises(ImageError):
        open_photo(data[:-200] + bytes(100))
    open_photo(data)

    assert capfd.readouterr() == ("", "")


def test_the_policy_limits_the_page(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    data = by_pillow(Image.fromarray(colours))

    with pytest.raises(ImageError, match="64 x 48"):
        open_photo(data, policy=DecodePolicy(max_pixels=48 * 64 - 1))

    assert open_photo(data, policy=DecodePolicy(max_pixels=48 * 64)).size == (48, 64)


def test_pages_behind_the_first_are_not_looked_at(open_photo: Open) -> None:
    data = bytearray(by_tifffile(np.full((4, 4), 9, np.uint8)))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, 0xFFFFFF)  # the next page: nowhere

    assert open_photo(bytes(data)).pixels.max() == 9


def test_a_page_without_data_is_not_a_photo(open_photo: Open) -> None:
    data = by_tifffile(np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    with tifffile.TiffFile(BytesIO(data)) as whole:
        counts = whole.pages[0].tags["StripByteCounts"]
    value = counts.offset + 8  # a single count stands in the directory's entry itself
    sparse = data[:value] + bytes(4) + data[value + 4 :]

    with pytest.raises(ImageError, match="without data") as refusal:
        open_photo(sparse)

    assert refusal.value.kind == "truncated"


def test_a_page_that_unpacks_to_far_more_than_its_pixels_is_refused(open_photo: Open) -> None:
    values = np.zeros((8, 8, 12), np.float64)
    data = by_tifffile(values, photometric="rgb", planarconfig="contig")

    with pytest.raises(ImageError, match="unpacks to") as refusal:
        open_photo(data, policy=DecodePolicy(max_pixels=64))

    assert refusal.value.kind == "too-large"
