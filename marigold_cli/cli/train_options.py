"""The flags of `marigold train` alone: name, type, help and panel of each, once."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from marigold_cli.cli.options import control_flag, model_flag
from marigold_cli.cli.values import duration, path
from marigold_cli.depth import Modality
from marigold_cli.training.options import Precision, ProtocolName, Unit


def read_size(text: str | None) -> tuple[int, int] | None:
    """Read "192x144", width before height, as (height, width) [px]."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", text.strip())
    if not match or not int(match[1]) * int(match[2]):
        raise typer.BadParameter(f"{text!r} is not a size like 192x144")
    return int(match[2]), int(match[1])


_what = partial(typer.Option, rich_help_panel="What is learned")
ProtocolOption = Annotated[
    ProtocolName,
    _what(
        help="autoencoder: the VAE's decoder. marigold: the U-Net, as in the Marigold paper. "
        "e2e: the U-Net for a single step, end to end."
    ),
]
ModalityOption = Annotated[Modality, _what(help="What the network is to estimate.")]
Base = Annotated[
    str | None,
    _what(
        metavar="NAME",
        help="Checkpoint to start from: a folder, a hub id or a short name of a Stable Diffusion "
        "or Marigold on this machine, or what an autoencoder training left; unset: small networks "
        "of our own.",
    ),
]
OutFolder = Annotated[
    Path,
    _what(
        "-o",
        "--out",
        metavar="DIR",
        parser=path,
        help="Folder of the checkpoint, of its curve and sheets, and of the state to go on from.",
    ),
]
Recipe = Annotated[
    Literal["embedded"] | None,
    _what(
        help="Make the embedded models from nothing. Only --out, the machine and --max-time are to "
        "choose, and --data for what they learn from beside the recipe's own scenes."
    ),
]

_data = partial(typer.Option, rich_help_panel="Data")
Data = Annotated[
    list[str],
    _data(
        metavar="SPEC",
        help="synthetic, rendered:DIR?count=N, hypersim:DIR, vkitti:DIR or folder:DIR; repeated "
        "for a mix, each with a weight behind @ if need be.",
    ),
]
Size = Annotated[
    str | None,
    _data(
        metavar="WIDTHxHEIGHT",
        help="Size of the pictures in pixels; unset: as their paper uses them.",
    ),
]
Validation = Annotated[
    str | None,
    _data(
        metavar="SPEC",
        help="Pictures of the sheets and of validation.csv; unset: the first of the training data.",
    ),
]
Cache = Annotated[
    Path | None,
    _data(
        metavar="DIR",
        parser=path,
        help="Keep latents here: finite data are encoded once, not every time they are shown.",
    ),
]
Augment = Annotated[
    bool, _data("--augment", help="Crop and recolour pictures, differently each time.")
]

_pace = partial(typer.Option, rich_help_panel="Learning")
Updates = Annotated[
    int | None, _pace(min=1, metavar="N", help="Updates of the weights; unset: the protocol's own.")
]
Batch = Annotated[
    int | None,
    _pace(min=1, metavar="N", help="Pictures per pass of a process; unset: the protocol's own."),
]
Accumulate = Annotated[
    int | None,
    _pace(min=1, metavar="N", help="Passes that make one update; unset: the protocol's own."),
]
Rate = Annotated[
    float | None,
    _pace(
        min=0, metavar="RATE", help="Learning rate after the warm-up; unset: the protocol's own."
    ),
]
WarmUp = Annotated[
    int | None, _pace(min=0, metavar="N", help="Updates of the warm-up; unset: 100.")
]
FinalRate = Annotated[
    float | None,
    _pace(
        min=0,
        max=1,
        metavar="SHARE",
        help="Share of the rate that is left at the last update, above 0.",
    ),
]
WeightDecay = Annotated[
    float | None, _pace(min=0, metavar="DECAY", help="Of AdamW; unset: the protocol's own.")
]
Clip = Annotated[
    float | None,
    _pace(min=0, metavar="NORM", help="Clip the gradient; 0: never; unset: the protocol's own."),
]
Averaging = Annotated[
    float | None,
    _pace(
        "--average",
        min=0,
        max=1,
        metavar="DECAY",
        help="Save weights averaged over updates; 0: the last ones.",
    ),
]
Seed = Annotated[int, _pace(help="Another seed: another order, other noise, other new weights.")]

_method = partial(typer.Option, rich_help_panel="Method")
ZeroSnr = Annotated[
    bool,
    _method("--zero-snr", help="marigold: a blank last timestep, trailing spacing, as in v1-1."),
]
LastShare = Annotated[
    float,
    _method(
        min=0,
        max=1,
        metavar="SHARE",
        help="marigold: show this share of pictures at the last timestep.",
    ),
]
UnitOption = Annotated[
    Unit,
    _method(
        "--unit",
        help="e2e: count errors in metres, in each picture's own range of depth, or in each "
        "pixel's own depth.",
    ),
]

PrecisionOption = Annotated[
    Precision,
    model_flag("--precision", help="Number format of passes; auto: bf16 on GPUs that have it."),
]
Checkpointing = Annotated[
    bool,
    model_flag("--checkpointing", help="Compute activations twice to save memory."),
]

MaxTime = Annotated[
    float | None,
    control_flag(
        metavar="TIME",
        parser=duration,
        help="Save the state and stop after 90m, 1h30m, ...; exit code 75.",
    ),
]
SaveEvery = Annotated[int, control_flag(min=1, metavar="N", help="Save the state every N updates.")]
SheetEvery = Annotated[
    int, control_flag(min=0, metavar="N", help="Draw a contact sheet every N updates; 0: never.")
]
Half = Annotated[bool, control_flag("--half", help="Write the checkpoint in float16.")]
Blend = Annotated[
    float,
    control_flag(
        min=0, max=1, metavar="SHARE", help="Share of the base's U-Net in the one that is written."
    ),
]
OwnSteps = Annotated[
    int | None,
    control_flag(
        "--steps",
        min=1,
        metavar="N",
        help="Denoising steps that the checkpoint asks for; unset: those of its family.",
    ),
]
