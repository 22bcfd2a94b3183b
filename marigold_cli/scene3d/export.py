"""From an aligned run to the files that a 3D tool reads, put into its scene folder.

SCENE/.marigold/export-LAYOUT.json names what an export wrote, so that the next one may replace it
and takes away what is no longer metric; files that are not named there are never touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from marigold_cli.batch.folder import HIDDEN, Workplace, occupied
from marigold_cli.errors import ForeignFileError, ImageError, UsageError, name_some
from marigold_cli.files.atomic import write_durably
from marigold_cli.files.disk import output_errors, read_plain
from marigold_cli.scene3d.alignment import load_alignment
from marigold_cli.scene3d.exports import LAYOUTS, Layout
from marigold_cli.scene3d.exports.layout import Content, Stage
from marigold_cli.scene3d.frames import make_frame
from marigold_cli.scene3d.options import ExportOptions
from marigold_cli.scene3d.results import Results, read_results
from marigold_cli.scene3d.sparse import View
from marigold_cli.scene3d.staging import check_cameras, check_paths, set_stage

_THREADS = 2  # each holds a whole photo


@dataclass(frozen=True)
class Exported:
    """What came of an export.

    Attributes:
        written: Images that got metric depth, by their names in the scene.
        refused: By photo, why it got none.
        files: Paths relative to the scene.
        advice: Lines that a user can run or should know.
    """

    written: tuple[str, ...]
    refused: dict[str, str]
    files: tuple[str, ...]
    advice: tuple[str, ...]


def export(options: ExportOptions) -> Exported:
    """Write an aligned run in a tool's layout; no photo that was refused is among it.

    Raises:
        UsageError: no such layout.
        NoInputError: no run, no alignment, or no sparse model in the scene.
        RefusedError: the scene has another unit, its images are distorted, or nothing is metric.
        ForeignFileError: a file that no export wrote is in the way.
    """
    if options.layout not in LAYOUTS:
        raise UsageError(f"no --for {options.layout}; there is: {', '.join(LAYOUTS)}")
    results, alignment = read_results(options.out), load_alignment(options.out)
    stage, refused = set_stage(options, results, alignment)
    layout = LAYOUTS[options.layout](stage)
    check_cameras(layout, stage)
    check_paths(layout, stage)
    with occupied(options.scene, options.fsync) as place:
        return _Exporter(stage, layout, results, place).run(refused)


@dataclass(frozen=True)
class _Made:
    """What was written of one image of the scene, and why it has no depth."""

    name: str
    files: tuple[str, ...]
    failure: str = ""


class _Exporter:
    """Writes one scene."""

    def __init__(self, stage: Stage, layout: Layout, results: Results, place: Workplace) -> None:
        self._stage, self._layout = stage, layout
        self._results, self._place = results, place
        self._claims = f"{HIDDEN}/export-{stage.options.layout}.json"

    def run(self, refused: dict[str, str]) -> Exported:
        """Claim the names, write the files, take away what an earlier export left."""
        before = self._read_claims()
        accepted = self._stage.accepted
        targets = {*self._targets(), *self._summaries(accepted.keys(), before)}
        self._refuse_foreign(targets - before)
        self._claim(before | targets)
        with ThreadPoolExecutor(_THREADS) as pool:
            made = list(pool.map(self._export, self._stage.views.values()))
        written = [one.name for one in made if one.name in accepted and not one.failure]
        summaries = self._summaries(set(written), before)
        self._write(list(summaries.items()))
        files = {path for one in made for path in one.files} | summaries.keys()
        for path in (before | targets) - files:
            stale = self._place.root / path
            with output_errors(stale), suppress(FileNotFoundError):
                stale.unlink()
        self._claim(files)
        failures = {accepted[one.name].name: one.failure for one in made if one.failure}
        return Exported(
            written=tuple(written),
            refused=refused | failures,
            files=tuple(sorted(files)),
            advice=tuple(self._layout.advice()),
        )

    def _summaries(self, known: Collection[str], before: set[str]) -> dict[str, bytes]:
        """The layout's, but for those that the tool itself has written already."""
        theirs = {
            path
            for path in self._layout.left_to_tool - before
            if os.path.lexists(self._place.root / path)
        }
        summaries = self._layout.summaries(known)
        return {path: content for path, content in summaries.items() if path not in theirs}

    def _targets(self) -> Iterator[str]:
        for name, view in self._stage.views.items():
            if name in self._stage.accepted or self._layout.encode_unknown(view) is not None:
                yield from self._layout.paths(name)

    def _export(self, view: View) -> _Made:
        """Write one image's files: with depth, or saying that there is none."""
        photo, failure = self._stage.accepted.get(view.name), ""
        if photo:
            try:
                frame = make_frame(view, photo, self._results, self._stage)
                return self._write_image(view, self._layout.encode(frame))
            except ImageError as error:
                failure = str(error)
        unknown = self._layout.encode_unknown(view)
        made = self._write_image(view, unknown) if unknown is not None else _Made(view.name, ())
        return replace(made, failure=failure)

    def _write_image(self, view: View, content: Iterator[Content]) -> _Made:
        files = list(zip(self._layout.paths(view.name), content, strict=True))
        if not files:
            return _Made(view.name, (), "the scene has no place for it")
        self._write(files)
        return _Made(view.name, tuple(path for path, _ in files))

    def _refuse_foreign(self, targets: set[str]) -> None:
        """Refuse to replace files of others.

        Raises:
            ForeignFileError: one is in the way.
        """
        foreign = sorted(path for path in targets if os.path.lexists(self._place.root / path))
        if foreign and not self._stage.options.overwrite:
            raise ForeignFileError(
                f"{self._place.root}: files that no export wrote are in the way: "
                f"{name_some(foreign)}; move them, or --overwrite to replace them"
            )

    def _claim(self, files: set[str]) -> None:
        self._write([(self._claims, json.dumps(sorted(files), indent=0).encode())])

    def _read_claims(self) -> set[str]:
        try:
            claims = json.loads(read_plain(self._place.root / self._claims))
        except (FileNotFoundError, ValueError):
            return set()
        return {path for path in claims if _is_inside(path)}

    def _write(self, files: Sequence[tuple[str, Content]]) -> None:
        write_durably(self._place.root, files, self._place.temporary, self._place.fsync)


def _is_inside(path: object) -> bool:
    if not isinstance(path, str):
        return False
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts
