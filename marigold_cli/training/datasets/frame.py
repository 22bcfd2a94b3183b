"""One picture with its truth as arrays, and the part of it that is shown at another size."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.training.datasets.decoding import unit_length

Size = tuple[int, int]  # height and width [px]


class Resampling(StrEnum):
    """Where the colours of a new pixel come from."""

    SMOOTH = "smooth"  # all that it covers, as in E2E fine-tuning
    NEAREST = "nearest"  # the one under its centre, as in Marigold's training


@dataclass(frozen=True)
class Frame:
    """A picture and its truth on the same grid.

    Attributes:
        rgb: uint8 [H, W, 3], sRGB.
        depth: float32 [H, W], z-depth, infinite in the sky.
        valid: bool [H, W], where the depth is known and finite.
        normals: float32 [H, W, 3], zero where not known; x right, y up, z towards the viewer.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    valid: NDArray[np.bool_]
    normals: NDArray[np.float32] | None = None

    @property
    def size(self) -> Size:
        """Height and width [px]."""
        height, width = self.depth.shape
        return height, width


@dataclass(frozen=True)
class Window:
    """A part of a picture; its edges may lie within pixels.

    Attributes:
        top: Distance from the picture's upper edge [px].
        left: Distance from the picture's left edge [px].
        height: [px].
        width: [px].
    """

    top: float
    left: float
    height: float
    width: float


def cover(stored: Size, size: Size) -> Window:
    """The largest part in the middle of a picture that has the proportions of a size."""
    height, width = stored
    if height * size[1] <= width * size[0]:  # too wide
        kept = height * size[1] / size[0]
        return Window(0, (width - kept) / 2, height, kept)
    kept = width * size[0] / size[1]
    return Window((height - kept) / 2, 0, kept, width)


def crop_bottom(frame: Frame, size: Size) -> Frame:
    """The part at the bottom in the middle, KITTI's benchmark crop; an odd pixel goes right."""
    height, width = frame.size
    top, left = height - size[0], (width - size[1]) // 2
    part = np.s_[top:, left : left + size[1]]
    normals = None if frame.normals is None else frame.normals[part]
    return Frame(frame.rgb[part], frame.depth[part], frame.valid[part], normals)


def resize(frame: Frame, size: Size, colours: Resampling = Resampling.SMOOTH) -> Frame:
    """Show a picture at a size, cut at two sides where its proportions are others.

    Depth is taken from the nearest pixel, so that no value is made up between two surfaces.
    Normals are averaged over the pixels that a new one covers.

    Args:
        frame: The picture.
        size: Height and width [px].
        colours: Where they come from.
    """
    if frame.size == size:
        return frame
    window = cover(frame.size, size)
    pick = _nearest(window, size)
    is_smooth = colours is Resampling.SMOOTH
    rgb = _blend(frame.rgb, window, size) if is_smooth else frame.rgb[pick]
    normals = None
    if frame.normals is not None:
        normals = unit_length(_blend_each(frame.normals, window, size))
    return Frame(rgb, frame.depth[pick], frame.valid[pick], normals)


def _nearest(window: Window, size: Size) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows [H, 1] and columns [1, W] of the pixels under the new pixels' centres."""
    rows = window.top + (np.arange(size[0]) + 0.5) * (window.height / size[0])
    columns = window.left + (np.arange(size[1]) + 0.5) * (window.width / size[1])
    return rows.astype(np.intp)[:, None], columns.astype(np.intp)[None]


def _blend(pixels: NDArray[np.uint8], window: Window, size: Size) -> NDArray[np.uint8]:
    return np.asarray(_resample(Image.fromarray(pixels), window, size))


def _blend_each(values: NDArray[np.float32], window: Window, size: Size) -> NDArray[np.float32]:
    """Floats [H, W, C] one channel after the other, which is all that Pillow can do."""
    channels = np.moveaxis(values, -1, 0)
    images = [Image.fromarray(np.ascontiguousarray(channel)) for channel in channels]
    return np.stack([np.asarray(_resample(image, window, size)) for image in images], -1)


def _resample(image: Image.Image, window: Window, size: Size) -> Image.Image:
    """Linear, and as wide as a new pixel where the picture becomes smaller."""
    box = (window.left, window.top, window.left + window.width, window.top + window.height)
    return image.resize(size[::-1], Image.Resampling.BILINEAR, box)
