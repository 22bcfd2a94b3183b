"""The proof that training works as a whole: eight scenes are learned by heart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marigold_cli.batch.signals import Stop
from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.files.decode import Photo
from marigold_cli.fit import fit_affine
from marigold_cli.inference.options import PredictOptions
from marigold_cli.inference.predict import predict
from marigold_cli.metrics import SMALLEST_DEPTH, abs_rel
from marigold_cli.training.course import run_course
from marigold_cli.training.options import (
    CourseOptions,
    Machine,
    Material,
    Method,
    Pace,
    ProtocolName,
    Unit,
    Upkeep,
)
from marigold_cli.training.samples import Samples

pytestmark = pytest.mark.training

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="module")
def scenes(make_samples: Callable[..., Samples]) -> Samples:
    return make_samples(8, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def folder(
    scenes: Samples,
    make_pictures: Callable[[Samples, Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    return make_pictures(scenes, tmp_path_factory.mktemp("scenes") / "eight")


def errors(out: Path, scenes: Samples, options: PredictOptions) -> list[float]:
    """AbsRel of each scene, predicted as `marigold run` does it, after the best scale and shift.

    The scale must be above 0: near has to come out near.
    """
    card = resolve(str(out))
    arrays = scenes.rgb.permute(0, 2, 3, 1).numpy()
    photos = [Photo(array, (HEIGHT, WIDTH), 1, f"{i}") for i, array in enumerate(arrays)]
    depths = predict(load(card), photos, card.decide(options))
    found = []
    for depth, truth, valid in zip(depths, scenes.depth, scenes.valid, strict=True):
        guess, known = depth.values[valid[0].numpy()], truth[valid].numpy()
        line = fit_affine(guess, known)
        assert line.scale > 0
        found.append(abs_rel(np.maximum(line(guess), SMALLEST_DEPTH), known))
    return found


def course(out: Path, folder: Path, base: str | None, method: Method, pace: Pace) -> CourseOptions:
    return CourseOptions(
        out,
        base,
        method,
        Material((f"folder:{folder}",)),
        pace,
        Machine("cpu"),
        Upkeep(sheet_every=0),
    )


def test_eight_scenes_are_learned_by_heart_end_to_end(
    scenes: Samples, folder: Path, stop: Stop, listen: type, tmp_path: Path
) -> None:
    pace = Pace(25, 8, 1, rate=1e-3, warm_up=5, final_rate=0.1, clip=1.0, average=0.9)
    method = Method(ProtocolName.E2E, unit=Unit.RANGE)

    run_course(course(tmp_path / "e2e", folder, "tiny", method, pace), stop, listen())

    found = errors(tmp_path / "e2e", scenes, PredictOptions(fast=True))
    assert np.mean(found) < 0.05


@pytest.mark.slow
def test_eight_scenes_are_learned_by_heart_end_to_end_by_a_new_network(
    scenes: Samples, folder: Path, stop: Stop, listen: type, tmp_path: Path
) -> None:
    pace = Pace(75, 8, 1, rate=2e-3, warm_up=10, final_rate=0.1, clip=1.0, average=0.9)
    method = Method(ProtocolName.E2E, unit=Unit.METRE)

    run_course(course(tmp_path / "new", folder, None, method, pace), stop, listen())

    found = errors(tmp_path / "new", scenes, PredictOptions(fast=True))
    assert np.mean(found) < 0.05


@pytest.mark.slow
def test_eight_scenes_are_learned_by_heart_by_denoising(
    scenes: Samples, folder: Path, stop: Stop, listen: type, tmp_path: Path
) -> None:
    pace = Pace(150, 8, 1, rate=2e-3, warm_up=10, final_rate=0.1, clip=1.0, average=0.9)
    method = Method(ProtocolName.MARIGOLD, last_share=0.5)

    run_course(course(tmp_path / "marigold", folder, "tiny", method, pace), stop, listen())

    found = errors(tmp_path / "marigold", scenes, PredictOptions(steps=4))
    assert np.mean(found) < 0.05
