from __future__ import annotations

import struct
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from marigold_cli.files.icc import to_srgb

DISPLAY_P3 = imagecodecs.cms_profile(
    "rgb",
    whitepoint=[0.3127, 0.3290, 1.0],
    primaries=[0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0],
    gamma=2.2,
)
GREY_GAMMA_1 = imagecodecs.cms_profile("gray", gamma=1.0, whitepoint=[0.3457, 0.3585, 1.0])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def by_pillow(pixels: NDArray[np.uint8], profile: bytes, mode: str) -> NDArray[np.uint8]:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    image = ImageCms.applyTransform(Image.fromarray(pixels), transform)
    return np.asarray(image)


def test_a_wide_gamut_becomes_srgb_as_pillow_does_it(colours: NDArray[np.uint8]) -> None:
    converted = to_srgb(colours, DISPLAY_P3)

    assert np.abs(converted.astype(int) - by_pillow(colours, DISPLAY_P3, "RGB")).max() <= 1
    assert np.abs(converted.astype(int) - colours).max() > 20


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1)])
def test_more_bits_give_the_same_colours(
    colours: NDArray[np.uint8], dtype: type[np.generic], white: int
) -> None:
    deep = (colours.astype(np.float64) / 255 * white).astype(dtype)

    converted = to_srgb(deep, DISPLAY_P3)

    assert converted.dtype == dtype
    assert converted.min() >= 0
    assert converted.max() <= white
    few_bits = by_pillow(colours, DISPLAY_P3, "RGB") / 255
    error = np.abs(converted / white - few_bits)
    assert error.max() < 0.06
    assert error.mean() < 0.003


def test_an_srgb_profile_costs_no_pixel(colours: NDArray[np.uint8]) -> None:
    assert to_srgb(colours, SRGB) is colours
    assert to_srgb(colours, b"") is colours


def test_a_broken_profile_is_ignored(colours: NDArray[np.uint8]) -> None:
    for broken in (b"junk" * 100, DISPLAY_P3[:200], DISPLAY_P3[:128] + bytes(400)):
        assert np.array_equal(to_srgb(colours, broken), colours)
        assert np.array_equal(to_srgb(colours[..., 0], broken)[..., 2], colours[..., 0])


def test_a_profile_of_another_colour_space_is_ignored(colours: NDArray[np.uint8]) -> None:
    grey = colours[..., 0]

    assert np.array_equal(to_srgb(grey, DISPLAY_P3), np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(to_srgb(colours, GREY_GAMMA_1), colours)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_a_grey_profile_is_applied(dtype: type[np.generic], white: int) -> None:
    ramp = np.linspace(0, white, 256).reshape(16, 16).astype(dtype)

    converted = to_srgb(ramp, GREY_GAMMA_1)

    linear = ramp / white
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert converted.dtype == dtype
    assert np.abs(converted / white - expected[..., None]).max() < 0.003


def cmyk_profile() -> bytes:
    """A printer's profile, made by hand: 16 corners whose Lab is known."""
    corners = bytearray()
    for index in range(16):
        cyan, magenta, yellow, key = (index >> shift & 1 for shift in (3, 2, 1, 0))
        lightness = 100 * (1 - key) * (1 - 0.2 * (cyan + magenta + yellow))
        a, b = -40 * cyan + 70 * magenta, -40 * cyan + 80 * yellow
        corners += bytes([round(lightness * 2.55), 128 + (1 - key) * a, 128 + (1 - key) * b])
    straight = bytes(range(256))
    table = (
        b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
        + struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
        + straight * 4 + bytes(corners) + straight * 3
    )  # fmt: skip
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    tags = [(b"A2B0", table), (b"wtpt", white)]
    place = 128 + 4 + 12 * len(tags)
    directory, content = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        directory += name + struct.pack(">II", place + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    header = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", header, 0, place + len(content), b"lcms", 0x02400000,
                     b"prtr", b"CMYK", b"Lab ")  # fmt: skip
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return bytes(header) + directory + content


def test_cmyk_goes_through_its_profile_as_pillow_does_it(colours: NDArray[np.uint8]) -> None:
    inks = np.concatenate([colours, colours[..., :1] // 3], axis=-1)
    image = Image.frombytes("CMYK", (64, 48), inks.tobytes())
    source = ImageCms.ImageCmsProfile(BytesIO(cmyk_profile()))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "CMYK", "RGB")

    converted = to_srgb(inks, cmyk_profile())

    expected = np.asarray(ImageCms.applyTransform(image, transform)).astype(int)
    assert np.abs(converted - expected).max() <= 1
    assert np.abs(to_srgb(inks, b"") - expected).max() > 20


def test_cmyk_without_a_profile_is_ink_on_white() -> None:
    inks = np.array([[[0, 0, 0, 0], [65535, 0, 0, 0], [0, 65535, 65535, 32768]]], np.uint16)

    converted = to_srgb(inks, b"")

    assert converted.tolist() == [[[65535] * 3, [0, 65535, 65535], [32767, 0, 0]]]
