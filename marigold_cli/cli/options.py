"""Flags that several commands share. Defaults stay in the options dataclasses."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marigold_cli.cli.values import path
from marigold_cli.inference.options import Noise, Resample, Spacing


class Dtype(StrEnum):
    """What `--dtype` takes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


# Each *_flag is a panel of --help, for the flags of one command too.
model_flag = partial(typer.Option, rich_help_panel="Model")
Model = Annotated[
    str | None,
    model_flag(
        "-m",
        "--model",
        metavar="NAME",
        help="A folder, a hub id or a short name; unset: the best model on this machine. "
        "Models that predict in one pass, such as Depth Anything, ignore the options of Quality.",
    ),
]
ModelName = Annotated[
    str, typer.Argument(metavar="NAME", help="A folder, a hub id or a short name.")
]
Revision = Annotated[
    str | None, model_flag(metavar="COMMIT", help="Commit, tag or branch of a hub model.")
]
Device = Annotated[str, model_flag(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps, ...")]
DtypeOption = Annotated[
    Dtype,
    model_flag(
        "--dtype",
        metavar="NAME",
        help="Precision of the network: auto, float32, float16 or bfloat16.",
    ),
]
Vae = Annotated[
    str | None,
    model_flag(metavar="NAME", help="Another autoencoder, for instance a small AutoencoderTiny."),
]

quality_flag = partial(typer.Option, rich_help_panel="Quality")
Steps = Annotated[
    int | None,
    quality_flag(min=1, metavar="N", help="Denoising steps; unset: the model's own."),
]
Ensemble = Annotated[
    int | None,
    quality_flag(
        min=1, metavar="N", help="Independent predictions that are aligned and merged; unset: 1."
    ),
]
Resolution = Annotated[
    int | None,
    quality_flag(
        min=0,
        metavar="PX",
        help="Long edge while predicting; 0: the photo's own; unset: the model's own.",
    ),
]
Fast = Annotated[bool, quality_flag("--fast", help="One step, one member, a model made for it.")]
Seed = Annotated[
    int, quality_flag(metavar="N", help="Seed of the noise; the same seed gives the same results.")
]
Timesteps = Annotated[
    Spacing | None, quality_flag(help="Spacing of the timesteps; unset: the model's own.")
]
NoiseOption = Annotated[
    Noise | None, quality_flag("--noise", help="Where denoising starts; unset: the model's own.")
]
ResampleOption = Annotated[
    Resample, quality_flag("--resample", help="Interpolation to the processing size and back.")
]

output_flag = partial(typer.Option, rich_help_panel="Output")
OutArgument = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", parser=path, help="The output folder of a run.", show_default=True
    ),
]

control_flag = partial(typer.Option, rich_help_panel="Run control")
Overwrite = Annotated[
    bool,
    control_flag(
        "--overwrite",
        help="Compute everything again, over what is there; a broken-off --overwrite goes on.",
    ),
]
Fsync = Annotated[
    bool,
    control_flag(
        "--fsync/--no-fsync",
        help="Wait until results are on the disk; off: faster on a slow NAS, not safe from "
        "power loss.",
    ),
]
BatchSize = Annotated[
    int | None,
    control_flag(
        min=1,
        metavar="N",
        help="Predictions per pass of the network; unset: what the device holds.",
    ),
]

message_flag = partial(typer.Option, rich_help_panel="Messages")
Quiet = Annotated[bool, message_flag("-q", "--quiet", help="Say only what fails.")]
Verbose = Annotated[
    int,
    message_flag(
        "-v",
        "--verbose",
        count=True,
        help="Say more; -vv: also what libraries say.",
        show_default=False,
    ),
]
Json = Annotated[bool, message_flag("--json", help="Print the result as JSON on standard output.")]
