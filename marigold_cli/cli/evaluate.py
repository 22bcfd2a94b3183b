"""`marigold evaluate`: depth or normals against what was measured, as in the papers' tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marigold_cli.batch.options import ModelOptions, Policy
from marigold_cli.cli import options as flags
from marigold_cli.cli.values import duration, path
from marigold_cli.depth import DepthKind
from marigold_cli.evaluation.options import (
    Alignment,
    DataSetName,
    EvaluateOptions,
    FolderOptions,
)
from marigold_cli.inference.options import PredictOptions

_data = partial(typer.Option, rich_help_panel="Data")
DataSets = Annotated[
    list[DataSetName] | None,
    _data(
        "--dataset",
        metavar="NAME",
        help="nyuv2, kitti, eth3d, scannet, diode, da-2k, folder; normals: nyuv2-normals, "
        "scannet-normals, ibims-normals, sintel-normals, diode-normals, oasis-normals; repeated, "
        "each with its --data.",
    ),
]
Data = Annotated[
    list[Path] | None,
    _data(
        metavar="DIR",
        parser=path,
        help="Folder or tar archive of the set; once for all: the bundle with all of them.",
    ),
]
Lists = Annotated[
    list[Path] | None,
    _data(
        "--list",
        metavar="FILE",
        parser=path,
        help="Which pictures count; unset: the list beside the data.",
    ),
]
DepthScale = Annotated[
    float | None,
    _data(metavar="STEP", help="Folder: metres of one step of integer depth, 0.001 for mm."),
]
MinDepth = Annotated[float, _data(metavar="M", help="Folder: what is nearer does not count.")]
MaxDepth = Annotated[
    float | None, _data(metavar="M", help="Folder: what is farther does not count.")
]

Compare = Annotated[
    list[str] | None,
    flags.model_flag(
        metavar="NAME", help="Another model, measured beside the first; may be repeated."
    ),
]
PredictionFolders = Annotated[
    list[Path] | None,
    flags.model_flag(
        "--predictions",
        metavar="OUT",
        parser=path,
        help="Instead of a model: OUT of a finished run.",
    ),
]
KindOption = Annotated[
    DepthKind | None,
    flags.model_flag(
        "--kind",
        metavar="KIND",
        help="What the numbers of predictions without marigold.json mean: affine-depth, "
        "affine-disparity, metric, normals, intrinsics.",
    ),
]

_scores = partial(typer.Option, rich_help_panel="Scores")
Align = Annotated[
    Alignment,
    _scores(
        "--align",
        metavar="HOW",
        help="How predictions come to the truth's unit: least-squares, least-squares-disparity, "
        "median, none; auto: by their kind.",
    ),
]
Baselines = Annotated[
    bool, _scores("--baselines", help="Add rows of what looks at no picture: mean, ramp, plane.")
]

Out = Annotated[
    Path,
    flags.output_flag(
        "-o",
        "--out",
        metavar="DIR",
        parser=path,
        help="Folder of the tables, contact sheets and predictions.",
    ),
]
MaxTime = Annotated[
    float | None,
    flags.control_flag(
        metavar="TIME",
        parser=duration,
        help="Begin no picture after 90m, 1h30m, ...; exit code 75.",
    ),
]

_ASKED, _PREDICT, _MODEL, _POLICY = EvaluateOptions(), PredictOptions(), ModelOptions(), Policy()


def evaluate(
    datasets: DataSets = None,
    data: Data = None,
    lists: Lists = None,
    depth_scale: DepthScale = _ASKED.folder.depth_scale,
    min_depth: MinDepth = _ASKED.folder.min_depth,
    max_depth: MaxDepth = _ASKED.folder.max_depth,
    model: flags.Model = _MODEL.name,
    compare: Compare = None,
    predictions: PredictionFolders = None,
    kind: KindOption = _ASKED.kind,
    revision: flags.Revision = _MODEL.revision,
    device: flags.Device = _MODEL.device,
    dtype: flags.DtypeOption = flags.Dtype(_MODEL.dtype),
    vae: flags.Vae = _MODEL.vae,
    steps: flags.Steps = _PREDICT.steps,
    ensemble: flags.Ensemble = _PREDICT.ensemble,
    resolution: flags.Resolution = _PREDICT.resolution,
    fast: flags.Fast = _PREDICT.fast,
    seed: flags.Seed = _PREDICT.seed,
    timesteps: flags.Timesteps = _PREDICT.timesteps,
    noise: flags.NoiseOption = _PREDICT.noise,
    resample: flags.ResampleOption = _PREDICT.resample,
    align: Align = _ASKED.alignment,
    baselines: Baselines = _ASKED.baselines,
    out: Out = _ASKED.out,
    overwrite: flags.Overwrite = _POLICY.overwrite,
    max_time: MaxTime = _POLICY.max_time_s,
    batch_size: flags.BatchSize = _POLICY.batch_size,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = 0,
    json: flags.Json = False,
) -> None:
    """Measure a model, or finished predictions, against measured depth or normals.

    Example: marigold evaluate --dataset nyuv2 --dataset kitti --data bundle --model tiny
    """
    # Imported here, so that --help need not wait for what reads and writes pictures.
    from marigold_cli.cli import evaluate_job as job

    asked = EvaluateOptions(
        datasets=tuple(datasets or ()),
        data=tuple(data or ()),
        predictions=tuple(predictions or ()),
        kind=kind,
        lists=tuple(lists or ()),
        alignment=align,
        baselines=baselines,
        folder=FolderOptions(depth_scale, min_depth, max_depth),
        out=out,
    )
    recipe = PredictOptions(
        steps=steps,
        ensemble=ensemble,
        resolution=resolution,
        fast=fast,
        seed=seed,
        timesteps=timesteps,
        noise=noise,
        resample=resample,
    )
    loading = [
        ModelOptions(name, revision, device, dtype.value, vae) for name in (model, *(compare or ()))
    ]
    policy = Policy(overwrite=overwrite, max_time_s=max_time, batch_size=batch_size)
    wanted = job.Wanted(asked, tuple(loading), recipe, policy)
    raise typer.Exit(job.carry_out(wanted, job.Talk(quiet, verbose, json=json)))
