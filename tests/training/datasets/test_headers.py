from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.errors import DataSetError
from marigold_cli.files.orientation import exif_block
from marigold_cli.files.storage import Folder, examine
from marigold_cli.training.datasets.decoding import read_colour
from marigold_cli.training.datasets.headers import Format, Header, read_header

Writer = Callable[[Path, NDArray[np.generic]], Path]


def header(path: Path) -> Header:
    return examine(Folder(path.parent), path.name, read_header)


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "expected"),
    [
        ("a.png", np.uint8, (5, 7, 3), (Format.PNG, 3, np.uint8)),
        ("a.png", np.uint8, (5, 7), (Format.PNG, 1, np.uint8)),
        ("a.png", np.uint16, (5, 7), (Format.PNG, 1, np.uint16)),
        ("a.png", np.uint16, (5, 7, 3), (Format.PNG, 3, np.uint16)),
        ("a.jpg", np.uint8, (5, 7, 3), (Format.JPEG, 3, np.uint8)),
        ("a.jpg", np.uint8, (5, 7), (Format.JPEG, 1, np.uint8)),
        ("a.npy", np.float64, (5, 7), (Format.NPY, 1, np.float64)),
        ("a.npy", np.float16, (5, 7, 3), (Format.NPY, 3, np.float16)),
        ("a.exr", np.float32, (5, 7), (Format.EXR, 0, np.float32)),
        ("a.exr", np.float16, (5, 7, 3), (Format.EXR, 0, np.float32)),
    ],
)
def test_every_format_tells_its_size_and_kind(
    tmp_path: Path,
    save: Writer,
    name: str,
    dtype: type[np.generic],
    shape: tuple[int, ...],
    expected: tuple[Format, int, type[np.generic]],
) -> None:
    path = save(tmp_path / name, np.ones(shape, dtype))

    found = header(path)

    assert found.size == (5, 7)
    assert (found.format, found.channels, found.dtype) == expected


def test_the_frame_of_a_jpeg_is_found_behind_a_large_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x9286] = "x" * 60_000  # a comment
    image = Image.fromarray(np.zeros((30, 40, 3), np.uint8))
    image.save(tmp_path / "a.jpg", exif=exif, progressive=True)

    assert header(tmp_path / "a.jpg").size == (30, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("notes", ["exif", "xmp"])
def test_the_size_of_a_jpeg_is_that_of_the_upright_picture(
    tmp_path: Path, orientation: int, notes: str
) -> None:
    packet = f"<x tiff:Orientation='{orientation}'/>".encode()
    said = {"exif": b"Exif\0\0" + exif_block(orientation)} if notes == "exif" else {"xmp": packet}
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path, **said)

    found = header(path)

    assert found.size == read_colour(path.read_bytes(), found).shape[:2]
    assert found.size == ((40, 30) if orientation >= 5 else (30, 40))


def test_what_stands_behind_the_end_of_a_png_does_no_harm(tmp_path: Path, save: Writer) -> None:
    path = save(tmp_path / "a.png", np.zeros((5, 7, 3), np.uint8))
    path.write_bytes(path.read_bytes() + bytes(1000))

    assert header(path).size == (5, 7)


@pytest.mark.parametrize("suffix", [".png", ".npy", ".exr"])
@pytest.mark.parametrize("share", [0.03, 0.3, 0.99])
def test_a_file_that_is_cut_off_is_found_without_decoding(
    tmp_path: Path, save: Writer, cut: Callable[[Path, float], None], suffix: str, share: float
) -> None:
    values = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    path = save(tmp_path / f"a{suffix}", values if suffix == ".exr" else values.view(np.uint16))
    cut(path, share)

    with pytest.raises(DataSetError, match=r"a\.\w+: is cut off"):
        header(path)


def test_a_jpeg_without_a_frame_is_cut_off(tmp_path: Path) -> None:
    file = BytesIO()
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(file, "JPEG")
    (tmp_path / "a.jpg").write_bytes(file.getvalue()[:100])

    with pytest.raises(DataSetError, match=r"a\.jpg: is cut off or damaged"):
        header(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(20), "is no PNG, JPEG, NumPy or EXR file"),
        (b"\x93NUMPY\1\0\4\0{'a'", "is cut off or damaged in its header"),
        (b"\x76\x2f\x31\x01\2\0\0\0chan", "is cut off or damaged in its header"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(DataSetError) as caught:
        header(tmp_path / "a")

    assert str(caught.value) == f"{tmp_path / 'a'}: {fault}"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.zeros(7), r"shape \(7,\); it must be \[H, W\]"),
        (np.array([["a"]]), "<U1 instead of numbers"),
    ],
)
def test_arrays_that_are_no_maps_are_refused(
    tmp_path: Path, save: Writer, values: NDArray[np.generic], fault: str
) -> None:
    path = save(tmp_path / "a.npy", values)

    with pytest.raises(DataSetError, match=fault):
        header(path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_numpy_files_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.zeros((3, 4), np.float32), version)

    assert header(tmp_path / "a.npy").size == (3, 4)
