from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
import tifffile

from marigold_cli.errors import ImageError
from marigold_cli.files.decode import Photo
from marigold_cli.files.extras import Extra
from marigold_cli.files.raster import DecodePolicy

pytest.importorskip("rawpy")

Open = Callable[..., Photo]


def fractions(values: list[float]) -> list[int]:
    return [part for value in values for part in (round(value * 10000), 10000)]


def negative(orientation: int = 1, height: int = 64, width: int = 96) -> bytes:
    """A digital negative: sensor values behind an RGGB filter; red above, blue on the left."""
    red, green, blue = (np.full((height, width), 0.1) for _ in range(3))
    red[: height // 2], blue[:, : width // 2] = 0.8, 0.6
    sensor = green.copy()
    sensor[0::2, 0::2], sensor[1::2, 1::2] = red[0::2, 0::2], blue[1::2, 1::2]
    to_camera = [3.2405, -1.5371, -0.4985, -0.9693, 1.8760, 0.0416, 0.0556, -0.2040, 1.0572]
    tags = [
        (274, 3, 1, orientation, True),
        (33421, 3, 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),  # CFAPattern
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),  # DNGVersion
        (50708, 2, 0, "Test camera", True),
        (50717, 3, 1, 65535, True),  # WhiteLevel
        (50721, 10, 9, fractions(to_camera), True),  # ColorMatrix1
        (50728, 5, 3, fractions([1, 1, 1]), True),  # AsShotNeutral
    ]
    file = BytesIO()
    values = (sensor * 65535).astype(np.uint16)
    tifffile.imwrite(file, values, photometric="cfa", metadata=None, extratags=tags)
    return file.getvalue()


def test_a_digital_negative_is_developed(open_photo: Open) -> None:
    photo = open_photo(negative(), "IMG.DNG")

    assert (photo.size, photo.pixels.shape, photo.pixels.dtype) == ((64, 96), (64, 96, 3), np.uint8)
    above_left, above_right = photo.pixels[10, 10].astype(int), photo.pixels[10, 80].astype(int)
    below_left, below_right = photo.pixels[50, 10].astype(int), photo.pixels[50, 80].astype(int)
    assert above_right[0] > above_right[1] + 100
    assert below_left[2] > below_left[1] + 100
    assert min(above_left[0], above_left[2]) > above_left[1] + 100
    assert np.ptp(below_right) < 10


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_a_digital_negative_is_turned_upright_once(
    open_photo: Open, orientation: int, turns: int
) -> None:
    plain = open_photo(negative(), "a.dng")
    photo = open_photo(negative(orientation), "a.dng")

    assert photo.orientation == orientation
    assert np.array_equal(photo.pixels, np.rot90(plain.pixels, turns))
    assert photo.size == photo.pixels.shape[:2]


def test_a_digital_negative_is_developed_at_half_size_where_that_will_do(open_photo: Open) -> None:
    photo = open_photo(negative(6), "a.dng", DecodePolicy(long_edge=20))

    assert (photo.size, photo.pixels.shape) == ((96, 64), (48, 32, 3))


def test_a_cut_negative_is_a_failure(open_photo: Open) -> None:
    with pytest.raises(ImageError, match=r"a\.nef: cut off"):
        open_photo(negative()[:4000], "a.nef")


def test_the_limit_holds_for_negatives(open_photo: Open) -> None:
    with pytest.raises(ImageError, match="96 x 64"):
        open_photo(negative(), "a.dng", DecodePolicy(max_pixels=5000))


def test_without_the_extras_the_advice_is_to_install_them(
    open_photo: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Extra, "is_installed", False)

    with pytest.raises(ImageError, match=r"marigold-cli\[raw\]"):
        open_photo(negative(), "a.dng")
    with pytest.raises(ImageError, match=r"marigold-cli\[heic\]"):
        open_photo(b"\0\0\0\x18ftypheic" + bytes(40), "a.heic")
