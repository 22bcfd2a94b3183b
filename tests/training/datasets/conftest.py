from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray
from PIL import Image

Writer = Callable[[Path, NDArray[np.generic]], Path]


def write(path: Path, values: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".exr":
        header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
        OpenEXR.File(header, {"RGB" if values.ndim == 3 else "Z": values}).write(str(path))
    elif values.dtype == np.uint16:
        path.write_bytes(imagecodecs.png_encode(values))
    else:
        Image.fromarray(values).save(path, quality=95)
    return path


@pytest.fixture
def save() -> Writer:
    """Writes an array as the kind of file that its name says; folders are made."""
    return write


@pytest.fixture
def picture() -> Callable[..., NDArray[np.uint8]]:
    """A random picture, uint8 [H, W, 3]."""

    def make(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)

    return make
