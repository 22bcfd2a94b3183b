"""How each published set is measured: which part of a picture, which depths, at which sizes.

The numbers are those of Marigold's evaluation (Ke et al. 2024), which follow the sets' own customs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.depth_files import read_depth
from marigold_cli.evaluation.options import DataSetName, FolderOptions
from marigold_cli.metrics import Array

Part = tuple[slice, slice]  # rows, columns

_KITTI_HEIGHT, _KITTI_WIDTH = 352, 1216  # of the KITTI benchmark [px]
_ETH3D_HEIGHT, _ETH3D_WIDTH = 4032, 6048  # [px]


def all_of(height: int, width: int) -> Part:
    """The whole picture."""
    return slice(0, height), slice(0, width)


def kitti_frame(height: int, width: int) -> Part:
    """The crop that the KITTI benchmark works on: bottom, centre."""
    top, left = height - _KITTI_HEIGHT, int((width - _KITTI_WIDTH) / 2)
    if top < 0 or left < 0:
        raise DataSetError(
            f"a KITTI picture of {width} x {height} px is smaller than the benchmark's "
            f"{_KITTI_WIDTH} x {_KITTI_HEIGHT}; use the raw pictures"
        )
    return slice(top, top + _KITTI_HEIGHT), slice(left, left + _KITTI_WIDTH)


def kitti_window(height: int, width: int) -> Part:
    """The part of KITTI that Eigen et al. (2014) measure, of the cropped picture."""
    rows = slice(int(0.3324324 * height), int(0.91351351 * height))
    return rows, slice(int(0.0359477 * width), int(0.96405229 * width))


def nyu_window(height: int, width: int) -> Part:
    """The part of NYUv2 that Eigen et al. (2014) measure: inside the frame of the projection."""
    return slice(45, 471), slice(41, 601)


def _millimetres(data: bytes, name: str) -> Array:
    return read_depth(data, name, 1 / 1000)


def _kitti_steps(data: bytes, name: str) -> Array:
    return read_depth(data, name, 1 / 256)


def _metres(data: bytes, name: str) -> Array:
    return read_depth(data, name)


def _eth3d_floats(data: bytes, name: str) -> Array:
    """Raw float32 without a header; inf where nothing was measured."""
    if len(data) != 4 * _ETH3D_HEIGHT * _ETH3D_WIDTH:
        raise DataSetError(
            f"{name}: {len(data)} bytes, not the {4 * _ETH3D_HEIGHT * _ETH3D_WIDTH} of "
            f"{_ETH3D_WIDTH} x {_ETH3D_HEIGHT} float32 depths; use the DSLR ground truth"
        )
    return np.frombuffer(data, "<f4").reshape(_ETH3D_HEIGHT, _ETH3D_WIDTH)


@dataclass(frozen=True)
class Protocol:
    """How one data set is measured.

    Attributes:
        title: As in the papers' tables.
        read: From a file's bytes and name to depth [m], [H, W]; not positive or finite: unknown.
        count: Pictures of the published list; None: there is no such list.
        resolution: Long edge while predicting [px], 0: the picture's own; None: the model's own.
        min_depth: Depths above it are truth, and predictions are raised to it [m].
        max_depth: Depths below it are truth, and predictions are lowered to it [m].
        frame: Part of picture and truth that is looked at, from height and width.
        window: Part of that which is measured.
        has_mask: Whether a mask file says what is truth; the bounds do not, then.
        fit_edge: Scale and shift are fitted on so many columns at most [px]; see `fit_columns`.
        has_x_left: Whether the x of its normals points left.
        counts_pixels: Whether means of normals are over all pixels of the set, and not over its
            pictures.
    """

    title: str
    read: Callable[[bytes, str], Array] = _metres
    count: int | None = None
    resolution: int | None = 0
    min_depth: float = 0.0
    max_depth: float = np.inf
    frame: Callable[[int, int], Part] = all_of
    window: Callable[[int, int], Part] = all_of
    has_mask: bool = False
    fit_edge: int | None = None
    has_x_left: bool = False
    counts_pixels: bool = False

    def fit_columns(self, height: int, width: int) -> slice | np.ndarray:
        """Columns on which scale and shift are fitted.

        The published numbers take every row, but only as many columns as a picture with a long
        edge of `fit_edge` has; nearest, from the left.
        """
        if self.fit_edge is None or max(height, width) <= self.fit_edge:
            return slice(None)
        shrink = self.fit_edge / max(height, width)
        return np.floor(np.arange(int(width * shrink)) / shrink).astype(np.intp)


PROTOCOLS: dict[DataSetName, Protocol] = {
    DataSetName.NYUV2: Protocol(
        "NYUv2", _millimetres, 654, min_depth=1e-3, max_depth=10, window=nyu_window
    ),
    DataSetName.KITTI: Protocol(
        "KITTI",
        _kitti_steps,
        652,
        min_depth=1e-5,
        max_depth=80,
        frame=kitti_frame,
        window=kitti_window,
    ),
    DataSetName.ETH3D: Protocol(
        "ETH3D", _eth3d_floats, 454, resolution=756, min_depth=1e-5, fit_edge=1024
    ),
    DataSetName.SCANNET: Protocol("ScanNet", _millimetres, 800, min_depth=1e-3, max_depth=10),
    DataSetName.DIODE: Protocol(
        "DIODE", _metres, 771, resolution=640, min_depth=0.6, max_depth=350, has_mask=True
    ),
    DataSetName.DA_2K: Protocol("DA-2K", resolution=None),
}


def folder_protocol(title: str, options: FolderOptions) -> Protocol:
    """How one's own pairs are measured: all of each picture, within the bounds that were given."""
    far = np.inf if options.max_depth is None else options.max_depth
    return Protocol(title, resolution=None, min_depth=options.min_depth, max_depth=far)
