"""`marigold train`: a small Marigold from rendered scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marigold_cli.cli.console import announced, say, stderr_console
from marigold_cli.cli.options import MaxTime, Quiet, Seed
from marigold_cli.errors import ExitCode
from marigold_cli.training.options import CourseOptions, ProtocolName

if TYPE_CHECKING:
    from marigold_cli.training.loop import Report

Checkpoint = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of the checkpoint and of its state.")
]
ProtocolOption = Annotated[
    ProtocolName,
    typer.Option(help="What to train: the VAE first, then the U-Net in its latent space."),
]
Data = Annotated[
    Path, typer.Option(metavar="DIR", help="Where rendered pictures and latents are kept.")
]
Pictures = Annotated[int, typer.Option(min=1, metavar="N", help="Scenes to render and learn from.")]
Updates = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Steps of the optimiser; unset: the protocol's own."),
]
LearningRate = Annotated[
    float | None,
    typer.Option(metavar="RATE", help="After the warm-up; unset: the protocol's own."),
]
Batch = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Pictures a step; unset: the protocol's own."),
]

_COURSE = CourseOptions()


def train(
    checkpoint: Checkpoint,
    protocol: ProtocolOption = _COURSE.protocol,
    data: Data = _COURSE.data,
    pictures: Pictures = _COURSE.pictures,
    updates: Updates = _COURSE.steps,
    learning_rate: LearningRate = _COURSE.learning_rate,
    batch: Batch = _COURSE.batch,
    seed: Seed = _COURSE.seed,
    max_time: MaxTime = _COURSE.max_time_s,
    quiet: Quiet = False,
) -> None:
    """Train a small checkpoint on random scenes; the same line again goes on where it stopped.

    Example: marigold train mine --protocol autoencoder && marigold train mine
    """
    console = stderr_console()
    with announced(console, "loading PyTorch"):
        from marigold_cli.training.course import run_course

    def tell(report: Report) -> None:
        if not quiet:
            say(
                f"step {report.step}/{report.steps}  loss {report.loss:.4f}  "
                f"rate {report.learning_rate:.1e}  {report.seconds:.0f} s",
                console=console,
            )

    course = CourseOptions(
        protocol,
        checkpoint,
        data,
        pictures,
        steps=updates,
        learning_rate=learning_rate,
        batch=batch,
        seed=seed,
        max_time_s=max_time,
    )
    finished = run_course(course, tell)
    raise typer.Exit(ExitCode.OK if finished else ExitCode.STOPPED)
