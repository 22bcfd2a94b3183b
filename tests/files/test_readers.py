from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import tifffile
from numpy.typing import NDArray

from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.files import readers
from marigold_cli.files.npy import encode_npy
from marigold_cli.files.readers import read_map, read_numbers, read_plane, read_steps, read_vectors
from marigold_cli.files.writers import NORMALS_WRITERS, UNCERTAINTY_WRITERS, WRITERS, Tags

NUMERIC = ["npy", "tiff", "exr", "png"]
SCALARS = [DepthKind.AFFINE_DEPTH, DepthKind.AFFINE_DISPARITY, DepthKind.METRIC]


@pytest.fixture
def values() -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(0.01, 1, (12, 17)).astype(np.float32)


def step_of(format: str, kind: DepthKind) -> float:
    """How far apart the numbers of a file are."""
    return {"png": 1e-3 if kind is DepthKind.METRIC else 1 / 65535}.get(format, 0.0)


def npy(values: NDArray[np.generic]) -> bytes:
    file = BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


def exr(**channels: NDArray[np.float32]) -> bytes:
    file = BytesIO()
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    OpenEXR.File(header, channels).write(file)
    return file.getvalue()


def tiff(values: NDArray[np.generic]) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, values)
    return file.getvalue()


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("format", NUMERIC)
def test_what_a_writer_wrote_is_read_back(
    format: str, kind: DepthKind, values: NDArray[np.float32]
) -> None:
    read = read_map(WRITERS[format].encode(DepthMap(values, kind), Tags()), kind)

    assert read.dtype == np.float32
    np.testing.assert_allclose(read, values, rtol=0, atol=0.51 * step_of(format, kind))


@pytest.mark.parametrize("format", NUMERIC)
def test_unknown_metric_depth_stays_unknown(format: str, values: NDArray[np.float32]) -> None:
    known = values > 0.3
    depth = DepthMap(values, DepthKind.METRIC, known)

    read = read_map(WRITERS[format].encode(depth, Tags()), DepthKind.METRIC)

    assert np.array_equal(np.isfinite(read), known)


@pytest.mark.parametrize("format", NUMERIC)
def test_the_spread_is_read_back_as_well(format: str, values: NDArray[np.float32]) -> None:
    depth = replace(DepthMap(values), uncertainty=values / 10)

    read = read_map(UNCERTAINTY_WRITERS[format].encode(depth, Tags()), depth.kind)

    np.testing.assert_allclose(read, values / 10, rtol=0, atol=0.51 / 65535)


@pytest.mark.parametrize("format", ["npy", "tiff", "exr"])
def test_normals_are_read_back(format: str) -> None:
    values = np.random.default_rng(0).standard_normal((12, 17, 3)).astype(np.float32)
    depth = DepthMap(values, DepthKind.NORMALS)

    assert np.array_equal(
        read_map(NORMALS_WRITERS[format].encode(depth, Tags()), DepthKind.NORMALS), values
    )


def test_a_map_is_decoded_once(
    monkeypatch: pytest.MonkeyPatch, values: NDArray[np.float32]
) -> None:
    data = WRITERS["png"].encode(DepthMap(values), Tags())
    decoded: list[bytes] = []

    def decode(data: bytes) -> NDArray[np.generic]:
        decoded.append(data)
        return imagecodecs.png_decode(data)

    monkeypatch.setitem(readers._DECODERS, readers.PNG_SIGNATURE, decode)

    read_map(data, DepthKind.AFFINE_DEPTH)

    assert decoded == [data]


def test_files_of_other_programs_are_read(values: NDArray[np.float32]) -> None:
    steps = (values * 9000).astype(np.uint16)
    files = [
        npy(values.astype(">f8")),
        npy(values[..., None]),
        npy(np.asfortranarray(values)),
        exr(Y=values),
        exr(R=values),
        tiff(values.astype(np.float64)),
    ]

    for data in files:
        assert np.array_equal(read_map(data, DepthKind.METRIC), values)
    assert np.array_equal(read_steps(imagecodecs.png_encode(steps)), steps)
    assert np.array_equal(read_plane(tiff(steps)), steps)


@pytest.mark.parametrize("format", NUMERIC)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_that_is_cut_off_is_damaged(
    format: str, share: float, values: NDArray[np.float32]
) -> None:
    data = WRITERS[format].encode(DepthMap(values), Tags())

    with pytest.raises(ValueError, match="is damaged or of a rare kind"):
        read_map(data[: int(share * len(data))], DepthKind.AFFINE_DEPTH)


def test_what_holds_no_depth_is_refused_with_what_it_holds(values: NDArray[np.float32]) -> None:
    grey = (values * 255).astype(np.uint8)

    with pytest.raises(ValueError, match=r"is not \.npy, PNG, OpenEXR or TIFF"):
        read_numbers(b"\xff\xd8\xff\xe0 a JPEG")
    with pytest.raises(ValueError, match="holds uint8"):
        read_map(imagecodecs.png_encode(grey), DepthKind.AFFINE_DEPTH)
    with pytest.raises(ValueError, match="holds int64"):
        read_map(npy(grey.astype(np.int64)), DepthKind.AFFINE_DEPTH)
    with pytest.raises(ValueError, match=r"\(12, 17, 3\), not one number"):
        read_plane(encode_npy(np.stack([values] * 3, axis=-1)))
    with pytest.raises(ValueError, match="not three floats a pixel"):
        read_vectors(encode_npy(values))
    with pytest.raises(ValueError, match="it has A, B; depth is looked for in Z"):
        read_numbers(exr(A=values, B=values))


def test_an_array_of_objects_is_never_unpacked() -> None:
    with pytest.raises(ValueError, match="is damaged or of a rare kind"):
        read_numbers(npy(np.array([[print]], dtype=object)))
