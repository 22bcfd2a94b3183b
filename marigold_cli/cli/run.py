"""`marigold run`: the main job."""

from __future__ import annotations

import os

import typer

from marigold_cli.batch.options import ModelOptions, OutputOptions, Policy, RunOptions
from marigold_cli.batch.shard import choose_shard
from marigold_cli.cli import options as flags
from marigold_cli.cli import run_options as own
from marigold_cli.cli.align import Colmap
from marigold_cli.cli.devices import read_devices
from marigold_cli.cli.values import split_commas
from marigold_cli.errors import UsageError
from marigold_cli.files.listing import read_list
from marigold_cli.files.selection import Selection
from marigold_cli.inference.options import PredictOptions

_RUN = RunOptions()
_SELECTION, _PREDICT, _MODEL, _OUTPUT, _POLICY = (
    _RUN.selection, _RUN.predict, _RUN.model, _RUN.output, _RUN.policy,
)  # fmt: skip
_FORMATS = list(_OUTPUT.formats)


def run(
    inputs: own.Inputs = None,
    include: own.Include = None,
    exclude: own.Exclude = None,
    recurse: own.Recurse = _SELECTION.recurse,
    files_from: own.FilesFrom = None,
    null: own.Null = False,
    follow_links: own.FollowLinks = _SELECTION.follow_links,
    max_pixels: own.MaxPixels = _POLICY.max_pixels,
    model: flags.Model = _MODEL.name,
    modality: own.ModalityOption = _MODEL.modality,
    revision: flags.Revision = _MODEL.revision,
    device: flags.Device = _MODEL.device,
    dtype: flags.DtypeOption = flags.Dtype(_MODEL.dtype),
    vae: flags.Vae = _MODEL.vae,
    compiling: own.Compile = _MODEL.compiling,
    steps: flags.Steps = _PREDICT.steps,
    ensemble: flags.Ensemble = _PREDICT.ensemble,
    resolution: flags.Resolution = _PREDICT.resolution,
    tile: own.Tile = _PREDICT.tile,
    refine: own.Refine = _PREDICT.refine,
    fast: flags.Fast = _PREDICT.fast,
    seed: flags.Seed = _PREDICT.seed,
    timesteps: flags.Timesteps = _PREDICT.timesteps,
    noise: flags.NoiseOption = _PREDICT.noise,
    resample: flags.ResampleOption = _PREDICT.resample,
    reduction: own.ReductionOption = _PREDICT.reduction,
    out: own.Out = _RUN.out,
    formats: own.Format = _FORMATS,
    colormap: own.Colormap = _OUTPUT.colormap,
    uncertainty: own.Uncertainty = _OUTPUT.uncertainty,
    invert: own.Invert = _OUTPUT.invert,
    output_size: own.OutputSize = _OUTPUT.size,
    grid: own.Grid = _OUTPUT.grid,
    colmap: Colmap = None,
    devices: own.Devices = None,
    shard: own.Shard = None,
    split: own.Split = _POLICY.split,
    dry_run: own.DryRun = False,
    overwrite: flags.Overwrite = _POLICY.overwrite,
    resume: own.Resume = _POLICY.resume,
    skip_failed: own.SkipFailed = not _POLICY.retry_failed,
    check: own.Check = _POLICY.check,
    fsync: flags.Fsync = _POLICY.fsync,
    max_failures: own.MaxFailures = _POLICY.max_failures,
    fail_on: own.FailOn = _POLICY.fail_on,
    max_time: own.MaxTime = _POLICY.max_time_s,
    grace: own.Grace = _POLICY.grace_s,
    batch_size: flags.BatchSize = _POLICY.batch_size,
    hang_limit: own.HangLimit = _POLICY.hang_limit_s,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = 0,
    log_json: own.LogJson = None,
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
        listed=_read_listed(files_from, null),
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
            name=model,
            revision=revision,
            device=places[0] if places else device,
            dtype=dtype.value,
            vae=vae,
            modality=modality,
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


def _read_listed(file: str | None, nul: bool) -> tuple[str, ...]:
    """Read the list of --files-from.

    Raises:
        UsageError: several processes would have to read it from one standard input.
    """
    if file is None:
        return ()
    if file == "-":
        from marigold_cli.cli.engine import read_rank

        rank = read_rank(os.environ)
        if rank and rank.size > 1:
            raise UsageError(
                "--files-from - is for one process, and here are several with one standard "
                "input; write the list to a file and give its name"
            )
    return tuple(read_list(file, nul))
