from __future__ import annotations

import json
import struct
import tempfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.depth import DepthKind, DepthMap, Intrinsic, Space
from marigold_cli.files.colormap import COLORMAPS, palette
from marigold_cli.files.writers import (
    INTRINSIC_WRITERS,
    NORMALS_WRITERS,
    UNCERTAINTY_WRITERS,
    WRITERS,
    Tags,
)

TAGS = Tags(settings='{"fp":"0123456789abcdef","model":"tiny"}')
PNG_CHUNKS = {"png": (16, 0), "color": (8, 3)}  # bit depth and colour type


@pytest.fixture
def depth() -> DepthMap:
    rows, columns = np.mgrid[0:37, 0:53].astype(np.float32)
    values = (np.sin(columns / 8) + rows / 30).astype(np.float32)
    values = (values - values.min()) / np.ptp(values)
    return DepthMap(values, uncertainty=(values * 0.1).astype(np.float32))


def chunks(data: bytes) -> dict[bytes, bytes]:
    found, place = {}, 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        found[name] = data[place + 8 : place + 8 + length]
        place += 12 + length
    return found


def note(key: str, data: bytes) -> dict[str, object]:
    """What a file says about itself, read by a library that did not write it."""
    if key == "tiff":
        return json.loads(Image.open(BytesIO(data)).tag_v2[270])
    if key == "exr":
        return json.loads(read_exr(data)[0]["marigold"])
    return json.loads(Image.open(BytesIO(data)).text["marigold"])


def read_exr(data: bytes) -> tuple[dict[str, object], NDArray[np.float32]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "depth.exr")
        path.write_bytes(data)
        with OpenEXR.File(str(path), separate_channels=True) as file:
            assert list(file.channels()) == ["Z"]
            return dict(file.header()), file.channels()["Z"].pixels.copy()


def test_npy_gives_back_every_bit(depth: DepthMap) -> None:
    data = WRITERS["npy"].encode(depth, TAGS)

    back = np.load(BytesIO(data), allow_pickle=False)

    assert back.dtype == np.float32
    assert np.array_equal(back, depth.values)


def test_tiff_gives_back_every_bit_to_pillow_and_tifffile(depth: DepthMap) -> None:
    data = WRITERS["tiff"].encode(depth, TAGS)

    by_pillow = Image.open(BytesIO(data))
    by_tifffile = tifffile.imread(BytesIO(data))

    assert by_pillow.mode == "F"
    assert np.array_equal(np.asarray(by_pillow), depth.values)
    assert np.array_equal(by_tifffile, depth.values)


def test_tiff_is_compressed_and_tagged(depth: DepthMap) -> None:
    data = WRITERS["tiff"].encode(depth, replace(TAGS, orientation=6))

    tags = Image.open(BytesIO(data)).tag_v2
    assert (tags[259], tags[317], tags[339], tags[274]) == (8, 3, (3,), 6)
    assert json.loads(tags[270]) == {
        "quantity": "depth",
        "kind": "affine-depth",
        "near": 0.0,
        "far": 1.0,
        "settings": {"fp": "0123456789abcdef", "model": "tiny"},
    }


def test_exr_is_an_exr_with_one_float_channel_z(depth: DepthMap) -> None:
    data = WRITERS["exr"].encode(depth, TAGS)

    header, values = read_exr(data)

    assert data[:4] == bytes.fromhex("762f3101")
    assert b"channels\0chlist\0\x13\0\0\0Z\0\x02\0\0\0" in data  # Z, pixel type 2: float
    assert values.dtype == np.float32
    assert np.array_equal(values, depth.values)
    assert header["dataWindow"][1].tolist() == [52, 36]


def test_png_has_16_bits_that_are_rounded_and_read_alike(depth: DepthMap) -> None:
    data = WRITERS["png"].encode(depth, TAGS)

    by_pillow = np.asarray(Image.open(BytesIO(data)))
    by_libpng = imagecodecs.png_decode(data)

    exact = depth.values.astype(np.float64) * 65535
    assert data[24:26] == bytes([16, 0])
    assert np.array_equal(by_pillow, by_libpng)
    assert np.abs(by_libpng - exact).max() < 0.51
    assert (by_libpng > exact).mean() > 0.4  # truncation would never lie above
    assert (by_libpng.min(), by_libpng.max()) == (0, 65535)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_the_smallest_maps_can_be_written(shape: tuple[int, int]) -> None:
    values = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)

    grey = imagecodecs.png_decode(WRITERS["png"].encode(DepthMap(values), TAGS))
    colour = Image.open(BytesIO(WRITERS["color"].encode(DepthMap(values), TAGS)))
    exr = read_exr(WRITERS["exr"].encode(DepthMap(values), TAGS))[1]

    assert np.array_equal(grey.reshape(shape), np.floor(values * 65535 + 0.5))
    assert np.asarray(colour).shape == shape
    assert np.array_equal(exr, values)


def test_values_out_of_range_are_cut_in_pngs() -> None:
    values = np.array([[-0.5, 0, 1, 1.5, np.nan, np.inf]], np.float32)

    grey = np.asarray(Image.open(BytesIO(WRITERS["png"].encode(DepthMap(values), TAGS))))
    colour = np.asarray(Image.open(BytesIO(WRITERS["color"].encode(DepthMap(values), TAGS))))

    assert grey.tolist() == [[0, 0, 65535, 65535, 0, 65535]]
    assert colour.tolist() == [[0, 0, 255, 255, 0, 255]]


@pytest.mark.parametrize("name", COLORMAPS)
def test_colour_is_a_palette_that_looks_like_direct_colouring(depth: DepthMap, name: str) -> None:
    data = WRITERS["color"].encode(depth, replace(TAGS, colormap=name))

    image = Image.open(BytesIO(data))

    direct = palette(name)[np.floor(depth.values * 255 + 0.5).astype(int)]
    assert image.mode == "P"
    assert data[24:26] == bytes([8, 3])
    assert np.array_equal(np.asarray(image.convert("RGB")), direct)
    assert np.array_equal(imagecodecs.png_decode(data)[..., :3], direct)


def first_and_last(depth: DepthMap) -> list[int]:
    indices = np.asarray(Image.open(BytesIO(WRITERS["color"].encode(depth, TAGS))))
    return [int(indices[0, 0]), int(indices[0, -1])]


def test_the_first_colour_is_near_whatever_the_model_predicts() -> None:
    ramp = np.linspace(0, 1, 8, dtype=np.float32)[None]

    near_to_far = DepthMap(ramp)
    far_to_near = DepthMap(ramp, DepthKind.AFFINE_DISPARITY)
    metres = DepthMap(2 + 40 * ramp, DepthKind.METRIC)

    assert first_and_last(near_to_far) == [0, 255]
    assert first_and_last(far_to_near) == [255, 0]
    assert first_and_last(metres) == [0, 255]


def test_inverting_turns_the_colours_around_and_says_so(depth: DepthMap) -> None:
    data = WRITERS["color"].encode(depth.invert(), TAGS)

    indices = np.asarray(Image.open(BytesIO(data)))

    plain = np.asarray(Image.open(BytesIO(WRITERS["color"].encode(depth, TAGS))))
    assert np.abs(indices.astype(int) - (255 - plain.astype(int))).max() <= 1
    assert (note("color", data)["near"], note("color", data)["far"]) == (1.0, 0.0)


@pytest.mark.parametrize("key", ["tiff", "exr", "png", "color"])
def test_a_stray_file_tells_what_it_is(depth: DepthMap, key: str) -> None:
    disparity = replace(depth, kind=DepthKind.AFFINE_DISPARITY)

    said = note(key, WRITERS[key].encode(disparity, TAGS))

    assert said["kind"] == "affine-disparity"
    assert (said["near"], said["far"]) == (1.0, 0.0)
    assert said["settings"] == {"fp": "0123456789abcdef", "model": "tiny"}
    assert said.get("scale") == (65535 if key == "png" else None)


def test_metric_png_is_in_millimetres_and_says_so() -> None:
    metres = DepthMap(np.array([[0.0004, 1.2346, 65.535, 80, -1]], np.float32), DepthKind.METRIC)

    data = WRITERS["png"].encode(metres, TAGS)

    assert np.asarray(Image.open(BytesIO(data))).tolist() == [[0, 1235, 65535, 65535, 0]]
    assert note("png", data) == {
        "quantity": "depth",
        "kind": "metric",
        "unit": "mm",
        "settings": {"fp": "0123456789abcdef", "model": "tiny"},
    }


@pytest.mark.parametrize("orientation", range(2, 9))
def test_viewers_are_told_to_turn_the_stored_grid(depth: DepthMap, orientation: int) -> None:
    for key in ("tiff", "png", "color"):
        data = WRITERS[key].encode(depth, replace(TAGS, orientation=orientation))
        plain = WRITERS[key].encode(depth, TAGS)

        assert Image.open(BytesIO(data)).getexif()[0x0112] == orientation
        assert 0x0112 not in Image.open(BytesIO(plain)).getexif()


def test_what_is_unknown_is_nan_or_nothing(depth: DepthMap) -> None:
    valid = np.ones(depth.shape, np.bool_)
    valid[:5] = False
    partial = replace(depth, valid=valid)

    floats = [
        np.load(BytesIO(WRITERS["npy"].encode(partial, TAGS))),
        tifffile.imread(BytesIO(WRITERS["tiff"].encode(partial, TAGS))),
        read_exr(WRITERS["exr"].encode(partial, TAGS))[1],
    ]
    grey = np.asarray(Image.open(BytesIO(WRITERS["png"].encode(partial, TAGS))))
    colour = np.asarray(Image.open(BytesIO(WRITERS["color"].encode(partial, TAGS))).convert("RGBA"))

    for values in floats:
        assert np.array_equal(np.isnan(values), ~valid)
        assert np.array_equal(values[5:], depth.values[5:])
    assert not grey[:5].any()
    assert np.array_equal(colour[..., 3] == 255, valid)
    full = np.asarray(Image.open(BytesIO(WRITERS["color"].encode(depth, TAGS))).convert("RGB"))
    assert np.abs(colour[5:, :, :3].astype(int) - full[5:]).max() <= 4


@pytest.mark.parametrize("key", UNCERTAINTY_WRITERS)
def test_uncertainty_is_written_like_depth(depth: DepthMap, key: str) -> None:
    data = UNCERTAINTY_WRITERS[key].encode(depth, TAGS)

    twin = WRITERS[key].encode(DepthMap(depth.uncertainty), TAGS)
    if key == "npy":
        assert data == twin
    else:
        assert note(key, data)["quantity"] == "uncertainty"
        assert "near" not in note(key, data)
    if key == "png":
        assert chunks(data)[b"IDAT"] == chunks(twin)[b"IDAT"]


def test_a_single_prediction_has_no_uncertainty(depth: DepthMap) -> None:
    with pytest.raises(ValueError, match="no uncertainty"):
        UNCERTAINTY_WRITERS["npy"].encode(replace(depth, uncertainty=None), TAGS)


@pytest.mark.parametrize("key", WRITERS)
def test_views_and_other_floats_are_written_like_plain_arrays(depth: DepthMap, key: str) -> None:
    turned = replace(depth, values=depth.values[::-1, ::-1].T, uncertainty=None)
    plain = replace(turned, values=np.ascontiguousarray(turned.values))

    assert WRITERS[key].encode(turned, TAGS) == WRITERS[key].encode(plain, TAGS)


@pytest.mark.parametrize("key", WRITERS)
def test_bytes_depend_on_nothing_but_the_arguments(
    depth: DepthMap, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = WRITERS[key].encode(depth, TAGS)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)

    again = WRITERS[key].encode(depth, TAGS)

    assert again == once
    assert b"20" + b"2" not in once[:200] or key == "npy"


def test_names_in_settings_stay_ascii_in_the_file(depth: DepthMap) -> None:
    tags = Tags(settings=json.dumps({"model": "Ölbild/深度"}, ensure_ascii=False))

    for key in ("tiff", "png", "color", "exr"):
        data = WRITERS[key].encode(depth, tags)

        assert note(key, data)["settings"] == {"model": "Ölbild/深度"}


@pytest.fixture
def normals() -> DepthMap:
    values = np.random.default_rng(0).standard_normal((23, 31, 3))
    values /= np.linalg.norm(values, axis=-1, keepdims=True)
    spread = np.full((23, 31), 0.25, np.float32)
    return DepthMap(values.astype(np.float32), DepthKind.NORMALS, uncertainty=spread)


def read_normals(key: str, data: bytes) -> NDArray[np.float32]:
    if key == "npy":
        return np.load(BytesIO(data))
    if key == "tiff":
        return tifffile.imread(BytesIO(data))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "normals.exr")
        path.write_bytes(data)
        with OpenEXR.File(str(path), separate_channels=True) as file:
            return np.stack([file.channels()[name].pixels for name in "RGB"], axis=-1)


@pytest.mark.parametrize("key", ["npy", "tiff", "exr"])
def test_normals_are_kept_to_the_bit(key: str, normals: DepthMap) -> None:
    data = NORMALS_WRITERS[key].encode(normals, replace(TAGS, quantity="normals"))

    assert np.array_equal(read_normals(key, data), normals.values)


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_colours_of_normals_are_minus_one_to_one_as_0_to_255(
    normals: DepthMap, orientation: int
) -> None:
    tags = replace(TAGS, quantity="normals", orientation=orientation)

    data = NORMALS_WRITERS["color"].encode(normals, tags)

    picture = Image.open(BytesIO(data))
    picture.load()
    assert picture.mode == "RGB"
    expected = np.rint((normals.values.astype(np.float64) + 1) / 2 * 255)
    assert np.abs(np.asarray(picture) - expected).max() <= 1
    assert np.mean(np.asarray(picture) != expected) < 0.001
    assert picture.getexif().get(274, 1) == orientation


@pytest.mark.parametrize("key", ["tiff", "exr", "color"])
def test_a_file_of_normals_says_where_its_axes_point(key: str, normals: DepthMap) -> None:
    data = NORMALS_WRITERS[key].encode(normals, replace(TAGS, quantity="normals"))

    if key == "exr":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "normals.exr")
            path.write_bytes(data)
            with OpenEXR.File(str(path)) as file:
                said = json.loads(file.header()["marigold"])
    elif key == "tiff":  # Pillow reads no floats in three channels
        with tifffile.TiffFile(BytesIO(data)) as file:
            said = json.loads(file.pages[0].description)
    else:
        said = note(key, data)
    assert (said["quantity"], said["kind"]) == ("normals", "normals")
    assert said["axes"] == "x right, y up, z to the viewer"
    assert "near" not in said


def test_the_spread_of_normals_is_one_number_a_pixel(normals: DepthMap) -> None:
    data = UNCERTAINTY_WRITERS["png"].encode(normals, TAGS)

    assert (imagecodecs.png_decode(data) == round(0.25 * 65535)).all()


def intrinsic(one: Intrinsic, values: NDArray[np.float32]) -> DepthMap:
    return DepthMap(values.astype(np.float32), DepthKind.INTRINSICS, intrinsics=(one,))


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (Intrinsic("albedo"), lambda v: v),
        (Intrinsic("albedo", Space.LINEAR), lambda v: v ** (1 / 2.2)),
        (Intrinsic("shading", Space.LINEAR, True), lambda v: (v / v.max()) ** (1 / 2.2)),
        (Intrinsic("material", Space.STACK, channels=("roughness", "metallicity", None)),
         lambda v: v),
    ],
)  # fmt: skip
def test_an_intrinsic_image_is_shown_as_its_space_says(one: Intrinsic, shown: Any) -> None:
    values = np.random.default_rng(0).random((9, 7, 3)) * 0.6

    data = INTRINSIC_WRITERS["color"].encode(intrinsic(one, values), replace(TAGS, orientation=6))

    pixels = imagecodecs.png_decode(data)
    assert np.abs(pixels - 255 * shown(values.astype(np.float32))).max() < 0.51
    assert Image.open(BytesIO(data)).getexif()[274] == 6


def test_an_image_without_any_light_is_black() -> None:
    dark = intrinsic(Intrinsic("residual", Space.LINEAR, True), np.zeros((4, 5, 3)))

    assert not imagecodecs.png_decode(INTRINSIC_WRITERS["color"].encode(dark, TAGS)).any()


@pytest.mark.parametrize("key", ["tiff", "exr", "color"])
def test_an_intrinsic_image_says_which_and_in_which_space_it_is(key: str) -> None:
    stack = Intrinsic("material", Space.STACK, channels=("roughness", "metallicity", None))
    values = np.random.default_rng(0).random((4, 5, 3))
    tags = replace(TAGS, quantity="intrinsic")

    data = INTRINSIC_WRITERS[key].encode(intrinsic(stack, values), tags)

    if key == "exr":
        said = json.loads(OpenEXR.File(BytesIO(data)).header()["marigold"])
    elif key == "tiff":
        said = json.loads(tifffile.TiffFile(BytesIO(data)).pages[0].description)
    else:
        said = note(key, data)
    assert (said["quantity"], said["kind"]) == ("intrinsic", "intrinsics")
    assert (said["intrinsic"], said["space"]) == ("material", "stack")
    assert said["channels"] == ["roughness", "metallicity", None]
    assert "near" not in said
