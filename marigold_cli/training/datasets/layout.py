"""One picture's files: what they mean, whether they fit together, and the frame they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import OpenFile, Storage, examine
from marigold_cli.training.datasets import decoding
from marigold_cli.training.datasets.frame import Frame, Size, crop_bottom
from marigold_cli.training.datasets.headers import Header, read_header

Normals = NDArray[np.float32]

_Values = TypeVar("_Values")


@dataclass(frozen=True)
class Entry:
    """The files of one picture, by their names in the storage."""

    rgb: str
    depth: str
    normals: str | None = None
    mask: str | None = None  # 0 where the depth does not count


@dataclass(frozen=True)
class Layout:
    """What the numbers in a set's files mean, and how its paper uses them.

    Attributes:
        unit: Of stored depth [m].
        near: Depth is known above this [m]...
        far: ...and below this [m].
        size: What pictures are brought to unless something else is asked for; None: as they are.
        crop: The part at the bottom in the middle that is used; None: all.
        turn_normals: From the stored frame, [H, W, 3], to x right, y up, z towards the viewer.
        advice: What to do about files that are missing or broken.
    """

    unit: float
    near: float = 0.0
    far: float = np.inf
    size: Size | None = None
    crop: Size | None = None
    turn_normals: Callable[[Normals], Normals] = np.asarray
    advice: str = "copy or make them again, or take them out of the set"


def _is_sky(metres: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    sky = np.isposinf(metres)
    return sky if mask is None else sky & mask


def look_at(storage: Storage, entry: Entry, layout: Layout) -> Size:
    """Compare the headers of a picture's files; its size as stored [px].

    Raises:
        DataSetError: one is missing, cut off, of a wrong kind or of another size.
    """
    sizes = {
        entry.rgb: _measure(storage, entry.rgb, decoding.check_colour),
        entry.depth: _measure(storage, entry.depth, decoding.check_depth),
    }
    if entry.normals:
        sizes[entry.normals] = _measure(storage, entry.normals, decoding.check_normals)
    if entry.mask:
        sizes[entry.mask] = _measure(storage, entry.mask, decoding.check_mask)
    _compare(storage, sizes, layout.crop)
    return sizes[entry.rgb]


def load(storage: Storage, entry: Entry, layout: Layout) -> Frame:
    """Read and decode a picture's files.

    Raises:
        DataSetError: one is missing or broken, or they do not fit together.
    """
    rgb = _decode(storage, entry.rgb, decoding.read_colour)
    metres = _decode(storage, entry.depth, decoding.read_depth) * layout.unit
    valid = (metres > layout.near) & (metres < layout.far)  # false where it is NaN
    sizes = {entry.rgb: rgb.shape[:2], entry.depth: metres.shape}
    normals = mask = None
    if entry.normals:
        normals = layout.turn_normals(_decode(storage, entry.normals, decoding.read_normals))
        sizes[entry.normals] = normals.shape[:2]
    if entry.mask:
        mask = _decode(storage, entry.mask, decoding.read_mask)
        sizes[entry.mask] = mask.shape
    _compare(storage, sizes, layout.crop)
    if mask is not None:
        valid &= mask
    far = layout.far if np.isfinite(layout.far) else metres.max(where=valid, initial=0)
    depth = np.where(valid | _is_sky(metres, mask), metres, far).astype(np.float32)
    frame = Frame(rgb, depth, valid, normals)
    return crop_bottom(frame, layout.crop) if layout.crop else frame


def size_text(size: tuple[int, ...]) -> str:
    """A size as people write it, width first."""
    return f"{size[1]} x {size[0]}"


def _measure(storage: Storage, name: str, check: Callable[[Header], None]) -> Size:
    def look(file: OpenFile) -> Size:
        header = read_header(file)
        check(header)
        return header.size

    return examine(storage, name, look)


def _decode(storage: Storage, name: str, read: Callable[[bytes, Header], _Values]) -> _Values:
    def look(file: OpenFile) -> _Values:
        header = read_header(file)
        return read(file.read(0, file.length), header)

    return examine(storage, name, look)


def _compare(storage: Storage, sizes: Mapping[str, tuple[int, ...]], crop: Size | None) -> None:
    """Refuse files of several sizes, the first being the picture's, or too small to be cropped."""
    rgb, size = next(iter(sizes.items()))
    for name, other in sizes.items():
        if other != size:
            raise DataSetError(
                f"{storage.place(name)}: is {size_text(other)}, its picture {size_text(size)}"
            )
    if crop and (size[0] < crop[0] or size[1] < crop[1]):
        raise DataSetError(
            f"{storage.place(rgb)}: is {size_text(size)}, smaller than the {size_text(crop)} used"
        )
