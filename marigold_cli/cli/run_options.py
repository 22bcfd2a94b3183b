"""Flags of `marigold run` alone. Defaults stay in the options dataclasses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from marigold_cli.cli.options import (
    control_flag,
    message_flag,
    model_flag,
    output_flag,
    quality_flag,
)
from marigold_cli.cli.values import duration, path, pixels, tile_edge
from marigold_cli.depth import Modality
from marigold_cli.inference.options import Reduction

_input = partial(typer.Option, rich_help_panel="Input")
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT",
        help="Photos, folders or quoted globs (** goes through folders); nothing: this folder.",
        show_default=False,
    ),
]
Include = Annotated[
    list[str] | None,
    _input(metavar="PATTERN", help="Take only names that match this glob; may be repeated."),
]
Exclude = Annotated[
    list[str] | None,
    _input(metavar="PATTERN", help="Leave out names that match this glob; may be repeated."),
]
Recurse = Annotated[bool, _input("--recurse/--no-recurse", help="Go into sub-folders.")]
FilesFrom = Annotated[
    str | None,
    _input(
        metavar="FILE|-",
        help="Take the photos of a list, one a line; each keeps all the folders of its path.",
    ),
]
Null = Annotated[bool, _input("-0", "--null", help="The list of --files-from is NUL-separated.")]
FollowLinks = Annotated[
    bool, _input("--follow-links", help="Go into folders that are symbolic links.")
]
MaxPixels = Annotated[
    int,
    _input(
        metavar="N",
        parser=pixels,
        help="Refuse larger photos by their header; 100M is 100 megapixels; unset: 300M.",
        show_default=False,
    ),
]

ModalityOption = Annotated[
    Modality | None,
    model_flag(
        "--modality",
        metavar="NAME",
        help="depth, normals or iid (albedo, shading ...); unset: what the model estimates.",
    ),
]
Compile = Annotated[
    Literal["auto", "on", "off"],
    model_flag(
        "--compile",
        help="Compile the network; auto: on a GPU, once it has worked ten minutes on one size, if "
        "that is faster. It changes the last digits.",
    ),
]

Tile = Annotated[
    int | None,
    quality_flag(
        "--tile",
        metavar="PX|auto",
        parser=tile_edge,
        help="Predict overlapping tiles of PX photo pixels as well; auto: a quarter of the long "
        "edge, for photos longer than 4 processing sizes.",
    ),
]
Refine = Annotated[
    bool,
    quality_flag(
        "--refine",
        help="Bring the depth's edges to those of the photo, at its full size.",
    ),
]
ReductionOption = Annotated[
    Reduction, quality_flag("--reduction", help="How the ensemble's members are merged.")
]

Out = Annotated[
    Path,
    output_flag(
        "-o",
        "--out",
        metavar="DIR",
        parser=path,
        help="Folder of the results; the input's tree is mirrored in it.",
    ),
]
Format = Annotated[
    list[str],
    output_flag(
        "-f",
        "--format",
        metavar="NAMES",
        help="Any of npy, tiff, png (16-bit), color, exr; repeated or comma-separated.",
    ),
]
Colormap = Annotated[
    str,
    output_flag(
        metavar="NAME", help="Colours of --format color: spectral, turbo, viridis, magma or gray."
    ),
]
Uncertainty = Annotated[
    bool,
    output_flag(
        "--uncertainty", help="Write the ensemble's spread as well; needs --ensemble 2 or more."
    ),
]
Invert = Annotated[bool, output_flag("--invert", help="Turn values around: 1 is near.")]
OutputSize = Annotated[
    Literal["input", "processing"],
    output_flag(help="Write at the photo's size or at the one of prediction."),
]
Grid = Annotated[
    Literal["stored", "upright"],
    output_flag(help="Pixels as stored in the photo's file, or turned upright."),
]

_workers = partial(typer.Option, rich_help_panel="Workers")
Devices = Annotated[
    str | None,
    _workers(
        "--devices",
        metavar="all|0,1|cpu:2",
        help="A worker for each of these devices, which share the photos.",
    ),
]
Shard = Annotated[
    str | None,
    _workers(
        "--shard",
        metavar="I/N",
        help="Process only part I of N of the photos; unset: a SLURM array task takes its own "
        "part, any other run all (1/1).",
    ),
]
Split = Annotated[
    Literal["photos", "ensemble"],
    _workers(
        "--split",
        metavar="photos|ensemble",
        help="What workers share: photos, or the members of each photo's ensemble, where photos "
        "are few.",
    ),
]

DryRun = Annotated[bool, control_flag("-n", "--dry-run", help="Print the plan, write nothing.")]
Resume = Annotated[
    bool,
    control_flag(
        "--resume",
        help="Insist that there is a run to go on with (going on is the default anyway).",
    ),
]
SkipFailed = Annotated[
    bool, control_flag("--skip-failed", help="Do not try earlier failures again.")
]
Check = Annotated[
    Literal["stat", "hash"],
    control_flag(
        "--check",
        help="Notice changed photos and damaged results by size and time, or by every byte.",
    ),
]
MaxFailures = Annotated[
    int | None, control_flag(min=1, metavar="N", help="Stop after so many failed photos.")
]
FailOn = Annotated[
    str,
    control_flag(
        metavar="any|none|N%",
        help="Exit code 10 when any photo fails, never, or only above a share of them (5%).",
    ),
]
MaxTime = Annotated[
    float | None,
    control_flag(
        metavar="TIME",
        parser=duration,
        help="Begin no photo after 90m, 1h30m, ...; those in hand get --grace. Exit code 75.",
    ),
]
Grace = Annotated[
    float,
    control_flag(
        metavar="TIME",
        parser=duration,
        help="Time that photos in hand get to finish when a run is to stop early, after a signal "
        "under torchrun or accelerate at most 25s, for they kill after 30s; unset: 25s.",
        show_default=False,
    ),
]
HangLimit = Annotated[
    float,
    control_flag(
        "--hang-limit",
        metavar="TIME",
        parser=duration,
        help="End a process that has not done a step for so long, as if it had crashed; 0: never; "
        "unset: 1h.",
        show_default=False,
    ),
]

LogJson = Annotated[
    str | None,
    message_flag(
        metavar="FILE|-",
        help="Append every event as one line of JSON to a file, or to standard output.",
    ),
]
