from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray

from marigold_cli.files.storage import Folder, examine
from marigold_cli.training.datasets import exr

Channels = dict[str, NDArray[np.generic]]


def encode(channels: Channels, compression: OpenEXR.Compression = OpenEXR.ZIP_COMPRESSION) -> bytes:
    file = BytesIO()
    OpenEXR.File({"type": OpenEXR.scanlineimage, "compression": compression}, channels).write(file)
    return file.getvalue()


@pytest.fixture
def grey() -> Callable[[float], NDArray[np.float32]]:
    return lambda value: np.full((4, 6), value, np.float32)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["R", "Z", "Depth.Z"], "Z"),
        (["View.Combined.R", "View.Depth.Z", "View.Normal.Z"], "View.Depth.Z"),
        (["A", "Layer.Z"], "Layer.Z"),
        (["V"], "V"),
    ],
)
def test_depth_is_the_channel_that_looks_most_like_it(
    grey: Callable[[float], NDArray[np.float32]], names: list[str], chosen: str
) -> None:
    data = encode({name: grey(at) for at, name in enumerate(names)})

    assert exr.read_depth(data)[0, 0] == names.index(chosen)


def test_normals_are_three_channels_of_one_layer(
    grey: Callable[[float], NDArray[np.float32]],
) -> None:
    layered = encode({f"View.Normal.{name}": grey(at) for at, name in enumerate("XYZ")})
    plain = encode({name: grey(at) for at, name in enumerate("RGB")})

    assert exr.read_normals(layered)[0, 0].tolist() == [0, 1, 2]
    assert exr.read_normals(plain)[0, 0].tolist() == [0, 1, 2]


def test_missing_channels_are_named_with_those_that_are_there(
    grey: Callable[[float], NDArray[np.float32]],
) -> None:
    with pytest.raises(ValueError, match="has no channels R, G, B; it has A, Z"):
        exr.read_colour(encode({"A": grey(1), "Z": grey(1)}))


def test_nine_tenths_of_a_linear_picture_come_out_below_four_fifths() -> None:
    light = np.random.default_rng(0).exponential(7, (50, 60, 1)).repeat(3, 2).astype(np.float32)

    colours = exr.read_colour(encode({"RGB": light}))

    assert np.quantile(colours, 0.9) == pytest.approx(0.8 * 255, abs=1)
    assert (np.diff(colours.reshape(-1, 3)[np.argsort(light[..., 0].ravel())], axis=0) >= 0).all()
    assert (colours[..., 0] == colours[..., 2]).all()


def test_the_curve_is_that_of_srgb(grey: Callable[[float], NDArray[np.float32]]) -> None:
    light = np.stack([grey(0.6038), grey(0.2140), grey(0.0010)], -1)
    light[:2] = 0.6038  # so that exposure leaves it as it is

    colours = exr.read_colour(encode({"RGB": light}))

    assert colours[3, 0].tolist() == [204, 127, 3]  # 0.8, 0.5 and, on the straight part, 12.92 x


def test_colours_that_are_no_numbers_are_refused(
    grey: Callable[[float], NDArray[np.float32]],
) -> None:
    light = np.stack([grey(np.nan)] * 3, -1)

    with pytest.raises(ValueError, match="has colours that are not finite"):
        exr.read_colour(encode({"RGB": light}))


@pytest.mark.parametrize(
    "compression",
    [
        OpenEXR.NO_COMPRESSION,
        OpenEXR.RLE_COMPRESSION,
        OpenEXR.ZIPS_COMPRESSION,
        OpenEXR.ZIP_COMPRESSION,
        OpenEXR.PIZ_COMPRESSION,
        OpenEXR.PXR24_COMPRESSION,
        OpenEXR.B44_COMPRESSION,
        OpenEXR.DWAA_COMPRESSION,
        OpenEXR.DWAB_COMPRESSION,
    ],
)
def test_whole_files_of_every_compression_are_told_from_cut_ones(
    tmp_path: Path, compression: OpenEXR.Compression
) -> None:
    values = np.random.default_rng(0).random((300, 20)).astype(np.float32)
    data = encode({"Z": values}, compression)
    (tmp_path / "whole.exr").write_bytes(data)
    (tmp_path / "cut.exr").write_bytes(data[:-1])

    found = examine(Folder(tmp_path), "whole.exr", exr.read_header)

    assert (found.height, found.width, found.channels) == (300, 20, ("Z",))
    with pytest.raises(Exception, match=r"cut\.exr: is cut off"):
        examine(Folder(tmp_path), "cut.exr", exr.read_header)
