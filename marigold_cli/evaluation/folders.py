"""One's own pictures with depth: pairs of equal names, or a table that says more.

DIR/rgb (or images, image, color, or DIR itself)   the pictures
DIR/depth (or truth, gt), or NAME_depth.* beside   depth as .npy, 16-bit PNG, OpenEXR or TIFF
DIR/normals, or NAME_normals.* beside              x right, y up, z to the viewer, as .npy, OpenEXR
                                                   or TIFF of floats, or as 8- or 16-bit PNG whose
                                                   0 is unknown; beside depth or instead of it
DIR/mask (or masks), or NAME_mask.* beside         not 0 where the truth is to be trusted; optional
DIR/index.csv                                      optional: a row for each picture; columns name,
                                                   and if wanted scale (of integers) and kind
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath

from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.files.decode import SUFFIXES
from marigold_cli.files.storage import Storage, read_whole

INDEX = "index.csv"

_IMAGES = ("rgb", "images", "image", "color", "")
_DEPTHS = ("depth", "truth", "gt")
_MASKS = ("mask", "masks")
_NORMALS = ("normals",)
_DEPTH_SUFFIXES = (".npy", ".png", ".exr", ".tif", ".tiff")
_NORMALS_SUFFIXES = (".npy", ".exr", ".tif", ".tiff", ".png")


@dataclass(frozen=True)
class Pairs:
    """Pictures with their truth.

    Attributes:
        samples: One for each picture.
        notes: What was left out, in words.
    """

    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


def find_pairs(storage: Storage) -> Pairs:
    """Find every picture that has depth or normals.

    Raises:
        DataSetError: there is none, a row of the table has none, or it is not what it should be.
    """
    files = _Files(storage.names())
    if storage.has(INDEX):
        return Pairs(tuple(_listed(storage, files)))
    samples = tuple(sample for stem in files.images if (sample := files.sample(stem)))
    if not samples:
        raise DataSetError(
            f"{storage.root}: no picture has depth; expected rgb/NAME.jpg with depth/NAME.npy (or "
            ".png, .exr, .tif), or NAME_depth.npy beside NAME.jpg"
        )
    return Pairs(samples, tuple(_note_rest(files, samples)))


def _note_rest(files: _Files, samples: Sequence[Sample]) -> Iterator[str]:
    """Say what has no partner."""
    used = {sample.image for sample in samples}
    used.update(name for sample in samples for name in (sample.truth, sample.normals) if name)
    pictures = [name for name in files.pictures if name not in used]
    truths = [name for name in files.truths if name not in used]
    if pictures:
        yield f"left out: {len(pictures)} without truth ({pictures[0]}, ...)"
    bare = [sample.image for sample in samples if sample.mask is None]
    if bare and files.masks:
        yield f"{len(bare)} have no mask ({bare[0]}, ...): all that is known of them counts"
    if truths:
        yield f"left out: {len(truths)} without a picture ({truths[0]}, ...)"


class _Files:
    """A set's files by what they are and by stem."""

    def __init__(self, names: list[str]) -> None:
        self._by_stem: dict[str, dict[str, str]] = {}  # stem -> suffix -> name
        for name in names:
            path = PurePosixPath(name)
            self._by_stem.setdefault(str(path.with_suffix("")), {})[path.suffix.lower()] = name
        folder = next((f for f in _IMAGES if f and any(n.startswith(f"{f}/") for n in names)), "")
        self._prefix = f"{folder}/" if folder else ""
        self.images = sorted(self._image_stems())

    def _image_stems(self) -> Iterator[str]:
        ours = (f"{folder}/" for folder in (*_DEPTHS, *_MASKS, *_NORMALS))
        elsewhere = tuple(ours) if not self._prefix else ()
        for stem, suffixes in self._by_stem.items():
            is_picture = any(suffix in SUFFIXES for suffix in suffixes)
            if is_picture and stem.startswith(self._prefix) and not stem.startswith(elsewhere):
                yield stem.removeprefix(self._prefix)

    @property
    def pictures(self) -> list[str]:
        """Names of what is a picture, and neither truth nor mask."""
        other = {*self.truths, *self.masks}
        found = (self._find([self._prefix + stem], SUFFIXES) for stem in self.images)
        return [name for name in found if name and name not in other]

    @property
    def truths(self) -> list[str]:
        """Names of depth and normals."""
        depths = self._of(_DEPTHS, "_depth", _DEPTH_SUFFIXES)
        return sorted([*depths, *self._of(_NORMALS, "_normals", _NORMALS_SUFFIXES)])

    @property
    def masks(self) -> list[str]:
        """Names of masks."""
        return sorted(self._of(_MASKS, "_mask", _DEPTH_SUFFIXES))

    def _of(self, folders: Sequence[str], ending: str, suffixes: Sequence[str]) -> Iterator[str]:
        starts = tuple(f"{folder}/" for folder in folders)
        for stem, names in self._by_stem.items():
            if stem.startswith(starts) or stem.endswith(ending):
                yield from (name for suffix, name in names.items() if suffix in suffixes)

    def sample(self, stem: str, scale: float | None = None, group: str = "") -> Sample | None:
        """A picture and what is true of it; None: one of the two is not there."""
        image = self._find([self._prefix + stem], SUFFIXES)
        truth = self._find(_places(stem, _DEPTHS, self._prefix, "_depth"), _DEPTH_SUFFIXES)
        mask = self._find(_places(stem, _MASKS, self._prefix, "_mask"), _DEPTH_SUFFIXES)
        places = _places(stem, _NORMALS, self._prefix, "_normals")
        normals = self._find(places, _NORMALS_SUFFIXES)
        if image is None or (truth is None and normals is None):
            return None
        return Sample(image, truth or "", mask, scale, group, normals=normals or "")

    def _find(self, stems: Iterable[str], suffixes: Iterable[str]) -> str | None:
        for stem in stems:
            there = self._by_stem.get(stem, {})
            for suffix in suffixes:
                if suffix in there:
                    return there[suffix]
        return None


def _places(stem: str, folders: tuple[str, ...], prefix: str, ending: str) -> list[str]:
    return [*(f"{folder}/{stem}" for folder in folders), f"{prefix}{stem}{ending}"]


def _listed(storage: Storage, files: _Files) -> Iterator[Sample]:
    table = storage.place(INDEX)
    try:
        rows = list(csv.DictReader(StringIO(read_whole(storage, INDEX).decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataSetError(f"{table}: not a table in UTF-8 ({error})") from error
    if not rows or "name" not in rows[0]:
        raise DataSetError(f"{table}: has no rows with a column 'name'")
    for number, row in enumerate(rows, 2):
        sample = files.sample(row["name"], _scale(row, f"{table}:{number}"), row.get("kind") or "")
        if sample is None:
            raise DataSetError(
                f"{table}:{number}: {row['name']}: no picture or no depth of this name; expected "
                f"rgb/{row['name']}.jpg and depth/{row['name']}.png or the like"
            )
        yield sample


def _scale(row: dict[str, str], where: str) -> float | None:
    text = row.get("scale")
    if not text:
        return None
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise DataSetError(f"{where}: scale {text!r} is not a positive number")
    return scale
