"""Every flag once: its name, type, help and panel. Defaults stay in the options dataclasses."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from marigold_cli.cli.values import duration, path, pixels
from marigold_cli.inference.options import Noise, Reduction, Resample, Spacing


class Dtype(StrEnum):
    """What `--dtype` takes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


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
        help="Refuse larger photos by their header; 100M is 100 megapixels.",
        show_default="300M",
    ),
]

_model = partial(typer.Option, rich_help_panel="Model")
Model = Annotated[
    str | None,
    _model(
        "-m",
        "--model",
        metavar="NAME",
        help="A folder, a hub id or a short name; unset: the best model on this machine. "
        "Models that predict in one pass, such as Depth Anything, pass over the panel Quality.",
    ),
]
ModelName = Annotated[
    str, typer.Argument(metavar="NAME", help="A folder, a hub id or a short name.")
]
Revision = Annotated[
    str | None, _model(metavar="COMMIT", help="Commit, tag or branch of a hub model.")
]
Device = Annotated[str, _model(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps, ...")]
DtypeOption = Annotated[
    Dtype,
    _model(
        "--dtype",
        metavar="NAME",
        help="Number format of the network: auto, float32, float16 or bfloat16.",
    ),
]
Vae = Annotated[
    str | None,
    _model(metavar="NAME", help="Another autoencoder, for instance a small AutoencoderTiny."),
]

_quality = partial(typer.Option, rich_help_panel="Quality")
Steps = Annotated[
    int | None,
    _quality(min=1, metavar="N", help="Denoising steps; unset: the model's own."),
]
Ensemble = Annotated[
    int | None,
    _quality(
        min=1, metavar="N", help="Independent predictions that are aligned and merged; unset: 1."
    ),
]
ReductionOption = Annotated[
    Reduction, _quality("--reduction", help="What of the ensemble's members becomes the depth.")
]
Resolution = Annotated[
    int | None,
    _quality(
        min=0,
        metavar="PX",
        help="Long edge while predicting; 0: the photo's own; unset: the model's own.",
    ),
]
Fast = Annotated[bool, _quality("--fast", help="One step, one member, a model made for it.")]
Seed = Annotated[int, _quality(help="Another one gives other noise; the same, the same results.")]
Timesteps = Annotated[
    Spacing | None, _quality(help="Spacing of the timesteps; unset: the model's own.")
]
NoiseOption = Annotated[
    Noise | None, _quality("--noise", help="Where denoising starts; unset: the model's own.")
]
ResampleOption = Annotated[
    Resample, _quality("--resample", help="Interpolation to the processing size and back.")
]

_output = partial(typer.Option, rich_help_panel="Output")
Out = Annotated[
    Path,
    _output(
        "-o",
        "--out",
        metavar="DIR",
        parser=path,
        help="Folder of the results; the input's tree is mirrored in it.",
    ),
]
OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="The output folder of a run.", show_default=True)
]
Format = Annotated[
    list[str],
    _output(
        "-f",
        "--format",
        metavar="NAMES",
        help="Any of npy, tiff, png (16-bit), color, exr; repeated or comma-separated.",
    ),
]
Colormap = Annotated[
    str,
    _output(
        metavar="NAME", help="Colours of --format color: spectral, turbo, viridis, magma or gray."
    ),
]
Uncertainty = Annotated[
    bool,
    _output(
        "--uncertainty", help="Write the ensemble's spread as well; needs --ensemble 2 or more."
    ),
]
Invert = Annotated[bool, _output("--invert", help="Turn values around: 1 is near.")]
OutputSize = Annotated[
    Literal["input", "processing"],
    _output(help="Write at the photo's size or at the one of prediction."),
]
Grid = Annotated[
    Literal["stored", "upright"],
    _output(help="Pixels as stored in the photo's file, or turned upright."),
]

_control = partial(typer.Option, rich_help_panel="Run control")
DryRun = Annotated[bool, _control("-n", "--dry-run", help="Print the plan, write nothing.")]
Overwrite = Annotated[
    bool,
    _control(
        "--overwrite", help="Compute all again, over whatever is there; if cut off, it goes on."
    ),
]
Resume = Annotated[
    bool,
    _control(
        "--resume",
        help="Insist that there is a run to go on with (going on is the default anyway).",
    ),
]
SkipFailed = Annotated[bool, _control("--skip-failed", help="Do not try earlier failures again.")]
CheckOption = Annotated[
    Literal["stat", "hash"],
    _control(
        "--check",
        help="Notice changed photos and damaged results by size and time, or by every byte.",
    ),
]
Fsync = Annotated[
    bool,
    _control(
        "--fsync/--no-fsync",
        help="Wait until results are on the disk; off: faster on a slow NAS, not safe from "
        "power loss.",
    ),
]
MaxFailures = Annotated[
    int | None, _control(min=1, metavar="N", help="Stop after so many failed photos.")
]
FailOn = Annotated[
    str,
    _control(
        metavar="any|none|N%",
        help="Which share of failed photos makes exit code 10.",
    ),
]
MaxTime = Annotated[
    float | None,
    _control(
        metavar="TIME",
        parser=duration,
        help="Begin no photo after 90m, 1h30m, ...; those in hand get --grace. Exit code 75.",
    ),
]
Grace = Annotated[
    float,
    _control(
        metavar="TIME",
        parser=duration,
        help="Time that photos in hand get to finish when a run is to stop early.",
        show_default="25s",
    ),
]
BatchSize = Annotated[
    int | None,
    _control(
        min=1,
        metavar="N",
        help="Predictions per pass of the network; unset: what the device holds.",
    ),
]

_talk = partial(typer.Option, rich_help_panel="Talk")
Quiet = Annotated[bool, _talk("-q", "--quiet", help="Say only what fails.")]
Verbose = Annotated[
    int,
    _talk(
        "-v",
        "--verbose",
        count=True,
        help="Say more; -vv: also what libraries say.",
        show_default=False,
    ),
]
LogJson = Annotated[
    str | None,
    _talk(
        metavar="FILE|-",
        help="Append every event as one line of JSON to a file, or to standard output.",
    ),
]
Json = Annotated[bool, _talk("--json", help="Print the answer as JSON.")]
