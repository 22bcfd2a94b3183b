"""Camera raw files by rawpy, an extra; without it these files are refused with advice."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.extras import RAW
from marigold_cli.files.raster import DecodePolicy, Raster

_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}  # LibRaw's flip -> EXIF
_SRGB_CURVE = (2.4, 12.92)


def read_raw(data: bytes, policy: DecodePolicy) -> Raster:
    """Develop a raw file to 8-bit sRGB as the camera balanced it, at half size if that will do."""
    if not RAW.is_installed:
        raise ImageError(Kind.FORMAT, f"{RAW.photos} need an extra: {RAW.command}")
    import rawpy

    with rawpy.imread(BytesIO(data)) as raw:
        size = raw.sizes.height, raw.sizes.width
        policy.admit(*size)
        orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)  # user_flip makes LibRaw forget it
        pixels: NDArray[np.uint8] = raw.postprocess(
            use_camera_wb=True,
            gamma=_SRGB_CURVE,
            half_size=policy.reduction(*size) > 1,
            user_flip=0,
        )
        return Raster(pixels, size, orientation)
