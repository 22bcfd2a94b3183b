from __future__ import annotations

from pathlib import Path

import pytest
import torch

from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.errors import ModelError
from marigold_cli.training.course import run_course
from marigold_cli.training.data import HELD_OUT, draw_pictures
from marigold_cli.training.loop import Report
from marigold_cli.training.options import CourseOptions, ProtocolName


def options(folder: Path, protocol: ProtocolName, steps: int) -> CourseOptions:
    return CourseOptions(
        protocol,
        folder / "checkpoint",
        folder / "data",
        pictures=4,
        height=96,
        width=96,
        steps=steps,
        batch=2,
    )


def ignore(report: Report) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the one shard of pictures is rendered only once."""
    folder = tmp_path_factory.mktemp("course")
    run_course(options(folder, ProtocolName.AUTOENCODER, 1), ignore)
    return folder


def test_both_courses_end_in_a_checkpoint_that_loads(data: Path) -> None:
    finished = run_course(options(data, ProtocolName.MARIGOLD, 2), ignore)

    model = load(resolve(str(data / "checkpoint")), "cpu", "float32")
    assert finished
    assert model.unet.config.in_channels == 32


def test_the_u_net_needs_a_trained_vae_first(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="autoencoder"):
        run_course(options(tmp_path, ProtocolName.MARIGOLD, 1), ignore)


def test_held_out_pictures_can_be_drawn_again() -> None:
    first, second = draw_pictures(HELD_OUT, 2, 24, 32), draw_pictures(HELD_OUT + 1, 1, 24, 32)

    assert torch.equal(first.rgb[1], second.rgb[0])
