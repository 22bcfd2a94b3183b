"""`marigold align`: from affine to metric depth, with a verdict on every photo."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from marigold_cli.batch.options import RunOptions
from marigold_cli.cli import options as flags
from marigold_cli.cli.console import announced, printable, put, say, stderr_console, stdout_console
from marigold_cli.cli.values import path
from marigold_cli.cli.wording import count
from marigold_cli.errors import ExitCode
from marigold_cli.scene3d.options import AlignOptions, Gates, PointFilter, ReferenceOptions

if TYPE_CHECKING:
    from marigold_cli.scene3d.alignment import Alignment, PhotoAlignment

_OUT = RunOptions().out
_POINTS, _GATES = PointFilter(), Gates()

_source = partial(typer.Option, rich_help_panel="Unit of depth")
Colmap = Annotated[
    Path | None,
    _source(
        metavar="DIR",
        parser=path,
        help="Bring depth into the unit of COLMAP's sparse model (.bin or .txt).",
    ),
]
AlignTo = Annotated[
    Path | None,
    _source(
        metavar="DIR",
        parser=path,
        help="Measured depth, sparse or dense: NAME.npy, 16-bit NAME.png, or NAME.ply in the "
        "camera's frame.",
    ),
]
PngStep = Annotated[
    float, _source(metavar="UNIT", help="What one step of a 16-bit PNG is: 0.001 for millimetres.")
]
Intrinsics = Annotated[
    str | None,
    _source(metavar="FX,FY,CX,CY", help="The camera of PLY points, in pixels of the depth map."),
]
Metres = Annotated[
    float | None,
    _source(
        "--scale",
        metavar="METRES",
        help="How long one unit of the sparse model is; unset: unknown.",
    ),
]

_gate = partial(typer.Option, rich_help_panel="What is accepted")
MinTrack = Annotated[
    int, _gate(min=2, metavar="N", help="Images that must have seen a sparse point.")
]
MaxReprojection = Annotated[
    float, _gate(min=0, metavar="PX", help="Mean reprojection error that a sparse point may have.")
]
MinPoints = Annotated[
    int,
    _gate(min=3, metavar="N", help="Sparse points that must agree with a photo's scale and shift."),
]
MaxError = Annotated[
    float,
    _gate(min=0, metavar="SHARE", help="Median relative error that a photo may have: 0.1 is 10 %."),
]
MinAgreement = Annotated[
    float,
    _gate(
        min=0, max=1, metavar="SHARE", help="Share of a photo that neighbouring views must confirm."
    ),
]

Refine = Annotated[
    bool,
    flags.output_flag(
        "--refine/--no-refine",
        help="Refine all photos together by what neighbouring views both see.",
    ),
]
Maps = Annotated[
    bool,
    flags.output_flag("--maps/--no-maps", help="Write NAME_metric.npy for every accepted photo."),
]
Masks = Annotated[
    bool,
    flags.output_flag(
        "--masks",
        help="Write NAME_consistent.png: white where other views confirm, black where they "
        "contradict.",
    ),
]


def align(
    out: flags.OutArgument = _OUT,
    colmap: Colmap = None,
    align_to: AlignTo = None,
    png_step: PngStep = ReferenceOptions.step,
    intrinsics: Intrinsics = None,
    scale: Metres = AlignOptions.metres,
    min_track: MinTrack = _POINTS.min_track,
    max_reprojection: MaxReprojection = _POINTS.max_error_px,
    min_points: MinPoints = _GATES.min_points,
    max_error: MaxError = _GATES.max_error,
    min_agreement: MinAgreement = _GATES.min_agreement,
    refine: Refine = AlignOptions.refine,
    maps: Maps = AlignOptions.maps,
    masks: Masks = AlignOptions.masks,
    fsync: flags.Fsync = AlignOptions.fsync,
    json: flags.Json = False,
) -> None:
    """Give a run's depth a unit: fit it to COLMAP's points or to measured depth.

    Exits with 10 when any photo is refused.

    Example: marigold align depths --colmap sparse/0
    """
    camera = _four(intrinsics) if intrinsics else None
    options = AlignOptions(
        out=out,
        colmap=colmap,
        reference=ReferenceOptions(align_to, png_step, camera) if align_to else None,
        metres=scale,
        points=PointFilter(min_track, max_reprojection),
        gates=Gates(min_points, max_error=max_error, min_agreement=min_agreement),
        refine=refine,
        maps=maps,
        masks=masks,
        fsync=fsync,
    )
    from marigold_cli.scene3d import align as scene3d

    with announced(stderr_console(), "aligning"):
        found = scene3d.align(options)
    if json:
        put(json_format.dumps(asdict(found)))
    else:
        stdout_console().print(to_table(found))
        say(verdict(found))
    raise typer.Exit(ExitCode.PARTIAL if found.rejected else ExitCode.OK)


def _four(text: str) -> tuple[float, float, float, float]:
    try:
        fx, fy, cx, cy = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not four numbers FX,FY,CX,CY") from error
    return fx, fy, cx, cy


def to_table(found: Alignment) -> Table:
    """The photos, one line each, with the reason where one is refused."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("photo", overflow="fold")
    for title in ("points", "inliers", "error", "agreement"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for photo in found.photos:
        table.add_row(Text(printable(photo.name)), *_cells(photo))
    return table


def _cells(photo: PhotoAlignment) -> tuple[str | Text, ...]:
    error = "-" if photo.error is None else f"{photo.error:.2%}"
    agreement = "-" if photo.agreement is None else f"{photo.agreement:.0%}"
    refused = Text(f"refused: {printable(photo.reason)}", "red")
    mark = Text("metric", "green") if photo.accepted else refused
    return f"{photo.points:,}", f"{photo.inliers:,}", error, agreement, mark


def verdict(found: Alignment) -> str:
    """The last line: how many, in which unit, and what refining them together gained."""
    own = "the unit of the model" if found.unit == "scene" else "the unit of the references"
    unit = "metres" if found.metres else own
    words = [f"{count(len(found.accepted), 'photo')} in {unit}, {len(found.rejected):,} refused"]
    if found.disagreement:
        before, after = found.disagreement
        words.append(f"neighbouring views differ by {after:.2%} ({before:.2%} before refining)")
    return "; ".join(words)
