from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.batch.signals import Stop
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.depth import Modality
from marigold_cli.errors import DataSetError, OutputError
from marigold_cli.training.course import run_course
from marigold_cli.training.data import render
from marigold_cli.training.datasets import open_source, rendered
from marigold_cli.training.options import CourseOptions, Material, Method, ProtocolName, Upkeep
from marigold_cli.training.order import Division
from marigold_cli.training.samples import Samples
from marigold_cli.training.state import find_state

pytestmark = pytest.mark.training

MakeCourse = Callable[..., CourseOptions]
NORMALS = Method(ProtocolName.E2E, Modality.NORMALS)


@pytest.fixture
def odd(
    make_pictures: Callable[[Samples, Path], Path],
    make_samples: Callable[..., Samples],
    tmp_path: Path,
) -> Path:
    """Pictures that no VAE can take."""
    return make_pictures(make_samples(2, height=17, width=25), tmp_path / "odd")


@pytest.fixture
def bare(pictures: Path, tmp_path: Path) -> Path:
    """Pictures without normals."""
    folder = shutil.copytree(pictures, tmp_path / "bare")
    shutil.rmtree(folder / "normal")
    return folder


def test_validation_without_normals_is_refused_before_the_first_update(
    make_course: MakeCourse, stop: Stop, listen: type, bare: Path
) -> None:
    course = make_course(method=NORMALS)
    course = replace(course, material=replace(course.material, validation=f"folder:{bare}"))
    listener = listen()

    with pytest.raises(DataSetError, match=r"bare: comes without normals"):
        run_course(course, stop, listener)

    assert not listener.advances


@pytest.mark.parametrize("role", ["validation", "second source"])
@pytest.mark.parametrize("protocol", [ProtocolName.MARIGOLD, ProtocolName.AUTOENCODER])
def test_pictures_that_the_vae_cannot_take_are_refused_before_the_first_update(
    make_course: MakeCourse,
    stop: Stop,
    listen: type,
    odd: Path,
    role: str,
    protocol: ProtocolName,
) -> None:
    course, spec = make_course(protocol), f"folder:{odd}"
    is_shown = role == "validation"
    wrong = {"validation": spec} if is_shown else {"specs": (*course.material.specs, spec)}
    course = replace(course, material=replace(course.material, **wrong))
    listener = listen()

    with pytest.raises(DataSetError, match=r"odd: pictures of 25 x 17 px, .* give --size"):
        run_course(course, stop, listener)

    assert not listener.advances


@pytest.mark.parametrize(
    ("upkeep", "saved"),
    [(Upkeep(save_every=2, sheet_every=2), 2), (Upkeep(save_every=100, sheet_every=1), 1)],
)
def test_a_sheet_that_cannot_be_drawn_loses_nothing_that_was_learned(
    make_course: MakeCourse, stop: Stop, listen: type, upkeep: Upkeep, saved: int
) -> None:
    course = make_course(upkeep=upkeep)
    course.out.mkdir()
    (course.out / "sheets").write_text("in the way")

    for run in (1, 2):
        with pytest.raises(OutputError, match="sheets"):
            run_course(course, stop, listen())

        state = find_state(course.out / "state")
        assert state
        assert state.facts.update == run * saved


def test_the_checkpoint_is_meant_for_pictures_as_large_as_those_it_learned_from(
    make_course: MakeCourse,
    make_pictures: Callable[[Samples, Path], Path],
    make_samples: Callable[..., Samples],
    stop: Stop,
    listen: type,
    tmp_path: Path,
) -> None:
    larger = make_pictures(make_samples(2, height=32, width=48), tmp_path / "larger")
    course = make_course()
    course = replace(course, material=replace(course.material, validation=f"folder:{larger}"))

    run_course(course, stop, listen())

    assert resolve(str(course.out)).resolution == 24


def test_pictures_that_are_left_out_for_want_of_normals_are_counted_aloud(
    make_course: MakeCourse, stop: Stop, listen: type, pictures: Path, tmp_path: Path
) -> None:
    mixed = shutil.copytree(pictures, tmp_path / "mixed")
    for number in (0, 3, 5):
        (mixed / "normal" / f"{number}.npy").unlink()
    specs = (f"folder:{mixed}", f"folder:{pictures}")
    of_normals, of_depth = listen(), listen()

    run_course(make_course(method=NORMALS, material=Material(specs)), stop, of_normals)
    run_course(make_course(out="depth", material=Material(specs)), stop, of_depth)

    said = [note for note in of_normals.notes if "normals" in note]
    assert said == [f"folder:{mixed}: 5 pictures are used, 3 without normals are left out"]
    assert not [note for note in of_depth.notes if "normals" in note]


def test_each_file_of_scenes_is_rendered_by_one_process_whenever_they_come(
    stop: Stop, listen: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "SHARD", 2)
    sources = [
        open_source(f"rendered:{tmp_path / name}?count=6", (8, 8)) for name in ("one", "other")
    ]

    render(sources, Division(1, processes=2, rank=0), stop, listen())
    left = [[shard.number for shard in source.missing] for source in sources]
    render(sources, Division(1, processes=2, rank=1), stop, listen())

    assert left == [[1], [1]]
    assert not any(source.missing for source in sources)
