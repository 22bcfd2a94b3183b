"""One depth map into the bytes of one file, strip by strip; who stores them is not known here.

Bytes are a function of the arguments alone: no times, no versions, no paths.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from marigold_cli.depth import DepthKind, DepthMap, Floats, Intrinsic, Space
from marigold_cli.files.colormap import palette
from marigold_cli.files.disk import Buffer
from marigold_cli.files.exr import stream_exr
from marigold_cli.files.names import UNCERTAINTY_SUFFIXES, Output, Quantity
from marigold_cli.files.npy import stream_npy
from marigold_cli.files.png import stream_grey16, stream_palette, stream_rgb8
from marigold_cli.files.strips import Strips
from marigold_cli.files.tiff import stream_tiff
from marigold_cli.files.tones import brightest, range_of, to_bytes, to_grey, to_index

_Facts: TypeAlias = dict[str, str | float | list[str | None] | None]

_GAMMA = 2.2  # of the screens that linear light is shown on


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


class Writer(ABC):
    """Makes one file of one map."""

    @abstractmethod
    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; nothing is made before it is asked for."""

    def encode(self, depth: DepthMap, tags: Tags) -> bytes:
        """Make the whole file in memory."""
        return b"".join(self.stream(Strips(depth), tags))


class NpyWriter(Writer):
    """float32 in NumPy's own format; NaN where nothing is known. It has no room for tags."""

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece."""
        return stream_npy(_shape(strips), map(_floats, strips))


class TiffWriter(Writer):
    """float32 TIFF, deflate with the predictor for floats; NaN where nothing is known."""

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; its ImageDescription is that of `describe`."""
        text = describe(strips.corner, tags)
        return stream_tiff(_shape(strips), map(_floats, strips), text, tags.orientation)


class ExrWriter(Writer):
    """OpenEXR with one float32 channel Z, or three in R, G, B: normals' x, y, z; NaN: not known.

    Not compressed: the lossless methods take half a second per 12 megapixels to save 4 to 15 %.
    """

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; its attribute "marigold" is that of `describe`."""
        corner = strips.corner
        channels = "Z" if corner.values.ndim == 2 else "RGB"
        return stream_exr(strips.size, channels, describe(corner, tags), map(_floats, strips))


class PngWriter(Writer):
    """16-bit grey PNG: affine values times 65535, metric ones in millimetres; 0 where unknown."""

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; its text chunk is that of `describe`."""
        scale = 1000 if strips.corner.kind is DepthKind.METRIC else 65535
        rows = (to_grey(strip, scale) for strip in strips)
        text = describe(strips.corner, tags, scale)
        return stream_grey16(strips.size, rows, text, tags.orientation)


class ColorWriter(Writer):
    """Palette PNG for the eye: the first colour is near, unless the map was inverted.

    Metric depth runs from the nearest to the farthest point of the photo. Where nothing is known
    the picture is transparent.
    """

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; its text chunk is that of `describe`."""
        corner = strips.corner
        ends = range_of(strips) if corner.kind is DepthKind.METRIC else None
        # the last colour but one serves twice where the last is nothing
        opacity = b"" if corner.valid is None else b"\xff" * 255 + b"\0"
        yield from stream_palette(
            strips.size,
            (to_index(strip, ends) for strip in strips),
            palette(tags.colormap),
            opacity,
            describe(corner, tags),
            tags.orientation,
        )


class NormalsColorWriter(Writer):
    """8-bit colour PNG of normals as they are usually drawn: -1 to 1 as 0 to 255 in each channel.

    A wall that faces the viewer is light blue.
    """

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; its text chunk is that of `describe`."""
        rows = (to_bytes((strip.values + 1) * np.float32(0.5)) for strip in strips)
        return stream_rgb8(strips.size, rows, describe(strips.corner, tags), tags.orientation)


class IntrinsicColorWriter(Writer):
    """8-bit colour PNG of one intrinsic image for the eye: linear light is encoded for screens.

    Where a factor is not known, the brightest value becomes white. Stacks are shown as they are.
    """

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece; its text chunk is that of `describe`."""
        (intrinsic,) = strips.corner.intrinsics
        lights = (np.clip(strip.values, 0, 1) for strip in strips)
        if intrinsic.space is Space.LINEAR:
            white = brightest(strips) if intrinsic.is_up_to_scale else np.float32(1)
            lights = ((light / white) ** np.float32(1 / _GAMMA) for light in lights)
        text = describe(strips.corner, tags)
        yield from stream_rgb8(strips.size, map(to_bytes, lights), text, tags.orientation)


@dataclass(frozen=True)
class UncertaintyWriter(Writer):
    """The ensemble's spread in the format of another writer."""

    writer: Writer

    def stream(self, strips: Strips, tags: Tags) -> Iterator[Buffer]:
        """Make the file piece by piece.

        Raises:
            ValueError: a map without uncertainty, made by a single member.
        """
        return self.writer.stream(strips.spread(), replace(tags, quantity="uncertainty"))


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


def _shape(strips: Strips) -> tuple[int, ...]:
    return (*strips.size, *strips.corner.values.shape[2:])


def _floats(strip: DepthMap) -> Floats:
    if strip.valid is None:
        return strip.values
    valid = strip.valid.reshape(*strip.valid.shape, *(1,) * (strip.values.ndim - 2))
    return np.where(valid, strip.values, np.float32(np.nan))
