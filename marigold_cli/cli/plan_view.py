"""What `marigold run --dry-run` shows: the plan, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.plan import Job, Plan
from marigold_cli.batch.settings import Settings
from marigold_cli.checkpoints.card import FeedForwardCard
from marigold_cli.cli.console import printable
from marigold_cli.cli.wording import count, left_out, size
from marigold_cli.cli.workflow import Prepared
from marigold_cli.depth import Modality
from marigold_cli.errors import ImageError
from marigold_cli.files.decode import decode
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.source import read_source
from marigold_cli.inference.options import Noise, Recipe
from marigold_cli.inference.tiling import plan_tiling

_FIRST = 5  # jobs that are named without -v
_SAMPLES = 5  # photos that are read for the estimate
_BYTES = {"npy": 4.0, "tiff": 3.1, "png": 1.8, "color": 0.6, "exr": 4.0}  # per pixel, of busy maps


@dataclass(frozen=True)
class PlannedJob:
    """One photo that would be computed, why, and what would be written."""

    name: str
    reason: str
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class PlanView:
    """A plan as it is shown.

    Attributes:
        out: Folder of the results.
        model: The checkpoint's name.
        recipe: What would be done to every photo, in words.
        fingerprint: Of the settings.
        reasons: How many photos would be computed for which reason.
        skipped: Photos whose outputs are there.
        passed_over: Photos that failed before and would not be tried again.
        unread: Folders that cannot be read.
        left_out: Photos that need an extra which is not installed, by its name.
        bytes: What the results would take on disk, estimated from a few photos; None: unknown.
        jobs: Every photo that would be computed.
    """

    out: str
    model: str
    recipe: str
    fingerprint: str
    reasons: dict[str, int]
    skipped: int
    passed_over: int
    unread: tuple[str, ...]
    left_out: dict[str, int]
    bytes: int | None
    jobs: tuple[PlannedJob, ...]


def make_view(prepared: Prepared, asked: RunOptions) -> PlanView:
    """Gather what is shown of a plan."""
    plan = prepared.plan
    return PlanView(
        out=str(asked.out),
        model=prepared.card.name,
        recipe=describe_recipe(plan.settings, isinstance(prepared.card, FeedForwardCard)),
        fingerprint=plan.fingerprint,
        reasons=dict(Counter(job.reason for job in plan.jobs)),
        skipped=len(plan.skipped),
        passed_over=len(plan.passed_over),
        unread=tuple(folder.message for folder in plan.unread),
        left_out={extra.name: number for extra, number in plan.left_out.items()},
        bytes=estimate_bytes(plan, asked.policy.max_pixels),
        jobs=tuple(
            PlannedJob(job.ref.name, job.reason, tuple(output.path for output in job.outputs))
            for job in plan.jobs
        ),
    )


def to_json(view: PlanView) -> str:
    """Return a plan as one line of ASCII JSON."""
    return json.dumps(asdict(view))


def to_text(view: PlanView, complete: bool) -> str:
    """Return a plan as lines for people.

    Args:
        view: The plan.
        complete: Whether to name every photo instead of the first few.
    """
    reasons = [f"  {number:>6,}  {reason}" for reason, number in sorted(view.reasons.items())]
    shown = view.jobs if complete else view.jobs[:_FIRST]
    jobs = [
        f"  {printable(job.name)} ({job.reason}) -> {printable(', '.join(job.outputs))}"
        for job in shown
    ]
    rest = len(view.jobs) - len(shown)
    room = "unknown" if view.bytes is None else f"about {size(view.bytes)}"
    return "\n".join(
        [
            f"model    {printable(view.model)}",
            f"recipe   {view.recipe}",
            f"results  {printable(view.out)} ({room}), settings {view.fingerprint}",
            f"compute  {count(len(view.jobs), 'photo')}",
            *reasons,
            f"skip     {view.skipped:,} done before, {view.passed_over:,} failed before",
            *(f"unread   {printable(message)}" for message in view.unread),
            *([f"left out {left_out(view.left_out)}"] if view.left_out else []),
            *(["photos"] if jobs else []),
            *jobs,
            *([f"  and {rest:,} more; -v names them all"] if rest else []),
        ]
    )


def describe_recipe(settings: Settings, is_one_pass: bool = False) -> str:
    """Return what is done to every photo, in one line.

    Args:
        settings: Of the run.
        is_one_pass: Whether the model knows no steps, members and noise, and no size but its own.
    """
    words = ["one pass at the model's own size"]
    if not is_one_pass:
        words = _describe_denoising(settings.recipe)
    what = [f"images {'+'.join(settings.intrinsics)}"] if settings.intrinsics else []
    return ", ".join([*words, settings.dtype, *what, f"formats {'+'.join(settings.formats)}"])


def _describe_denoising(recipe: Recipe) -> list[str]:
    edge = f"{recipe.resolution} px" if recipe.resolution else "the photo's own size"
    words = [count(recipe.steps, "step"), count(recipe.ensemble, "member"), f"at {edge}"]
    starts_from_zeros = recipe.noise is Noise.ZEROS
    if not starts_from_zeros or recipe.timesteps is None:  # LCM mixes noise in at later steps
        words.append(f"seed {recipe.seed}")
    words.append("from zeros" if starts_from_zeros else f"{recipe.noise} noise")
    if recipe.timesteps:
        words.append(f"{recipe.timesteps} timesteps")
    if recipe.ensemble > 1:
        words.append(f"{recipe.reduction} of members")
    if recipe.tile is not None:
        words.append(f"tiles of {recipe.tile} px" if recipe.tile else "tiles of big photos")
    return [*words, "refined"] if recipe.refine else words


def estimate_bytes(plan: Plan, max_pixels: int) -> int | None:
    """Guess what the results take on disk from the sizes of a few photos."""
    settings = plan.settings
    per_pixel = _bytes_per_pixel(settings)
    sizes = _sample_sizes(plan.jobs, max_pixels)
    if not sizes:
        return None if plan.jobs else 0
    pixels = [_written_pixels(size, settings) for size in sizes]
    return round(per_pixel * sum(pixels) / len(pixels) * len(plan.jobs))


def _bytes_per_pixel(settings: Settings) -> float:
    """Return what a pixel of all results takes; normals and intrinsic images have 3 channels."""
    images = max(1, len(settings.intrinsics))
    channels = images if settings.kind.modality is Modality.DEPTH else 3 * images
    spreads = 3 * images if settings.intrinsics else 1
    values = sum(_BYTES.get(name, 4.0) for name in settings.formats)
    spread = sum(_BYTES.get(name, 4.0) for name in settings.formats if name != "color")
    return channels * values + (spreads * spread if settings.uncertainty else 0)


def _sample_sizes(jobs: Sequence[Job], max_pixels: int) -> list[tuple[int, int]]:
    """Return (height, width) [px] of a few photos, evenly spread; those that fail are left out."""
    policy = DecodePolicy(max_pixels=max_pixels, long_edge=64)
    sizes = []
    for job in jobs[:: max(1, -(-len(jobs) // _SAMPLES))]:
        try:
            sizes.append(decode(read_source(Path(job.ref.path)), job.ref.name, policy).size)
        except ImageError:
            continue
    return sizes


def _written_pixels(size: tuple[int, int], settings: Settings) -> float:
    """Return the pixels of one photo's result, for its height and width [px]."""
    scale, recipe = 1.0, settings.recipe
    if settings.size == "processing" and recipe.resolution:
        tiling = plan_tiling(size, recipe)
        scale = (max(tiling.size) if tiling else recipe.resolution) / max(size)
    return size[0] * size[1] * scale * scale
