from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from marigold_cli.files.decode import Photo, decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import Source


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fill(folder: Path) -> Callable[[Sequence[str]], None]:
    """Makes small files of these names in the current folder."""

    def make(names: Sequence[str]) -> None:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")

    return make


@pytest.fixture
def open_photo() -> Callable[..., Photo]:
    """Decodes bytes as a photo of some name under some policy."""

    def make(data: bytes, name: str = "photo", policy: DecodePolicy | None = None) -> Photo:
        return decode(Source(data, "0" * 64, len(data), 0), name, policy or DecodePolicy())

    return make


@pytest.fixture
def colours() -> NDArray[np.uint8]:
    """A smooth, colourful picture without any symmetry, uint8 [48, 64, 3]."""
    rows, columns = np.mgrid[0:48, 0:64]
    red = 255 * columns / 63
    green = 255 * rows / 47
    blue = 127 + 120 * np.sin(columns / 9) * np.cos(rows / 7)
    return np.rint(np.stack([red, green, blue], axis=-1)).astype(np.uint8)


_MEASURE = """
import resource, sys
from marigold_cli.errors import ImageError
from marigold_cli.files.decode import decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import Source
data = sys.stdin.buffer.read()
try:
    decode(Source(data, "", len(data), 0), "photo", DecodePolicy())
except ImageError:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture
def peak_while_decoding() -> Callable[[bytes], int]:
    """Decodes bytes in a process of its own and tells the most memory it took [KiB]."""

    def measure(data: bytes) -> int:
        command = [sys.executable, "-c", _MEASURE]
        run = subprocess.run(command, input=data, capture_output=True, check=True)
        return int(run.stdout)

    return measure
