"""What a finished run left behind: which photos have depth, and reading it back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marigold_cli.batch.folder import read_binding
from marigold_cli.batch.journal import fold
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.depth import DepthKind, Floats, Modality
from marigold_cli.errors import ImageError, Kind, NoInputError
from marigold_cli.files.names import DEPTH_SUFFIXES, UNCERTAINTY_SUFFIXES
from marigold_cli.files.readers import read_map

_BEST_FIRST = ("npy", "tiff", "exr", "png")  # what opens fastest, then what loses least


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
        values = _load(photo.depth, self.kind)
        return 1 - values if self.inverted else values

    def load_uncertainty(self, photo: Result) -> Floats | None:
        """Read the ensemble's spread in the unit of the depth; None where none was written.

        Raises:
            ImageError: the file is missing or damaged.
        """
        return _load(photo.uncertainty, self.kind) if photo.uncertainty else None


def read_results(out: Path) -> Results:
    """Read what a run recorded; no depth map is opened.

    Raises:
        NoInputError: no finished run, or one that wrote no numbers.
    """
    binding, state = read_binding(out), fold(out)
    if binding is None or state.run is None:
        raise NoInputError(f"{out}: no finished run here; name the folder given as --out")
    settings = binding.settings
    kind = DepthKind(str(settings.get("kind")))
    if kind.modality is not Modality.DEPTH:
        raise NoInputError(f"{out}: holds {kind}, not depth; name a run of a depth model")
    done = (entry.done for entry in state.entries.values() if entry.done)
    found = [_result(out, record) for record in done if record.fp == binding.fingerprint]
    photos = {photo.name: photo for photo in found if photo}
    if not photos:
        raise NoInputError(
            f"{out}: holds no depth in numbers; run again with --format npy, tiff, exr or png"
        )
    return Results(
        out=out,
        kind=kind,
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
    """The file to be read; None: there is none in numbers."""
    for form in _BEST_FIRST:
        for file in done.outputs:
            if file.path.endswith(suffixes[form]):
                return file
    return None


def _load(path: Path, kind: DepthKind) -> Floats:
    try:
        return read_map(path.read_bytes(), kind)
    except FileNotFoundError as error:
        raise ImageError(Kind.MISSING, f"{path}: is gone; run again to make it anew") from error
    except (OSError, ValueError) as error:
        raise ImageError(
            Kind.FORMAT, f"{path}: damaged ({error}); run again with --check hash"
        ) from error
