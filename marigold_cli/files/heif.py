"""HEIC and HEIF by pillow-heif, an extra; without it these files are refused with advice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.extras import HEIC
from marigold_cli.files.raster import (
    DecodePolicy,
    Raster,
    over_white,
    over_white_premultiplied,
    without_alpha,
)


def read_heif(data: bytes, policy: DecodePolicy) -> Raster:
    """Decode the main picture of a HEIF; 10 and 12 bits come as 16.

    libheif turns the pixels itself and the EXIF tag of such files is only a copy, so that the
    orientation is 1: what every reader gets is upright.
    """
    if not HEIC.is_installed:
        raise ImageError(Kind.FORMAT, f"{HEIC.photos} need an extra: {HEIC.command}")
    import pillow_heif

    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    width, height = file.size
    policy.admit(height, width)
    samples: NDArray[np.uint8 | np.uint16] = np.asarray(file)[:, :width]  # rows may be padded
    lay = over_white_premultiplied if "a" in file.mode else over_white
    return Raster(
        pixels=without_alpha(samples, lay),
        size=(height, width),
        profile=file.info.get("icc_profile") or b"",
    )
