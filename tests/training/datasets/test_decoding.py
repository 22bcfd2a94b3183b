from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.files.storage import Folder
from marigold_cli.training.datasets import decoding
from marigold_cli.training.datasets.headers import read_header

Writer = Callable[[Path, NDArray[np.generic]], Path]


def decode(path: Path, read: Callable[..., NDArray[np.generic]]) -> NDArray[np.generic]:
    with Folder(path.parent).open(path.name) as file:
        return read(file.read(0, file.length), read_header(file))


def test_colours_come_as_they_are_from_a_png(
    tmp_path: Path, save: Writer, picture: Callable[..., NDArray[np.uint8]]
) -> None:
    colours = picture(5, 7)

    assert_array_equal(
        decode(save(tmp_path / "a.png", colours), decoding.read_colour), colours, strict=True
    )


def test_grey_and_deep_pictures_become_colours_of_8_bits(tmp_path: Path, save: Writer) -> None:
    grey = save(tmp_path / "grey.png", np.full((2, 3), 77, np.uint8))
    deep = save(tmp_path / "deep.png", np.full((2, 3, 3), 257 * 77, np.uint16))

    for path in (grey, deep):
        assert_array_equal(
            decode(path, decoding.read_colour), np.full((2, 3, 3), 77, np.uint8), strict=True
        )


def test_a_png_of_depth_keeps_its_16_bits_and_0_is_unknown(tmp_path: Path, save: Writer) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 1, 65535]], np.uint16))

    assert_array_equal(decode(path, decoding.read_depth), [[np.nan, 1, 65535]])


@pytest.mark.parametrize("suffix", [".npy", ".exr"])
def test_what_is_no_distance_is_unknown_and_what_is_too_far_is_sky(
    tmp_path: Path, save: Writer, suffix: str
) -> None:
    stored = np.array([[2.5, 0, -1, np.nan, -np.inf, np.inf, 1e10]], np.float32)

    depth = decode(save(tmp_path / f"a{suffix}", stored), decoding.read_depth)

    assert_array_equal(depth, [[2.5] + 4 * [np.nan] + 2 * [np.inf]])


def test_depth_of_one_channel_may_be_stored_with_it(tmp_path: Path, save: Writer) -> None:
    path = save(tmp_path / "a.npy", np.ones((4, 5, 1), np.float32))

    assert decode(path, decoding.read_depth).shape == (4, 5)


@pytest.mark.parametrize(
    ("dtype", "precision"), [(np.uint8, 1 / 127), (np.uint16, 1 / 32767), (np.float64, 1e-6)]
)
def test_normals_of_every_form_point_the_same_way(
    tmp_path: Path, save: Writer, dtype: type[np.generic], precision: float
) -> None:
    normal = np.array([2, -3, 6]) / 7
    white = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else None
    stored = np.rint((normal + 1) / 2 * white) if white else normal
    maps = np.tile(stored, (4, 5, 1)).astype(dtype)

    for suffix in (".png", ".npy") if white else (".npy",):
        found = decode(save(tmp_path / f"a{suffix}", maps), decoding.read_normals)

        assert found.dtype == np.float32
        assert_allclose(found[2, 3], normal, atol=precision)
        assert_allclose(np.linalg.norm(found, axis=-1), 1, rtol=1e-6)


def test_normals_that_point_nowhere_are_zero(tmp_path: Path, save: Writer) -> None:
    grey = save(tmp_path / "a.png", np.full((1, 1, 3), 128, np.uint8))
    lost = save(tmp_path / "a.npy", np.array([[[np.nan, 0, 1], [0, 0, 0], [0, 0, 0.9]]]))

    assert_array_equal(decode(grey, decoding.read_normals), [[[0, 0, 0]]])
    assert_array_equal(decode(lost, decoding.read_normals), [[[0, 0, 0], [0, 0, 0], [0, 0, 1]]])


def test_a_mask_is_where_something_is_not_0(tmp_path: Path, save: Writer) -> None:
    values = np.array([[0, 1, 255]], np.uint8)
    Image.fromarray(values > 0).save(tmp_path / "bits.png")

    for path in (
        save(tmp_path / "a.png", values),
        save(tmp_path / "a.npy", values.astype(bool)),
        tmp_path / "bits.png",
    ):
        assert_array_equal(decode(path, decoding.read_mask), [[False, True, True]])


@pytest.mark.parametrize(
    ("read", "name", "shape", "dtype", "fault"),
    [
        (decoding.read_colour, "a.npy", (2, 2, 3), np.uint8, "colours are read from PNG"),
        (decoding.read_depth, "a.jpg", (2, 2), np.uint8, "which keeps no depth"),
        (decoding.read_depth, "a.png", (2, 2), np.uint8, "is no 16-bit grey PNG"),
        (decoding.read_depth, "a.png", (2, 2, 3), np.uint16, "is no 16-bit grey PNG"),
        (decoding.read_depth, "a.npy", (2, 2, 3), np.float32, "has 3 values a pixel"),
        (decoding.read_normals, "a.jpg", (2, 2, 3), np.uint8, "which keeps no normals"),
        (decoding.read_normals, "a.png", (2, 2), np.uint16, "has 1 values a pixel"),
        (decoding.read_mask, "a.png", (2, 2, 3), np.uint8, "so it is no mask"),
    ],
)
def test_files_of_the_wrong_kind_are_refused(
    tmp_path: Path,
    save: Writer,
    read: Callable[..., NDArray[np.generic]],
    name: str,
    shape: tuple[int, ...],
    dtype: type[np.generic],
    fault: str,
) -> None:
    path = save(tmp_path / name, np.ones(shape, dtype))

    with pytest.raises(ValueError, match=fault):
        decode(path, read)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.png", decoding.read_colour),
        ("a.jpg", decoding.read_colour),
        ("a16.png", decoding.read_depth),
        ("a.exr", decoding.read_depth),
    ],
)
def test_broken_pixels_are_found(
    tmp_path: Path, save: Writer, name: str, read: Callable[..., NDArray[np.generic]]
) -> None:
    random = np.random.default_rng(0)
    deep = read is decoding.read_depth
    values = random.integers(1, 60_000, (64, 64) if deep else (64, 64, 3)).astype(np.uint16)
    stored = values.astype(np.float32) if name == "a.exr" else values
    path = save(tmp_path / name, stored if deep else (values >> 8).astype(np.uint8))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if name == "a.jpg":  # its decoder takes any bits for pixels, but not a missing end
        del data[middle:]
    else:
        data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)

    with pytest.raises(ValueError, match=r"is (damaged|cut off)"):
        decode(path, read)
