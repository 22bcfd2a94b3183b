"""What a finished run left behind: which photos have depth, and reading it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import OpenEXR
import tifffile

from marigold_cli.batch.folder import read_binding
from marigold_cli.batch.journal import fold
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.depth import DepthKind, Floats
from marigold_cli.errors import ImageError, Kind, NoInputError
from marigold_cli.files.names import DEPTH_SUFFIXES, UNCERTAINTY_SUFFIXES


@dataclass(frozen=True)
class Result:
    """What a run made of one photo.

    Attributes:
        name: The photo, as in the journal.
        depth: Its depth map that loses least.
        uncertainty: The ensemble's spread, if it was written.
        digest: sha256 of the depth map's file.
    """

    name: str
    depth: Path
    uncertainty: Path | None
    digest: str


@dataclass(frozen=True)
class Results:
    """What a run left behind.

    Attributes:
        out: The output folder.
        kind: What the numbers mean.
        inverted: Whether affine values were turned around before they were written.
        grid: "stored" or "upright".
        photos: By name, those that have depth.
    """

    out: Path
    kind: DepthKind
    inverted: bool
    grid: str
    photos: dict[str, Result]

    def load_depth(self, photo: Result) -> Floats:
        """Read a depth map as the model gave it, [H, W]; NaN where nothing is known.

        Raises:
            ImageError: the file is missing or damaged.
        """
        values = _load(photo.depth)
        if photo.depth.suffix == ".png":
            values = _from_steps(values, self.kind)
        return 1 - values if self.inverted else values

    def load_uncertainty(self, photo: Result) -> Floats | None:
        """Read the ensemble's spread in the unit of the depth; None where none was written.

        Raises:
            ImageError: the file is missing or damaged.
        """
        if photo.uncertainty is None:
            return None
        values = _load(photo.uncertainty)
        return _from_steps(values, self.kind) if photo.uncertainty.suffix == ".png" else values


def read_results(out: Path) -> Results:
    """Read what a run recorded; no depth map is opened.

    Raises:
        NoInputError: no finished run, or one that wrote no numbers.
    """
    binding, state = read_binding(out), fold(out)
    if binding is None or state.run is None:
        raise NoInputError(f"{out}: no finished run here; name the folder given as --out")
    settings = binding.settings
    done = (entry.done for entry in state.entries.values() if entry.done)
    found = [_result(out, record) for record in done if record.fp == binding.fingerprint]
    photos = {photo.name: photo for photo in found if photo}
    if not photos:
        raise NoInputError(
            f"{out}: holds no depth in numbers; run again with --format npy, tiff, exr or png"
        )
    return Results(
        out=out,
        kind=DepthKind(str(settings.get("kind"))),
        inverted=bool(settings.get("invert")),
        grid=str(settings.get("grid")),
        photos=dict(sorted(photos.items())),
    )


def _result(out: Path, done: Done) -> Result | None:
    depth = _best(done, DEPTH_SUFFIXES)
    spread = _best(done, UNCERTAINTY_SUFFIXES)
    if depth is None:
        return None
    return Result(done.input, out / depth.path, out / spread.path if spread else None, depth.sha256)


def _best(done: Done, suffixes: dict[str, str]) -> OutputFile | None:
    """The file that loses least and opens fastest."""
    for form in _READERS:
        for file in done.outputs:
            if file.path.endswith(suffixes[form]):
                return file
    return None


def _load(path: Path) -> Floats:
    try:
        reader = next(read for form, read in _READERS.items() if _has_form(path, form))
        values = reader(path)
        if values.ndim != 2:
            raise ValueError(f"{values.ndim} dimensions")
        return values
    except FileNotFoundError as error:
        raise ImageError(Kind.MISSING, f"{path}: is gone; run again to make it anew") from error
    except Exception as error:  # damaged bytes come out of decoders as nearly any exception
        raise ImageError(
            Kind.FORMAT, f"{path}: damaged ({error}); run again with --check hash"
        ) from error


def _has_form(path: Path, form: str) -> bool:
    return path.suffix == Path(DEPTH_SUFFIXES[form]).suffix


def _read_npy(path: Path) -> Floats:
    return np.asarray(np.load(path, allow_pickle=False), np.float32)


def _read_tiff(path: Path) -> Floats:
    return np.asarray(tifffile.imread(path), np.float32)


def _read_exr(path: Path) -> Floats:
    return np.asarray(OpenEXR.File(str(path)).channels()["Z"].pixels, np.float32)


def _read_png(path: Path) -> Floats:
    steps = imagecodecs.png_decode(path.read_bytes())
    if steps.dtype != np.uint16:
        raise ValueError(f"{steps.dtype} instead of 16 bits")
    return np.asarray(steps, np.float32)


_READERS: dict[str, Callable[[Path], Floats]] = {
    "npy": _read_npy,
    "tiff": _read_tiff,
    "exr": _read_exr,
    "png": _read_png,
}


def _from_steps(steps: Floats, kind: DepthKind) -> Floats:
    """Undo what the PNG writer does to values."""
    if kind is DepthKind.METRIC:
        return np.where(steps > 0, steps / np.float32(1000), np.float32(np.nan))
    return steps / np.float32(65535)
