from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from marigold_cli.batch.signals import Stop
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.training.course import run_course
from marigold_cli.training.imprint import Imprint, imprinting, read_imprint
from marigold_cli.training.options import CourseOptions, Upkeep

pytestmark = pytest.mark.training

MakeCourse = Callable[..., CourseOptions]
UNET = Path("unet", "diffusion_pytorch_model.safetensors")
RECORD = Path("state", "checkpoint.json")
UPKEEP = Upkeep(save_every=2, sheet_every=0)


@pytest.fixture(scope="module")
def finished(
    plan_course: MakeCourse, listen: type, tmp_path_factory: pytest.TempPathFactory
) -> CourseOptions:
    """A training that is done, not to be changed."""
    course = plan_course(tmp_path_factory.mktemp("finished") / "out")
    assert run_course(course, Stop(grace_s=0), listen())
    return course


@pytest.fixture
def course(finished: CourseOptions, tmp_path: Path) -> CourseOptions:
    """The same, the test's own."""
    out = shutil.copytree(finished.out, tmp_path / "out")
    return replace(finished, out=out)


@pytest.fixture
def ends_before_writing(listen: type) -> object:
    """Hears that the checkpoint is about to be written, and ends the process."""

    class Ending(listen):  # type: ignore[misc]
        def stage(self, text: str) -> None:
            if text == "writing the checkpoint":
                raise KeyboardInterrupt

    return Ending()


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / UNET)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_training_that_was_killed_before_its_checkpoint_gets_it_the_next_time(
    make_course: MakeCourse,
    finished: CourseOptions,
    stop: Stop,
    listen: type,
    ends_before_writing: object,
) -> None:
    course = make_course()
    with pytest.raises(KeyboardInterrupt):
        run_course(course, stop, ends_before_writing)
    listener = listen()

    is_done = run_course(course, stop, listener)

    assert is_done
    assert not listener.advances
    assert same(weights(course.out), weights(finished.out))
    assert resolve(str(course.out)).steps == 10


def test_an_old_checkpoint_is_replaced_when_its_successor_was_not_written(
    make_course: MakeCourse,
    finished: CourseOptions,
    stop: Stop,
    listen: type,
    ends_before_writing: object,
) -> None:
    course, stopped = make_course(), Stop(grace_s=0)
    assert not run_course(course, stopped, listen(2, lambda: stopped.ask("SIGTERM")))
    before = weights(course.out)
    with pytest.raises(KeyboardInterrupt):
        run_course(course, stop, ends_before_writing)

    run_course(course, stop, listen())

    assert not same(weights(course.out), before)
    assert same(weights(course.out), weights(finished.out))


@pytest.mark.parametrize(
    "upkeep", [replace(UPKEEP, half=True), replace(UPKEEP, blend=0.5), replace(UPKEEP, steps=3)]
)
def test_what_is_asked_of_a_checkpoint_after_the_end_is_done(
    make_course: MakeCourse, course: CourseOptions, stop: Stop, listen: type, upkeep: Upkeep
) -> None:
    at_once = make_course(out="at_once", upkeep=upkeep)
    run_course(at_once, stop, listen())

    run_course(replace(course, upkeep=upkeep), stop, listen())

    assert same(weights(course.out), weights(at_once.out))
    assert resolve(str(course.out)).steps == resolve(str(at_once.out)).steps


def test_a_training_of_earlier_versions_which_kept_no_record_goes_on(
    course: CourseOptions, finished: CourseOptions, stop: Stop, listen: type
) -> None:
    (course.out / RECORD).unlink()
    first, again = listen(), listen()

    assert run_course(course, stop, first)
    assert run_course(course, stop, again)
    longer = replace(course, pace=replace(course.pace, updates=5))
    (course.out / RECORD).unlink()
    assert run_course(longer, stop, listen())

    assert "writing the checkpoint" in first.stages
    assert "writing the checkpoint" not in again.stages
    assert read_imprint(course.out) == Imprint(5, half=False, blend=0.0, steps=None)
    assert not same(weights(course.out), weights(finished.out))


def test_while_a_checkpoint_is_written_there_is_no_record_of_it(tmp_path: Path) -> None:
    imprint = Imprint(4, half=True, blend=0.0, steps=None)
    with imprinting(tmp_path, imprint):
        pass
    before = read_imprint(tmp_path)

    with pytest.raises(KeyboardInterrupt), imprinting(tmp_path, imprint):
        raise KeyboardInterrupt

    assert before == imprint
    assert read_imprint(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"update": 4, "colour": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / RECORD).write_text(content)

    assert read_imprint(tmp_path) is None
