"""The record beside a run: each photo's line to metric depth, and the verdict on it.

OUT/alignment.json    everything, for programs; the only file that is read back
OUT/alignment.csv     the table, for people
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np

from marigold_cli.batch.folder import Workplace
from marigold_cli.depth import DepthKind, Floats
from marigold_cli.errors import NoInputError
from marigold_cli.files.atomic import write_durably
from marigold_cli.files.disk import read_plain
from marigold_cli.fit import Affine
from marigold_cli.scene3d.camera import Camera

RECORD = "alignment.json"
TABLE = "alignment.csv"
METRIC_SUFFIX = "_metric.npy"
CONSISTENT_SUFFIX = "_consistent.png"
VERSION = 1

Unit = Literal["scene", "m", "reference"]


@dataclass(frozen=True)
class PhotoAlignment:
    """One photo's line to depth in the scene's unit, and how good it is.

    Attributes:
        name: The photo, as in the journal.
        view: Its name in the sparse model or among the references; None: it is not there.
        digest: sha256 of the depth map that was fitted: another map needs another line.
        accepted: Whether its depth may be called metric.
        reason: Why not; empty when accepted.
        points: Points of known depth in it.
        inliers: Those that the line meets.
        coverage: Share of the picture's cells that hold an inlier.
        error: Median of |depth / reference - 1| over all points; None: no line.
        agreement: Share of its pixels that neighbouring views confirm; None: none could.
        scale: Of the line.
        shift: Of the line.
        nearest: Depth of the nearest inliers, their first percentile.
        farthest: Of the farthest, their last.
        camera: What the sparse model says of its lens; None without one.
    """

    name: str
    view: str | None
    digest: str
    accepted: bool = False
    reason: str = ""
    points: int = 0
    inliers: int = 0
    coverage: float = 0.0
    error: float | None = None
    agreement: float | None = None
    scale: float | None = None
    shift: float | None = None
    nearest: float | None = None
    farthest: float | None = None
    camera: Camera | None = None

    @property
    def affine(self) -> Affine | None:
        """The line; None where none could be fitted."""
        if self.scale is None or self.shift is None:
            return None
        return Affine(self.scale, self.shift)

    def refuse(self, reason: str) -> PhotoAlignment:
        """The same, refused; a first reason stays."""
        return self if self.reason else replace(self, accepted=False, reason=reason)


@dataclass(frozen=True)
class Alignment:
    """What is known of a run's metric depth.

    Attributes:
        kind: Domain of the lines: depth, or disparity where 1 / depth is on the line.
        source: The folder that the depth was fitted to.
        unit: Of the depth on the lines: the sparse model's, or the references'.
        metres: How many metres one such unit is; None: not known.
        photos: In the order of their names.
        disagreement: Median of |log depth ratio| between neighbouring views before and after all
            lines were refined together; None: they were not.
    """

    kind: DepthKind
    source: str
    unit: Unit
    metres: float | None
    photos: tuple[PhotoAlignment, ...]
    disagreement: tuple[float, float] | None = None

    @property
    def accepted(self) -> dict[str, PhotoAlignment]:
        """The photos whose depth may be called metric."""
        return {photo.name: photo for photo in self.photos if photo.accepted}

    @property
    def rejected(self) -> dict[str, PhotoAlignment]:
        """The photos that must not be exported as metric."""
        return {photo.name: photo for photo in self.photos if not photo.accepted}


def to_depth(values: Floats, affine: Affine, kind: DepthKind) -> Floats:
    """Apply a photo's line: depth in the unit of the alignment, NaN where it is not positive."""
    line = affine(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = 1 / line if kind is DepthKind.AFFINE_DISPARITY else line
    return np.where(line > 0, depth, np.float32(np.nan)).astype(np.float32)


def slope(values: Floats, depth: Floats, affine: Affine, kind: DepthKind) -> Floats:
    """How fast depth grows with the values, by the unit of both; for errors and their spread."""
    if kind is DepthKind.AFFINE_DISPARITY:
        return affine.scale * depth * depth
    return np.full_like(values, affine.scale)


def save_alignment(alignment: Alignment, place: Workplace) -> None:
    """Write the record and its table, whole or not at all.

    Raises:
        OutputError: the folder takes no more files.
    """
    facts = {"v": VERSION, **asdict(alignment)}
    content = json.dumps(facts, indent=1).encode() + b"\n"
    files = [(RECORD, content), (TABLE, to_csv(alignment).encode())]
    write_durably(place.root, files, place.temporary, place.fsync)


def load_alignment(out: Path) -> Alignment:
    """Undo `save_alignment`.

    Raises:
        NoInputError: the run was never aligned, or the record cannot be read.
    """
    path = out / RECORD
    try:
        facts = json.loads(read_plain(path))
        photos = tuple(_photo(one) for one in facts.pop("photos"))
        known = {field.name for field in fields(Alignment)}
        rest = {key: value for key, value in facts.items() if key in known}
        spread = rest.pop("disagreement", None)
        return Alignment(
            **rest | {"kind": DepthKind(rest["kind"])},
            photos=photos,
            disagreement=tuple(spread) if spread else None,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoInputError(f"{out}: not aligned yet; run marigold align first") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoInputError(f"{path}: cannot be read ({error}); align again") from error


def to_csv(alignment: Alignment) -> str:
    """The table, one line a photo, with a header."""
    names = [one.name for one in fields(PhotoAlignment) if one.name not in ("camera", "digest")]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for photo in alignment.photos:
        row = [getattr(photo, name) for name in names]
        # names of undecodable bytes stay readable, and the file stays UTF-8
        writer.writerow("" if cell is None else _safe(cell) for cell in row)
    return file.getvalue()


def _safe(cell: object) -> object:
    return cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell


def _photo(facts: dict[str, object]) -> PhotoAlignment:
    camera = facts.pop("camera", None)
    known = {field.name for field in fields(PhotoAlignment)}
    rest = {key: value for key, value in facts.items() if key in known}
    lens = (
        Camera(**camera | {"params": tuple(camera["params"])}) if isinstance(camera, dict) else None
    )
    return PhotoAlignment(**rest, camera=lens)  # type: ignore[arg-type]
