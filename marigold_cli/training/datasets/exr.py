"""OpenEXR: size and channels by a few bytes of a file, and its pixels as NumPy arrays.

A cut file is found here: the OpenEXR library only warns of it, on stdout, and gives no pixels.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from marigold_cli.files.storage import OpenFile

Floats = NDArray[np.float32]

SIGNATURE = b"\x76\x2f\x31\x01"
_HEADER = 1 << 16  # no header is longer [bytes]
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear Rec. 709 primaries
_NOT_PLAIN = 0x200 | 0x800 | 0x1000  # tiled, deep, several parts: chunks of another form
_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # by compression
_CHUNK = struct.Struct("<iI")  # first line, size [bytes]
_BRIGHT = 0.9  # this share of the pixels is darker than...
_WHITE = 0.6038  # ...this after exposure: 0.8 in sRGB, what Hypersim's tone mapping aims at


@dataclass(frozen=True)
class ExrHeader:
    """What an EXR file says of itself before its pixels."""

    height: int
    width: int
    channels: tuple[str, ...]


def read_header(file: OpenFile) -> ExrHeader:
    """Read the header and find out whether the last chunk of pixels is there.

    Raises:
        ValueError: cut off or damaged.
    """
    start = file.read(0, _HEADER)
    try:
        attributes, end = _attributes(start)
        left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
        header = ExrHeader(bottom - top + 1, right - left + 1, _channels(attributes["channels"]))
        lines = _LINES.get(attributes["compression"][0])
    except (KeyError, IndexError, ValueError, struct.error) as error:
        raise ValueError("is cut off or damaged in its header") from error
    (flags,) = struct.unpack_from("<I", start, 4)
    if lines and not flags & _NOT_PLAIN:
        _check_complete(file, end, -(-header.height // lines))
    return header


def read_channels(data: bytes) -> dict[str, Floats]:
    """All channels of a file, [H, W] each.

    Raises:
        ValueError: its pixels are damaged.
    """
    try:
        channels = OpenEXR.File(BytesIO(data), separate_channels=True).channels()
    except (RuntimeError, ValueError) as error:
        raise ValueError("is damaged") from error
    return {name: np.asarray(channel.pixels, np.float32) for name, channel in channels.items()}


def read_colour(data: bytes) -> NDArray[np.uint8]:
    """A linear picture as sRGB [H, W, 3], exposed so that nine tenths stay below 0.8.

    Raises:
        ValueError: no colours, or some that are no numbers.
    """
    light = _triple(read_channels(data), "RGB")
    if not np.isfinite(light).all():
        raise ValueError("has colours that are not finite")
    bright = float(np.quantile(light @ _LUMINANCE, _BRIGHT))
    exposed = np.clip(light * (_WHITE / max(bright, 1e-4)), 0, 1)
    srgb = np.where(exposed < 0.0031308, 12.92 * exposed, 1.055 * exposed ** (1 / 2.4) - 0.055)
    pixels: NDArray[np.uint8] = np.rint(srgb * 255).astype(np.uint8)
    return pixels


def read_depth(data: bytes) -> Floats:
    """The channel that looks most like depth, [H, W]: Z, then Depth.Z of some layer, then any."""
    channels = read_channels(data)
    return channels[min(channels, key=_depth_rank)]


def read_normals(data: bytes) -> Floats:
    """Channels X, Y, Z or R, G, B of some layer, [H, W, 3].

    Raises:
        ValueError: there are none.
    """
    channels = read_channels(data)
    return _triple(channels, "XYZ" if any(_letter(name) == "X" for name in channels) else "RGB")


def _attributes(data: bytes) -> tuple[dict[str, bytes], int]:
    """Values by name, and where the header ends."""
    attributes, at = {}, 8
    while data[at]:
        name, at = _word(data, at)
        _, at = _word(data, at)  # the type
        (size,) = struct.unpack_from("<I", data, at)
        attributes[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return attributes, at + 1


def _channels(value: bytes) -> tuple[str, ...]:
    names, at = [], 0
    while value[at]:
        name, at = _word(value, at)
        names.append(name)
        at += 16  # type, linearity, sampling
    return tuple(names)


def _word(data: bytes, at: int) -> tuple[str, int]:
    """A text that ends with a zero byte, and where the next begins."""
    end = data.index(b"\0", at)
    return data[at:end].decode("latin-1"), end + 1


def _check_complete(file: OpenFile, table: int, chunks: int) -> None:
    """Follow the table of chunks to the last one."""
    places = file.read(table, 8 * chunks)
    offsets = struct.unpack(f"<{len(places) // 8}Q", places[: len(places) // 8 * 8])
    if len(offsets) < chunks or not all(offsets):
        raise ValueError("is cut off")
    leader = file.read(max(offsets), _CHUNK.size)
    if len(leader) < _CHUNK.size:
        raise ValueError("is cut off")
    if max(offsets) + _CHUNK.size + _CHUNK.unpack(leader)[1] > file.length:
        raise ValueError("is cut off")


def _depth_rank(name: str) -> tuple[bool, bool, bool, str]:
    return name != "Z", not name.lower().endswith("depth.z"), _letter(name) != "Z", name


def _triple(channels: dict[str, Floats], letters: str) -> Floats:
    """Three channels of the first layer that has them, [H, W, 3]."""
    layers = sorted(name[:-1] for name in channels if _letter(name) == letters[0])
    for layer in layers:
        if all(layer + letter in channels for letter in letters):
            return np.stack([channels[layer + letter] for letter in letters], -1)
    raise ValueError(f"has no channels {', '.join(letters)}; it has {', '.join(sorted(channels))}")


def _letter(name: str) -> str:
    return name.rpartition(".")[2]
