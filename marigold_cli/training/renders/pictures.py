"""The folder that is filled: pictures, their depth, an index of both, and what came to nothing.

    DIR/rgb/SSSSSS-V.jpg    sRGB, 8 bits
    DIR/depth/SSSSSS-V.exr  float16, one channel Z: z-depth [m], inf where there is only sky
    DIR/index.csv           one line a picture, written when all pictures of its scene are there
    DIR/skipped.csv         one line a seed that gave no picture, and why

S is the seed, V the view. A picture has its name after its depth has, and both are whole.
"""

from __future__ import annotations

import csv
import errno
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import OpenEXR
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.files.atomic import write_durably
from marigold_cli.files.disk import output_errors

_ROOM = 64 * 2**20  # that the files of a scene may take while it is made [bytes]
_QUALITY = 95  # of the JPEG, with colour at full resolution


@dataclass(frozen=True)
class Entry:
    """One picture's line in the index.

    Attributes:
        name: Of both files, without their endings.
        seed: Of the scene.
        view: Number within the scene.
        kind: Of the scene.
        version: Of the composer.
        field_of_view: Horizontal [degrees].
        eye: Height of the camera [m].
        pitch: Upwards [degrees].
        f_stop: 0 for sharpness everywhere.
        near: Depth that 5 percent do not exceed [m].
        median: Median depth [m].
        seconds: Processor time for the picture, without its share of the scene.
        build: Processor time for the scene [s].
        rejected: Views of the scene that were drawn before and not worth a picture.
    """

    name: str
    seed: int
    view: int
    kind: str
    version: str
    field_of_view: float
    eye: float
    pitch: float
    f_stop: float
    near: float
    median: float
    seconds: float
    build: float
    rejected: int


def name_of(seed: int, view: int) -> str:
    """What the files of a picture are called."""
    return f"{seed:06d}-{view}"


@dataclass(frozen=True)
class PictureFolder:
    """A folder of pictures with their depth."""

    root: Path

    @property
    def _index(self) -> Path:
        return self.root / "index.csv"

    @property
    def _skipped(self) -> Path:
        return self.root / "skipped.csv"

    def write(self, name: str, rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> None:
        """Put a picture and its depth in their places.

        Args:
            name: Of both.
            rgb: sRGB, [H, W, 3].
            depth: z-depth, inf for the sky, [H, W] [m].

        Raises:
            OutputError: the folder takes no more files.
        """
        files = [
            (f"depth/{name}.exr", encode_depth(depth)),
            (f"rgb/{name}.jpg", encode_picture(rgb)),
        ]
        with output_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        write_durably(self.root, files, self.root / ".partial", fsync=False)

    def record(self, entries: Sequence[Entry]) -> None:
        """Add the pictures of a finished scene to the index.

        Raises:
            OutputError: the folder takes no more.
        """
        header = [field.name for field in fields(Entry)]
        _append(self._index, header, [list(asdict(entry).values()) for entry in entries])

    def skip(self, seed: int, reason: str) -> None:
        """Remember that a seed gives no picture.

        Raises:
            OutputError: the folder takes no more.
        """
        _append(self._skipped, ["seed", "reason"], [[seed, reason]])

    def demand_room(self) -> None:
        """See that a scene fits on the disk.

        Raises:
            OutputError: it does not.
        """
        with output_errors(self.root):
            if shutil.disk_usage(self.root).free < _ROOM:
                raise OSError(errno.ENOSPC, "")

    def finished(self) -> set[int]:
        """Seeds that need no more work."""
        return {*_seeds(self._index), *_seeds(self._skipped)}


def encode_picture(rgb: NDArray[np.uint8]) -> bytes:
    """A JPEG file."""
    file = BytesIO()
    Image.fromarray(rgb).save(file, "jpeg", quality=_QUALITY, subsampling=0)
    return file.getvalue()


def encode_depth(depth: NDArray[np.float32]) -> bytes:
    """An EXR file of half floats; what is beyond their range counts as sky."""
    with np.errstate(over="ignore"):
        half = depth.astype(np.float16)
    file = BytesIO()
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    OpenEXR.File(header, {"Z": half}).write(file)
    return file.getvalue()


def _append(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Add lines in one write, after the header where the file is new or was cut short."""
    lines = StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    with output_errors(path):
        if not path.exists() or path.stat().st_size == 0:
            writer.writerow(header)
        elif not path.read_bytes().endswith(b"\n"):
            lines.write("\n")
        writer.writerows(rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(lines.getvalue())


def _seeds(path: Path) -> Iterator[int]:
    """The seeds that a table names; a line that was cut short names none."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["seed"] and None not in row.values():
                yield int(row["seed"])
