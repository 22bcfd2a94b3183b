from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import tifffile
from numpy.typing import NDArray

from marigold_cli.depth import AnyMap, DepthKind, DepthMap, Intrinsic, Space
from marigold_cli.files import strips as module
from marigold_cli.files.exr import stream_exr
from marigold_cli.files.orientation import turn_stored
from marigold_cli.files.strips import Strips, split
from marigold_cli.files.vectors import turn_normals_stored
from marigold_cli.files.writers import (
    INTRINSIC_WRITERS,
    NORMALS_WRITERS,
    UNCERTAINTY_WRITERS,
    WRITERS,
    Tags,
    Writer,
)

EVERY = pytest.mark.parametrize("orientation", range(1, 9))
SHAPE = (37, 53)
IMAGES = (Intrinsic("shading", Space.LINEAR, True),)
MADE = [
    *((writer, DepthKind.AFFINE_DEPTH) for writer in WRITERS.values()),
    *((writer, DepthKind.METRIC) for writer in WRITERS.values()),
    *((writer, DepthKind.AFFINE_DEPTH) for writer in UNCERTAINTY_WRITERS.values()),
    *((writer, DepthKind.NORMALS) for writer in NORMALS_WRITERS.values()),
    *((writer, DepthKind.INTRINSICS) for writer in INTRINSIC_WRITERS.values()),
]


def make(kind: DepthKind, seed: int = 0) -> DepthMap:
    rng = np.random.default_rng(seed)
    is_flat = kind.is_affine or kind is DepthKind.METRIC
    values = rng.random((*SHAPE, 1 if is_flat else 3), np.float32)
    return DepthMap(
        values[..., 0] * (40 if kind is DepthKind.METRIC else 1) if is_flat else values,
        kind,
        valid=rng.random(SHAPE) > 0.1 if is_flat else None,
        uncertainty=rng.random(SHAPE, np.float32),
        intrinsics=IMAGES if kind is DepthKind.INTRINSICS else (),
    )


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of the tests' size has many strips, the last one shorter."""
    monkeypatch.setattr(module, "_STRIP_PX", 5 * SHAPE[1] + 3)


def test_strips_are_all_rows_in_their_order() -> None:
    rows = list(split(10_000, 300))

    assert [part.start for part in rows[1:]] == [part.stop for part in rows[:-1]]
    assert (rows[0].start, rows[-1].stop) == (0, 10_000)
    assert len({part.stop - part.start for part in rows[:-1]}) == 1
    assert list(split(2, 1 << 30)) == [slice(0, 1), slice(1, 2)]  # no row is cut


@EVERY
@pytest.mark.parametrize("kind", [DepthKind.AFFINE_DEPTH, DepthKind.NORMALS])
def test_strips_of_the_stored_grid_are_the_turned_map(
    orientation: int, kind: DepthKind, thin: None
) -> None:
    depth = make(kind)
    strips = Strips(depth, orientation)

    found = [*strips]

    turn = turn_normals_stored if kind is DepthKind.NORMALS else turn_stored
    expected = turn(depth.values, orientation)
    assert len(found) > 5
    assert strips.size == expected.shape[:2]
    assert np.array_equal(np.concatenate([one.values for one in found]), expected)
    if depth.valid is not None:
        masks = [one.valid for one in found if one.valid is not None]
        assert np.array_equal(np.concatenate(masks), turn_stored(depth.valid, orientation))


def test_inverted_strips_are_the_inverted_map_and_its_spread_stays(thin: None) -> None:
    depth = make(DepthKind.AFFINE_DEPTH)
    strips = Strips(depth, is_inverted=True)

    values = np.concatenate([one.values for one in strips])
    spread = np.concatenate([one.values for one in strips.spread()])

    assert np.array_equal(values, depth.invert().values)
    assert np.array_equal(spread, depth.uncertainty)
    assert (strips.corner.near_is, strips.spread().corner.near_is) == (1.0, 1.0)


@EVERY
@pytest.mark.parametrize(("writer", "kind"), MADE)
def test_a_file_is_the_same_in_many_strips_and_in_one(
    writer: Writer, kind: DepthKind, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    strips, tags = Strips(make(kind), orientation), Tags(orientation=orientation)
    whole = b"".join(writer.stream(strips, tags))

    monkeypatch.setattr(module, "_STRIP_PX", 300)
    pieces = b"".join(writer.stream(strips, tags))

    if whole[:2] == b"II":  # its strips are packed one by one
        assert np.array_equal(read_tiff(pieces), read_tiff(whole), equal_nan=True)
    else:
        assert pieces == whole


def read_tiff(data: bytes) -> NDArray[np.float32]:
    values: NDArray[np.float32] = tifffile.imread(BytesIO(data))
    return values


def test_a_tiff_is_what_tifffile_makes_of_the_whole(thin: None) -> None:
    values = make(DepthKind.AFFINE_DEPTH).values

    data = WRITERS["tiff"].encode(DepthMap(values), Tags())

    page = tifffile.TiffFile(BytesIO(data)).pages[0]
    twin = BytesIO()
    tifffile.imwrite(
        twin,
        values,
        compression="zlib",
        compressionargs={"level": 1},
        predictor=True,
        rowsperstrip=5,
        photometric="minisblack",
        description=page.description,
        metadata=None,
        software=False,
    )
    assert data == twin.getvalue()


@pytest.mark.parametrize("channels", ["Z", "RGB"])
def test_an_exr_is_what_openexr_makes_of_the_whole(channels: str) -> None:
    shape = SHAPE if channels == "Z" else (*SHAPE, 3)
    values = np.random.default_rng(0).random(shape, np.float32)

    data = b"".join(stream_exr(SHAPE, channels, "a note", [values[:9], values[9:]]))

    header = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.NO_COMPRESSION,
        "marigold": "a note",
    }
    twin = BytesIO()
    OpenEXR.File(header, {channels: values}).write(twin)
    assert data == twin.getvalue()


@dataclass(frozen=True)
class Ramp:
    """A map of any size that is made as it is asked for."""

    shape: tuple[int, int]

    def spread(self) -> AnyMap:
        raise ValueError

    def cut(self, rows: slice, columns: slice) -> DepthMap:
        y, x = np.ogrid[rows, columns]
        height, width = self.shape
        return DepthMap(((y / height + x / width) / 2).astype(np.float32))


def pieces_of(key: str, size: tuple[int, int]) -> Iterator[bytes]:
    yield from map(bytes, WRITERS[key].stream(Strips(Ramp(size)), Tags()))


@pytest.mark.parametrize(
    ("key", "bytes_a_pixel"), [("npy", 0), ("exr", 0), ("color", 3), ("png", 6), ("tiff", 1)]
)
def test_a_writer_holds_no_map_of_a_big_photo(key: str, bytes_a_pixel: int) -> None:
    size = (5000, 8000)

    tracemalloc.start()
    stream = WRITERS[key].stream(Strips(Ramp(size)), Tags())
    length = sum(memoryview(piece).nbytes for piece in stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert length > 100_000
    assert peak < bytes_a_pixel * size[0] * size[1] + (24 << 20)


def test_a_big_photo_in_strips_is_read_back_to_the_bit() -> None:
    size = (700, 3001)  # nine strips, the last one shorter

    grey = imagecodecs.png_decode(b"".join(pieces_of("png", size)))
    floats = np.load(BytesIO(b"".join(pieces_of("npy", size))))

    values = Ramp(size).cut(slice(0, size[0]), slice(0, size[1])).values
    assert np.array_equal(floats, values)
    assert np.array_equal(grey, np.floor(values * np.float32(65535) + np.float32(0.5)))


def test_metric_colours_span_the_whole_map_not_a_strip(thin: None) -> None:
    metres = replace(make(DepthKind.METRIC), valid=None)

    data = WRITERS["color"].encode(metres, Tags(colormap="gray"))

    share = (metres.values - metres.values.min()) / np.ptp(metres.values)
    shades = imagecodecs.png_decode(data)[..., 0]
    assert np.abs(shades - 255 * share).max() < 0.51
