"""`marigold export`: an aligned run in the files that 3D tools read as they are."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marigold_cli.batch.options import RunOptions
from marigold_cli.cli import options as flags
from marigold_cli.cli.console import announced, printable, put, say, stderr_console
from marigold_cli.cli.values import path
from marigold_cli.cli.wording import count, failure
from marigold_cli.errors import ExitCode
from marigold_cli.scene3d.options import ExportOptions, TrustOptions

_OUT = RunOptions().out
_TRUST = TrustOptions()

_where = partial(typer.Option, rich_help_panel="Scene")
For = Annotated[
    str,
    _where(
        "--for",
        metavar="TOOL",
        help="colmap, 3dgs, nerfstudio, openmvs, metashape, meshroom, dn-splatter, open3d, or ply: "
        "coloured point clouds.",
    ),
]
Scene = Annotated[
    Path,
    _where(
        metavar="DIR",
        parser=path,
        help="The tool's scene folder, with its sparse model; depth goes there.",
    ),
]
Overwrite = Annotated[
    bool, _where("--overwrite", help="Replace files that no export of this program wrote.")
]

_pixels = partial(typer.Option, rich_help_panel="Which depth")
Edges = Annotated[
    float,
    _pixels(
        min=0,
        metavar="SHARE",
        help="Relative jump of depth that is left out as an edge; 0: keep all.",
    ),
]
MaxUncertainty = Annotated[
    float,
    _pixels(
        min=0,
        metavar="SHARE",
        help="Relative spread of the ensemble that is left out, where it was written; 0: keep all.",
    ),
]
Consistent = Annotated[
    bool,
    _pixels(
        "--consistent/--all-views",
        help="Leave out what other views contradict, where align wrote --masks.",
    ),
]
Normals = Annotated[
    Path | None,
    _pixels(
        metavar="DIR",
        parser=path,
        help="NAME_normals.npy of a normals model, for colmap; unset: from the depth.",
    ),
]
MostPoints = Annotated[
    int, _pixels("--points", min=1, metavar="N", help="Points of one photo, for ply.")
]


def export(
    layout: For,
    scene: Scene,
    out: flags.OutArgument = _OUT,
    edges: Edges = _TRUST.edges or 0,
    max_uncertainty: MaxUncertainty = _TRUST.uncertainty or 0,
    consistent: Consistent = _TRUST.consistent,
    normals: Normals = ExportOptions.normals,
    most_points: MostPoints = ExportOptions.most_points,
    overwrite: Overwrite = ExportOptions.overwrite,
    fsync: flags.Fsync = ExportOptions.fsync,
    json: flags.Json = False,
) -> None:
    """Write an aligned run into a scene folder, as the tool there reads it.

    Prints the tool's own next line. Exits with 10 when any photo has no metric depth.

    Example: marigold export depths --for colmap --scene dense
    """
    options = ExportOptions(
        out=out,
        layout=layout,
        scene=scene,
        trust=TrustOptions(edges or None, max_uncertainty or None, consistent),
        normals=normals,
        most_points=most_points,
        overwrite=overwrite,
        fsync=fsync,
    )
    from marigold_cli.scene3d import export as scene3d

    with announced(stderr_console(), f"exporting for {layout}"):
        done = scene3d.export(options)
    if json:
        put(json_format.dumps(asdict(done)))
    else:
        for name, reason in done.refused.items():
            say(failure(name, reason), "refused", "yellow")
        say(f"{count(len(done.written), 'photo')} written, {len(done.refused):,} refused")
        for line in done.advice:
            put(printable(line))
    raise typer.Exit(ExitCode.PARTIAL if done.refused else ExitCode.OK)
