"""`marigold run`: the main job."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from marigold_cli.batch.options import ModelOptions, OutputOptions, Policy, RunOptions
from marigold_cli.batch.shard import choose_shard
from marigold_cli.cli import options as flags
from marigold_cli.cli.align import Colmap
from marigold_cli.cli.devices import read_devices
from marigold_cli.cli.values import duration, split_commas, tile_edge
from marigold_cli.depth import Modality
from marigold_cli.errors import UsageError
from marigold_cli.files.listing import read_list
from marigold_cli.files.selection import Selection
from marigold_cli.inference.options import PredictOptions

ModalityOption = Annotated[
    Modality | None,
    typer.Option(
        "--modality",
        metavar="NAME",
        help="depth, normals or iid (albedo, shading ...); unset: what the model estimates.",
        rich_help_panel="Model",
    ),
]

CompileOption = Annotated[
    Literal["auto", "on", "off"],
    typer.Option(
        "--compile",
        help="Compile the network; auto: on a GPU, once it has worked for ten minutes, and only if "
        "that is faster. It changes the last digits.",
        rich_help_panel="Model",
    ),
]
TileOption = Annotated[
    int | None,
    typer.Option(
        "--tile",
        metavar="PX|auto",
        parser=tile_edge,
        help="Predict in overlapping tiles as well, so many pixels of the photo long; auto: a "
        "quarter of photos that are longer than 4 processing sizes.",
        rich_help_panel="Quality",
    ),
]
RefineOption = Annotated[
    bool,
    typer.Option(
        "--refine",
        help="Bring the depth's steps to the photo's edges, at its full size.",
        rich_help_panel="Quality",
    ),
]

DevicesOption = Annotated[
    str | None,
    typer.Option(
        "--devices",
        metavar="all|0,1|cpu:2",
        help="A worker for each of these devices, which share the photos.",
        rich_help_panel="Workers",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Look after this part of the photos only; unset: a SLURM job array's task has its "
        "part, anyone else all (1/1).",
        rich_help_panel="Workers",
    ),
]
SplitOption = Annotated[
    Literal["photos", "ensemble"],
    typer.Option(
        "--split",
        metavar="photos|ensemble",
        help="What workers share: photos, or the members of each photo's ensemble, where photos "
        "are few.",
        rich_help_panel="Workers",
    ),
]
HangLimitOption = Annotated[
    float,
    typer.Option(
        "--hang-limit",
        metavar="TIME",
        parser=duration,
        help="End a process that has not done a step for so long, as if it had crashed; 0: never.",
        show_default="1h",
        rich_help_panel="Run control",
    ),
]

_RUN = RunOptions()
_SELECTION, _PREDICT, _MODEL, _OUTPUT, _POLICY = (
    _RUN.selection, _RUN.predict, _RUN.model, _RUN.output, _RUN.policy,
)  # fmt: skip
_FORMATS = list(_OUTPUT.formats)


def run(
    inputs: flags.Inputs = None,
    include: flags.Include = None,
    exclude: flags.Exclude = None,
    recurse: flags.Recurse = _SELECTION.recurse,
    files_from: flags.FilesFrom = None,
    null: flags.Null = False,
    follow_links: flags.FollowLinks = _SELECTION.follow_links,
    max_pixels: flags.MaxPixels = _POLICY.max_pixels,
    model: flags.Model = _MODEL.name,
    modality: ModalityOption = _MODEL.modality,
    revision: flags.Revision = _MODEL.revision,
    device: flags.Device = _MODEL.device,
    dtype: flags.DtypeOption = flags.Dtype(_MODEL.dtype),
    vae: flags.Vae = _MODEL.vae,
    compiling: CompileOption = _MODEL.compiling,
    steps: flags.Steps = _PREDICT.steps,
    ensemble: flags.Ensemble = _PREDICT.ensemble,
    resolution: flags.Resolution = _PREDICT.resolution,
    tile: TileOption = _PREDICT.tile,
    refine: RefineOption = _PREDICT.refine,
    fast: flags.Fast = _PREDICT.fast,
    seed: flags.Seed = _PREDICT.seed,
    timesteps: flags.Timesteps = _PREDICT.timesteps,
    noise: flags.NoiseOption = _PREDICT.noise,
    resample: flags.ResampleOption = _PREDICT.resample,
    reduction: flags.ReductionOption = _PREDICT.reduction,
    out: flags.Out = _RUN.out,
    formats: flags.Format = _FORMATS,
    colormap: flags.Colormap = _OUTPUT.colormap,
    uncertainty: flags.Uncertainty = _OUTPUT.uncertainty,
    invert: flags.Invert = _OUTPUT.invert,
    output_size: flags.OutputSize = _OUTPUT.size,
    grid: flags.Grid = _OUTPUT.grid,
    colmap: Colmap = None,
    devices: DevicesOption = None,
    shard: ShardOption = None,
    split: SplitOption = _POLICY.split,
    dry_run: flags.DryRun = False,
    overwrite: flags.Overwrite = _POLICY.overwrite,
    resume: flags.Resume = _POLICY.resume,
    skip_failed: flags.SkipFailed = not _POLICY.retry_failed,
    check: flags.CheckOption = _POLICY.check,
    fsync: flags.Fsync = _POLICY.fsync,
    max_failures: flags.MaxFailures = _POLICY.max_failures,
    fail_on: flags.FailOn = _POLICY.fail_on,
    max_time: flags.MaxTime = _POLICY.max_time_s,
    grace: flags.Grace = _POLICY.grace_s,
    batch_size: flags.BatchSize = _POLICY.batch_size,
    hang_limit: HangLimitOption = _POLICY.hang_limit_s,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = 0,
    log_json: flags.LogJson = None,
    json: flags.Json = False,
) -> None:
    """Estimate the depth of every photo, its surface normals or its intrinsic images.

    Example: marigold run photos/ --out depths --format tiff,color
    """
    places = read_devices(devices) if devices is not None else ()
    if places and device != _MODEL.device:
        raise UsageError("--device and --devices both say where to compute; give one of them")
    asked = RunOptions(
        inputs=tuple(inputs or ()),
        listed=tuple(read_list(files_from, null) if files_from is not None else ()),
        out=out,
        selection=Selection(tuple(include or ()), tuple(exclude or ()), recurse, follow_links),
        predict=PredictOptions(
            steps=steps,
            ensemble=ensemble,
            resolution=resolution,
            tile=tile,
            refine=refine,
            fast=fast,
            seed=seed,
            timesteps=timesteps,
            noise=noise,
            resample=resample,
            reduction=reduction,
        ),
        model=ModelOptions(
            *(model, revision, places[0] if places else device, dtype.value, vae, modality),
            compiling=compiling,
        ),
        output=OutputOptions(
            formats=split_commas(formats),
            colormap=colormap,
            uncertainty=uncertainty,
            invert=invert,
            size=output_size,
            grid=grid,
        ),
        policy=Policy(
            overwrite=overwrite,
            resume=resume,
            retry_failed=not skip_failed,
            check=check,
            fsync=fsync,
            max_failures=max_failures,
            fail_on=fail_on,
            max_time_s=max_time,
            grace_s=grace,
            batch_size=batch_size,
            max_pixels=max_pixels,
            hang_limit_s=hang_limit,
            split=split,
        ),
        devices=places,
        shard=choose_shard(shard, os.environ),
    )
    # Imported here, so that --help need not wait for what reads and writes pictures.
    from marigold_cli.cli import job

    talk = job.Talk(quiet, verbose, log_json, json)
    do = job.show_plan if dry_run else job.carry_out
    raise typer.Exit(do(asked, talk, colmap))
