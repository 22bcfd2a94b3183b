"""`marigold train`: fine-tuning as the papers do it, and the project's own small models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from marigold_cli.batch.signals import Stop, listening
from marigold_cli.cli import options as flags
from marigold_cli.cli import train_options as own
from marigold_cli.cli.console import configure_logging, stderr_console
from marigold_cli.errors import ExitCode, UsageError
from marigold_cli.training.options import (
    PACES,
    CourseOptions,
    Machine,
    Material,
    Method,
    Upkeep,
)

_COURSE = CourseOptions(Path("trained"))
_METHOD, _MATERIAL, _MACHINE, _UPKEEP = (
    _COURSE.method, _COURSE.material, _COURSE.machine, _COURSE.upkeep,
)  # fmt: skip
_SPECS = list(_MATERIAL.specs)
_RECIPE_LEAVES = {"recipe", "out", "data", "device", "precision", "max_time", "quiet"}
_GRACE_S = 3600.0  # an update and its state are not given up by the first signal [s]


def train(
    context: typer.Context,
    protocol: own.ProtocolOption = _METHOD.protocol,
    modality: own.ModalityOption = _METHOD.modality,
    base: own.Base = _COURSE.base,
    out: own.OutFolder = _COURSE.out,
    recipe: own.Recipe = None,
    data: own.Data = _SPECS,
    size: own.Size = None,
    validation: own.Validation = _MATERIAL.validation,
    cache: own.Cache = _MATERIAL.cache,
    augment: own.Augment = _MATERIAL.augment,
    updates: own.Updates = None,
    batch: own.Batch = None,
    accumulate: own.Accumulate = None,
    rate: own.Rate = None,
    warm_up: own.WarmUp = None,
    final_rate: own.FinalRate = None,
    weight_decay: own.WeightDecay = None,
    clip: own.Clip = None,
    average: own.Averaging = None,
    zero_snr: own.ZeroSnr = _METHOD.zero_snr,
    last_share: own.LastShare = _METHOD.last_share,
    unit: own.UnitOption = _METHOD.unit,
    device: flags.Device = _MACHINE.device,
    precision: own.PrecisionOption = _MACHINE.precision,
    checkpointing: own.Checkpointing = _MACHINE.checkpointing,
    save_every: own.SaveEvery = _UPKEEP.save_every,
    sheet_every: own.SheetEvery = _UPKEEP.sheet_every,
    half: own.Half = _UPKEEP.half,
    blend: own.Blend = _UPKEEP.blend,
    steps: own.OwnSteps = _UPKEEP.steps,
    seed: own.Seed = _COURSE.seed,
    max_time: own.MaxTime = None,
    quiet: flags.Quiet = False,
) -> None:
    """Train a checkpoint; the same line again goes on where it stopped.

    Example: marigold train --protocol e2e --base prs-eth/marigold-depth-v1-0
    --data hypersim:DIR --data vkitti:DIR --out mine
    """
    machine = Machine(device, precision, checkpointing)
    if recipe:
        _refuse_others(context)
        from marigold_cli.training.embedded import embedded_courses

        further = () if data == _SPECS else tuple(data)
        raise typer.Exit(_carry_out(embedded_courses(out, machine, further), max_time, quiet))
    given: dict[str, Any] = {
        "updates": updates,
        "batch": batch,
        "accumulate": accumulate,
        "rate": rate,
        "warm_up": warm_up,
        "final_rate": final_rate,
        "weight_decay": weight_decay,
        "clip": clip,
        "average": average,
    }
    course = CourseOptions(
        out,
        base,
        Method(protocol, modality, zero_snr, last_share, unit),
        Material(tuple(data), own.read_size(size), validation, cache, augment),
        replace(PACES[protocol], **{name: it for name, it in given.items() if it is not None}),
        machine,
        Upkeep(save_every, sheet_every, half, blend, steps),
        seed,
    )
    raise typer.Exit(_carry_out([course], max_time, quiet))


def _carry_out(courses: Sequence[CourseOptions], max_time: float | None, quiet: bool) -> ExitCode:
    """Run one course after the other, until one of them is stopped."""
    # Imported here, so that --help need not wait.
    from marigold_cli.cli.train_display import displayed

    console = stderr_console()
    quiet = quiet or os.environ.get("RANK", "0") != "0"  # of many processes, only the first talks
    configure_logging(console, -1 if quiet else 0)
    stop = Stop(_GRACE_S, max_time)
    with displayed(console, quiet) as display:
        display.stage("loading PyTorch")
        from marigold_cli.training.course import run_course

        def announce() -> None:
            display.note("stopping after this update; a second signal stops at once")

        with listening(stop, announce, display.tell, lambda: None):
            for course in courses:
                display.note(f"training {course.out}")
                if not run_course(course, stop, display):
                    reason = stop.reason or "another process was asked to"
                    display.note(f"stopped ({reason}); run the same line again to go on")
                    return ExitCode.STOPPED
        display.note(f"done: {courses[-1].out}")
    return ExitCode.OK


def _refuse_others(context: typer.Context) -> None:
    """Refuse flags that a recipe decides.

    Raises:
        UsageError: One was given.
    """
    for name in context.params:
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE" and name not in _RECIPE_LEAVES:
            raise UsageError(f"--recipe decides --{name.replace('_', '-')}; leave it out")
