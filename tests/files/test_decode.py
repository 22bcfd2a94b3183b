from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo
from skimage import data as pictures

from marigold_cli.errors import ImageError
from marigold_cli.files.decode import SUFFIXES, Photo, decode
from marigold_cli.files.icc import gamma_profile
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import read_source

Open = Callable[..., Photo]
LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "JPEG2000": {"irreversible": False},
    "TIFF": {},
}


def encode(image: Image.Image | NDArray[np.uint8], kind: str, **options: object) -> bytes:
    file = BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def difference(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_kinds_give_their_pixels(
    open_photo: Open, colours: NDArray[np.uint8], kind: str
) -> None:
    photo = open_photo(encode(colours, kind, **LOSSLESS[kind]))

    assert photo.pixels.dtype == np.uint8
    assert np.array_equal(photo.pixels, colours)
    assert (photo.size, photo.orientation) == ((48, 64), 1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("AVIF", {"quality": 95}), ("MPO", {})],
)
def test_lossy_kinds_come_close(
    open_photo: Open, colours: NDArray[np.uint8], kind: str, options: dict[str, int]
) -> None:
    photo = open_photo(encode(colours, kind, **options))

    assert photo.size == (48, 64)
    assert difference(photo.pixels, colours) < 3


def test_heic_comes_close(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    file = BytesIO()
    pillow_heif.from_pillow(Image.fromarray(colours)).save(file, quality=95)

    photo = open_photo(file.getvalue())

    assert photo.size == (48, 64)
    assert difference(photo.pixels, colours) < 4


def test_heic_of_10_bits_keeps_more_than_8(open_photo: Open) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64, 1).repeat(3, axis=2).astype(np.uint16)
    file = BytesIO()
    deep = pillow_heif.from_bytes("RGB;16", (64, 64), ramp.tobytes())
    deep.save(file, quality=-1)

    photo = open_photo(file.getvalue())

    assert photo.pixels.dtype == np.uint16
    assert difference(photo.pixels, ramp) < 200
    assert len(np.unique(photo.pixels)) > 256


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_heic_shows_white_paper(
    open_photo: Open, colours: NDArray[np.uint8], mode: str
) -> None:
    image = Image.fromarray(colours).convert(mode)
    image.putalpha(
        Image.fromarray(np.where(np.arange(64) < 32, 0, 255).astype(np.uint8)[None]).resize(
            (64, 48)
        )
    )
    file = BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=95)

    photo = open_photo(file.getvalue())

    assert photo.pixels[:, :28].min() > 250
    expected = np.asarray(Image.fromarray(colours).convert(mode[:-1]).convert("RGB"))
    assert difference(photo.pixels[:, 36:], expected[:, 36:]) < 5


def test_heic_of_odd_size_has_straight_rows(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    file = BytesIO()
    pillow_heif.from_pillow(Image.fromarray(colours[:37, :53])).save(file, quality=95)

    photo = open_photo(file.getvalue())

    assert photo.size == photo.pixels.shape[:2] == (37, 53)
    assert difference(photo.pixels, colours[:37, :53]) < 5


def test_heic_is_not_turned_twice(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    file = BytesIO()
    heif = pillow_heif.from_pillow(Image.fromarray(colours))
    heif.save(file, quality=95, exif=turned(6))

    photo = open_photo(file.getvalue())

    assert (photo.size, photo.orientation) == ((64, 48), 1)
    assert difference(photo.pixels, np.rot90(colours, -1)) < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(
    open_photo: Open, colours: NDArray[np.uint8], kind: str, orientation: int
) -> None:
    data = encode(colours, kind, exif=turned(orientation), quality=95)
    upright = [
        colours, colours[:, ::-1], colours[::-1, ::-1], colours[::-1],
        colours.transpose(1, 0, 2), np.rot90(colours, -1),
        np.rot90(colours.transpose(1, 0, 2), 2), np.rot90(colours),
    ][orientation - 1]  # fmt: skip

    photo = open_photo(data)

    assert photo.orientation == orientation
    assert photo.size == photo.pixels.shape[:2] == upright.shape[:2]
    assert difference(photo.pixels, upright) < 3


def test_pixels_are_ready_for_any_library(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    for data in (encode(colours, "PNG"), encode(colours, "JPEG", exif=turned(7))):
        pixels = open_photo(data).pixels

        assert pixels.flags.c_contiguous
        assert pixels.flags.writeable


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "JPEG2000"])
def test_grey_has_three_equal_channels(
    open_photo: Open, colours: NDArray[np.uint8], kind: str
) -> None:
    grey = colours[..., 0]

    photo = open_photo(encode(grey, kind, **LOSSLESS.get(kind, {})))

    assert photo.pixels.shape == (48, 64, 3)
    assert np.ptp(photo.pixels, axis=2).max() == 0
    assert difference(photo.pixels[..., 0], grey) < 1


def test_one_bit_is_black_and_white(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    image = Image.fromarray(colours).convert("1")

    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(
            open_photo(encode(image, kind)).pixels, np.asarray(image.convert("RGB"))
        )


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_transparency_shows_white_paper(
    open_photo: Open, colours: NDArray[np.uint8], kind: str
) -> None:
    alpha = np.zeros((48, 64, 1), np.uint8)
    alpha[:, 20:40], alpha[:, 40:] = 128, 255
    data = encode(np.concatenate([colours, alpha], axis=2), kind, quality=100, lossless=True)

    photo = open_photo(data)

    share = alpha / 255
    assert (photo.pixels[:, :18] >= 254).all()
    assert difference(photo.pixels[:, 22:], (255 - (255 - colours.astype(int)) * share)[:, 22:]) < 2


def test_opaque_alpha_changes_nothing(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    opaque = Image.fromarray(colours).convert("RGBA")

    for kind in ("PNG", "WEBP", "TIFF"):
        photo = open_photo(encode(opaque, kind, lossless=True, exact=True))
        assert np.array_equal(photo.pixels, colours)


def test_grey_with_alpha_is_laid_over_white(open_photo: Open) -> None:
    stored = np.array([[[0, 255], [0, 0], [100, 51]]], np.uint8)

    photo = open_photo(encode(Image.fromarray(stored, "LA"), "PNG"))

    assert photo.pixels[0, :, 0].tolist() == [0, 255, 224]


@pytest.mark.parametrize(("alpha", "seen"), [(None, 100), (255, 100), (51, 224)])
def test_a_grey_profile_holds_with_and_without_alpha(
    open_photo: Open, alpha: int | None, seen: int
) -> None:
    image = Image.new("L", (2, 1), 100)
    if alpha is not None:
        image.putalpha(alpha)

    photo = open_photo(encode(image, "PNG", icc_profile=gamma_profile(1, is_grey=True)))

    expected = 255 * (1.055 * (seen / 255) ** (1 / 2.4) - 0.055)  # light as sRGB keeps it
    assert np.abs(photo.pixels - expected).max() <= 1


@pytest.mark.parametrize("transparency", [None, 3, bytes([255, 128, 0, 0])])
def test_palettes_are_looked_up_and_their_transparency_is_white(
    open_photo: Open, transparency: int | bytes | None
) -> None:
    image = Image.new("P", (4, 1))
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.putdata([0, 1, 2, 3])
    options = {} if transparency is None else {"transparency": transparency}
    expected = {
        None: [[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200]],
        3: [[0, 0, 0], [200, 0, 0], [0, 200, 0], [255, 255, 255]],
    }.get(transparency, [[0, 0, 0], [227, 127, 127], [255, 255, 255], [255, 255, 255]])

    photo = open_photo(encode(image, "PNG", **options))

    assert photo.pixels[0].tolist() == expected


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_colour_that_stands_for_transparent_becomes_white(open_photo: Open, mode: str) -> None:
    key = 7 if mode == "L" else (7, 7, 7)
    image = Image.new(mode, (2, 1), key)
    image.putpixel((1, 0), 9 if mode == "L" else (9, 9, 9))

    photo = open_photo(encode(image, "PNG", transparency=key))

    assert photo.pixels[0, :, 0].tolist() == [255, 9]


def test_inverted_cmyk_of_jpeg_is_not_a_negative(
    open_photo: Open, colours: NDArray[np.uint8]
) -> None:
    image = Image.fromarray(colours).convert("CMYK")
    data = encode(image, "JPEG", quality=95)

    photo = open_photo(data)

    assert b"Adobe" in data
    assert difference(photo.pixels, colours) < 4


def test_a_profile_in_the_file_is_applied(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    import imagecodecs

    profile = imagecodecs.cms_profile("adobergb")

    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF"):
        data = encode(colours, kind, icc_profile=profile, quality=95, lossless=kind == "WEBP")
        green = open_photo(data).pixels[40:, 5:20, 0]
        plain = colours[40:, 5:20, 0]
        assert plain.mean() - green.mean() > 20, kind  # greener than sRGB can be: red is cut to 0


def test_of_an_animation_it_is_the_first_frame(
    open_photo: Open, colours: NDArray[np.uint8]
) -> None:
    first, second = Image.fromarray(colours), Image.fromarray(255 - colours)

    for kind in ("WEBP", "PNG", "AVIF", "MPO"):
        data = encode(first, kind, save_all=True, append_images=[second], lossless=True)
        assert difference(open_photo(data).pixels, colours) < 6, kind


@pytest.mark.parametrize("long_edge", [60, 100, 128, 200, 255, 300])
def test_a_reduced_jpeg_keeps_twice_what_processing_needs(open_photo: Open, long_edge: int) -> None:
    picture = pictures.astronaut()[:400, :511]
    data = encode(picture, "JPEG", quality=92)

    photo = open_photo(data, policy=DecodePolicy(long_edge=long_edge))

    height, width = photo.pixels.shape[:2]
    assert photo.size == (400, 511)
    assert width >= 2 * long_edge or width == 511
    assert height >= 2 * round(400 * long_edge / 511) or height == 400
    assert width < 4.1 * long_edge or long_edge < 64


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_jpeg_looks_like_the_whole_one_at_processing_size(
    open_photo: Open, orientation: int
) -> None:
    data = encode(pictures.astronaut(), "JPEG", quality=92, exif=turned(orientation))

    full = open_photo(data)
    reduced = open_photo(data, policy=DecodePolicy(long_edge=100))

    assert reduced.pixels.shape == (256, 256, 3)
    assert (reduced.size, reduced.orientation) == (full.size, full.orientation)
    small = [
        np.asarray(Image.fromarray(photo.pixels).resize((100, 100), Image.Resampling.BILINEAR))
        for photo in (full, reduced)
    ]
    assert difference(*small) < 1.0
    assert np.abs(small[0].astype(int) - small[1]).max() < 24


@pytest.mark.parametrize(("long_edge", "size"), [(None, 512), (0, 512), (512, 512), (4000, 512)])
def test_a_jpeg_stays_whole_where_its_size_is_needed(
    open_photo: Open, long_edge: int | None, size: int
) -> None:
    data = encode(pictures.astronaut(), "JPEG")

    assert open_photo(data, policy=DecodePolicy(long_edge=long_edge)).pixels.shape[0] == size


def test_a_very_narrow_jpeg_survives_reduction(open_photo: Open) -> None:
    data = encode(np.full((3, 2000, 3), 90, np.uint8), "JPEG")

    photo = open_photo(data, policy=DecodePolicy(long_edge=100))

    assert photo.size == (3, 2000)
    assert photo.pixels.min() > 80


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "AVIF"])
def test_the_limit_counts_pixels_to_the_last(
    open_photo: Open, colours: NDArray[np.uint8], kind: str
) -> None:
    data = encode(colours, kind)

    words = r"64 x 48 = 0\.0031 MP, the limit is 0\.0031 MP; raise --max-pixels"
    with pytest.raises(ImageError, match=words) as failure:
        open_photo(data, policy=DecodePolicy(max_pixels=64 * 48 - 1))

    assert failure.value.kind == "too-large"
    assert open_photo(data, policy=DecodePolicy(max_pixels=64 * 48)).size == (48, 64)


def test_pillows_own_limit_neither_warns_nor_refuses(
    open_photo: Open, colours: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Image.MAX_IMAGE_PIXELS
    files = [encode(colours, kind) for kind in [*LOSSLESS, "JPEG", "AVIF"]]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)

    for data in files:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert open_photo(data).size == (48, 64)

    monkeypatch.undo()
    assert usual == Image.MAX_IMAGE_PIXELS == 89478485
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "AVIF"])
def test_a_cut_file_is_a_named_failure(
    open_photo: Open, colours: NDArray[np.uint8], kind: str
) -> None:
    data = encode(colours, kind)

    with pytest.raises(ImageError, match=r"^day/photo\.jpg: ") as failure:
        open_photo(data[: len(data) * 2 // 3], "day/photo.jpg")

    # OpenJPEG does not tell a cut from other damage
    assert failure.value.kind == ("format" if kind == "JPEG2000" else "truncated")


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", "empty", "the file is empty"),
        (b"\0" * 100, "format", "is not JPEG, PNG"),
        (b"Dear diary, today I took no photos.", "format", "is not JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "format", "is not JPEG, PNG"),
        (b"8BPS\0\1" + bytes(60), "format", "is not JPEG, PNG"),
        (b"GIF89a\1\0\1\0\x80\0\0" + bytes(20), "format", "is not JPEG, PNG"),
        (b"\xff\xd8\xff", "format", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "format", "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "format", "damaged"),
        (b"RIFF\4\0\0\0WEBP", "format", "damaged"),
        (b"BM", "format", "damaged"),
    ],
)
def test_what_is_no_photo_is_a_named_failure(
    open_photo: Open, data: bytes, kind: str, reason: str
) -> None:
    with pytest.raises(ImageError, match=reason) as failure:
        open_photo(data, "holiday.jpg")

    assert failure.value.kind == kind
    assert str(failure.value).startswith("holiday.jpg: ")


def test_contents_count_and_not_the_name(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    assert np.array_equal(open_photo(encode(colours, "PNG"), "misnamed.jpg").pixels, colours)


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" %s</rdf:RDF></x:xmpmeta>"""
XMP_FORMS = [
    b'tiff:Orientation="6"/>',
    b"><tiff:Orientation>6</tiff:Orientation></rdf:Description>",
]


def with_packet(kind: str, packet: bytes, colours: NDArray[np.uint8], **options: object) -> bytes:
    image = Image.fromarray(colours)
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        return encode(image, kind, pnginfo=info, **options)
    if kind == "TIFF":
        file = BytesIO()
        tags = [(700, 1, len(packet), packet, True)]
        tifffile.imwrite(file, colours, photometric="rgb", metadata=None, extratags=tags)
        return file.getvalue()
    return encode(image, kind, xmp=packet, **options)


@pytest.mark.parametrize("form", XMP_FORMS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_where_exif_is_silent_xmp_says_how_to_turn(
    open_photo: Open, colours: NDArray[np.uint8], kind: str, form: bytes
) -> None:
    photo = open_photo(with_packet(kind, XMP % form, colours))

    assert (photo.orientation, photo.size) == (6, (64, 48))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_has_the_last_word_on_how_to_turn(
    open_photo: Open, colours: NDArray[np.uint8], kind: str
) -> None:
    data = with_packet(kind, XMP % XMP_FORMS[0], colours, exif=turned(1))

    assert open_photo(data).orientation == 1


def test_broken_exif_is_no_reason_to_fail_or_warn(
    open_photo: Open, colours: NDArray[np.uint8]
) -> None:
    torn = b"Exif\0\0II*\0\x08\0\0\0\xff\x00\x1a\x01\x05\x00\x01\0\0\0\xff\xff\xff\x7f"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("JPEG", "PNG", "WEBP"):
            assert open_photo(encode(colours, kind, exif=torn)).orientation == 1


def test_threads_do_not_disturb_each_other(open_photo: Open, colours: NDArray[np.uint8]) -> None:
    files = [encode(colours, kind, **LOSSLESS[kind]) for kind in LOSSLESS] * 8

    with ThreadPoolExecutor(8) as pool:
        photos = list(pool.map(open_photo, files))

    assert all(np.array_equal(photo.pixels, colours) for photo in photos)


def test_16_bit_jpeg_2000_keeps_its_grey(open_photo: Open) -> None:
    stored = np.random.default_rng(3).integers(0, 65536, (48, 64), dtype=np.uint16)

    photo = open_photo(encode(Image.fromarray(stored), "JPEG2000", irreversible=False))

    assert photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels[..., 1], stored)


_DECODE_IN_LITTLE_MEMORY = """
import resource, sys
from marigold_cli.errors import ImageError
from marigold_cli.files.decode import decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import Source
data = sys.stdin.buffer.read()
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
try:
    decode(Source(data, "", len(data), 0), "poster.jpg", DecodePolicy(max_pixels=10**10))
except ImageError as error:
    print(error.kind, error)
"""


def test_too_little_memory_is_a_named_failure(colours: NDArray[np.uint8]) -> None:
    data = bytearray(encode(colours, "JPEG"))
    header = data.index(b"\xff\xc0")
    data[header + 5 : header + 9] = (60000).to_bytes(2) * 2
    command = [sys.executable, "-c", _DECODE_IN_LITTLE_MEMORY]

    run = subprocess.run(command, input=bytes(data), capture_output=True, check=True)

    assert run.stdout.startswith(b"memory poster.jpg: needs more memory than there is")


def test_a_photo_is_known_by_the_bytes_it_was_made_of(
    tmp_path: Path, colours: NDArray[np.uint8]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(colours, "PNG"))

    photo = decode(read_source(path), "a.png", DecodePolicy())

    assert photo.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_suffixes_cover_what_can_be_read() -> None:
    assert {".jpg", ".png", ".tif", ".webp", ".avif", ".jp2", ".bmp", ".heic", ".dng"} <= SUFFIXES
    assert not {".gif", ".psd", ".eps", ".svg", ".pdf", ".exr", ".npy"} & SUFFIXES
