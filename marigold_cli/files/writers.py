"""One depth map into the bytes of one file, in memory; who stores them is not known here.

Bytes are a function of the arguments alone: no times, no versions, no paths.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Protocol, TypeAlias

import numpy as np
import OpenEXR
import tifffile

from marigold_cli.depth import DepthKind, DepthMap, Floats, Intrinsic, Space, normalise
from marigold_cli.files.colormap import palette
from marigold_cli.files.names import UNCERTAINTY_SUFFIXES, Output, Quantity
from marigold_cli.files.npy import encode_npy
from marigold_cli.files.orientation import ORIENTATION_TAG
from marigold_cli.files.png import encode_grey16, encode_palette, encode_rgb8
from marigold_cli.files.raster import from_unit

_Facts: TypeAlias = dict[str, str | float | list[str | None] | None]

_SHORT = 3  # a type of TIFF tags
_GAMMA = 2.2  # of the screens that linear light is shown on
_DARKEST = np.float32(1e-6)  # an image without any light stays black


@dataclass(frozen=True)
class Tags:
    """What is said in a file about its depth map, beside the numbers.

    Attributes:
        settings: One-line canonical JSON of the run's settings and their fingerprint.
        orientation: EXIF 1..8 that viewers should apply; 1 where the map is upright already.
        colormap: One of `COLORMAPS`, for "color".
        quantity: "depth", "normals", "intrinsic", or "uncertainty": the ensemble's spread in the
            same unit.
    """

    settings: str = "{}"
    orientation: int = 1
    colormap: str = "spectral"
    quantity: Quantity = "depth"


class Writer(Protocol):
    """Puts one depth map into one file."""

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory."""


class NpyWriter:
    """float32 in NumPy's own format; NaN where nothing is known. It has no room for tags."""

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory."""
        return encode_npy(_floats(depth))


class TiffWriter:
    """float32 TIFF, deflate with the predictor for floats; NaN where nothing is known."""

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory; its ImageDescription is that of `describe`."""
        file = BytesIO()
        turn = (ORIENTATION_TAG, _SHORT, 1, tags.orientation, True)
        tifffile.imwrite(
            file,
            _floats(depth),
            photometric="minisblack" if depth.values.ndim == 2 else "rgb",
            compression="zlib",
            compressionargs={"level": 1},
            predictor=True,
            description=describe(depth, tags),
            metadata=None,
            software=False,
            extratags=[turn] if tags.orientation != 1 else [],
        )
        return file.getvalue()


class ExrWriter:
    """OpenEXR with one float32 channel Z, or three in R, G, B: normals' x, y, z; NaN: not known.

    Not compressed: the lossless methods take half a second per 12 megapixels to save 4 to 15 %.
    """

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory; its attribute "marigold" is that of `describe`."""
        header = {
            "type": OpenEXR.scanlineimage,
            "compression": OpenEXR.NO_COMPRESSION,
            "marigold": describe(depth, tags),
        }
        file = BytesIO()
        channel = "Z" if depth.values.ndim == 2 else "RGB"
        OpenEXR.File(header, {channel: _floats(depth)}).write(file)
        return file.getvalue()


class PngWriter:
    """16-bit grey PNG: affine values times 65535, metric ones in millimetres; 0 where unknown."""

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory; its text chunk is that of `describe`."""
        scale = 1000 if depth.kind is DepthKind.METRIC else 65535
        share = depth.values if scale == 65535 else depth.values * np.float32(scale / 65535)
        pixels = from_unit(share, np.dtype(np.uint16)).astype(np.uint16, copy=False)
        if depth.valid is not None:
            pixels[~depth.valid] = 0
        return encode_grey16(pixels, describe(depth, tags, scale), tags.orientation)


class ColorWriter:
    """Palette PNG for the eye: the first colour is near, unless the map was inverted.

    Metric depth runs from the nearest to the farthest point of the photo. Where nothing is known
    the picture is transparent.
    """

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory; its text chunk is that of `describe`."""
        colours, opacity = palette(tags.colormap), b""
        indices = from_unit(_near_first(depth), np.dtype(np.uint8)).astype(np.uint8, copy=False)
        if depth.valid is not None:  # the last colour but one serves twice, the last is nothing
            indices = np.where(depth.valid, np.minimum(indices, 254), np.uint8(255))
            opacity = b"\xff" * 255 + b"\0"
        return encode_palette(indices, colours, opacity, describe(depth, tags), tags.orientation)


class NormalsColorWriter:
    """8-bit colour PNG of normals as they are usually drawn: -1 to 1 as 0 to 255 in each channel.

    A wall that faces the viewer is light blue.
    """

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory; its text chunk is that of `describe`."""
        share = (depth.values + 1) * np.float32(0.5)
        pixels = from_unit(share, np.dtype(np.uint8)).astype(np.uint8, copy=False)
        return encode_rgb8(pixels, describe(depth, tags), tags.orientation)


class IntrinsicColorWriter:
    """8-bit colour PNG of one intrinsic image for the eye: linear light is encoded for screens.

    Where a factor is not known, the brightest value becomes white. Stacks are shown as they are.
    """

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory; its text chunk is that of `describe`."""
        (intrinsic,) = depth.intrinsics
        light = np.clip(depth.values, 0, 1)
        if intrinsic.space is Space.LINEAR:
            white = max(light.max(), _DARKEST) if intrinsic.is_up_to_scale else np.float32(1)
            light = (light / white) ** np.float32(1 / _GAMMA)
        pixels = from_unit(light, np.dtype(np.uint8)).astype(np.uint8, copy=False)
        return encode_rgb8(pixels, describe(depth, tags), tags.orientation)


@dataclass(frozen=True)
class UncertaintyWriter:
    """The ensemble's spread in the format of another writer."""

    writer: Writer

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory.

        Raises:
            ValueError: a depth map without uncertainty, made by a single member.
        """
        if depth.uncertainty is None:
            raise ValueError("a single prediction has no uncertainty to write")
        spread = replace(depth, values=depth.uncertainty, uncertainty=None)
        return self.writer.encode(spread, replace(tags, quantity="uncertainty"))


WRITERS: dict[str, Writer] = {
    "npy": NpyWriter(),
    "tiff": TiffWriter(),
    "png": PngWriter(),
    "color": ColorWriter(),
    "exr": ExrWriter(),
}
_NUMBERS: dict[str, Writer] = {"npy": NpyWriter(), "tiff": TiffWriter(), "exr": ExrWriter()}
NORMALS_WRITERS: dict[str, Writer] = {**_NUMBERS, "color": NormalsColorWriter()}
INTRINSIC_WRITERS: dict[str, Writer] = {**_NUMBERS, "color": IntrinsicColorWriter()}
UNCERTAINTY_WRITERS: dict[str, Writer] = {
    key: UncertaintyWriter(WRITERS[key]) for key in UNCERTAINTY_SUFFIXES
}


_WRITERS_OF: dict[Quantity, dict[str, Writer]] = {
    "depth": WRITERS,
    "normals": NORMALS_WRITERS,
    "intrinsic": INTRINSIC_WRITERS,
    "uncertainty": UNCERTAINTY_WRITERS,
}


def choose_writer(output: Output) -> Writer:
    """The writer of one output."""
    return _WRITERS_OF[output.quantity][output.format]


def describe(depth: DepthMap, tags: Tags, scale: int = 1) -> str:
    """What a stray file tells about itself: one line of JSON in ASCII.

    Args:
        depth: The map, or one intrinsic image.
        tags: Its settings and quantity.
        scale: What the values were multiplied by to become integers.
    """
    facts: _Facts = {"quantity": tags.quantity, "kind": depth.kind.value}
    if tags.quantity == "depth" and depth.near_is is not None:
        facts |= {"near": depth.near_is, "far": 1 - depth.near_is}
    if depth.kind is DepthKind.METRIC:
        facts["unit"] = "mm" if scale == 1000 else "m"
    elif scale != 1:
        facts["scale"] = scale
    if tags.quantity == "normals":
        facts["axes"] = "x right, y up, z to the viewer"
    if depth.intrinsics:
        facts |= _describe_intrinsic(depth.intrinsics[0])
    return json.dumps(facts | {"settings": json.loads(tags.settings)}, separators=(",", ":"))


def _describe_intrinsic(intrinsic: Intrinsic) -> _Facts:
    facts: _Facts = {"intrinsic": intrinsic.name, "space": intrinsic.space.value}
    if intrinsic.is_up_to_scale:
        facts["up_to_scale"] = True
    if intrinsic.channels:
        facts["channels"] = list(intrinsic.channels)
    return facts


def _floats(depth: DepthMap) -> Floats:
    values = np.ascontiguousarray(depth.values, np.float32)
    if depth.valid is None:
        return values
    return np.where(depth.valid, values, np.float32(np.nan))


def _near_first(depth: DepthMap) -> Floats:
    """Values in [0, 1] that grow with the distance, or fall if the map was inverted."""
    if depth.kind is DepthKind.METRIC:
        return normalise(depth.values, depth.valid)
    return 1 - depth.values if depth.kind is DepthKind.AFFINE_DISPARITY else depth.values
