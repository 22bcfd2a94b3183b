from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.errors import SettingsMismatchError
from marigold_cli.training.binding import bind, check_binding
from marigold_cli.training.options import (
    CourseOptions,
    Machine,
    Material,
    Method,
    Modality,
    Pace,
    Precision,
    Unit,
    Upkeep,
)
from marigold_cli.training.order import Division
from marigold_cli.training.samples import Source
from marigold_cli.training.state import Facts, State

COURSE = CourseOptions(Path("out"))


def binding(course: CourseOptions, source: Source) -> dict[str, str]:
    return bind(course, "base", [source], [1.0], Division(course.pace.batch))


@pytest.mark.parametrize(
    "changed",
    [
        replace(COURSE, method=Method(modality=Modality.NORMALS)),
        replace(COURSE, method=Method(zero_snr=True)),
        replace(COURSE, method=Method(last_share=0.5)),
        replace(COURSE, method=Method(unit=Unit.RANGE)),
        replace(COURSE, machine=Machine(precision=Precision.BF16)),
        replace(COURSE, material=Material(size=(16, 24))),
        replace(COURSE, material=Material(cache=Path("cache"))),
        replace(COURSE, pace=Pace(warm_up=5)),
        replace(COURSE, pace=Pace(final_rate=0.5)),
        replace(COURSE, pace=Pace(weight_decay=0.5)),
        replace(COURSE, pace=Pace(clip=0.5)),
        replace(COURSE, pace=Pace(average=0.5)),
    ],
)
def test_whatever_changes_the_curve_is_bound(changed: CourseOptions, source: Source) -> None:
    before, after = binding(COURSE, source), binding(changed, source)

    assert sum(before[key] != after[key] for key in before) == 1


@pytest.mark.parametrize(
    "changed",
    [
        replace(COURSE, out=Path("elsewhere")),
        replace(COURSE, machine=Machine(device="cuda", checkpointing=True)),
        replace(COURSE, pace=Pace(updates=7)),
        replace(COURSE, upkeep=Upkeep(1, 2, True, 0.5, 3)),
        replace(COURSE, material=Material(validation="folder:x")),
    ],
)
def test_whatever_does_not_may_change(changed: CourseOptions, source: Source) -> None:
    assert binding(changed, source) == binding(COURSE, source)


def bound_with(division: Division, source: Source, count: int) -> dict[str, str]:
    return bind(COURSE, "base", [source] * count, [1 / count] * count, division)


def state_of(binding: dict[str, str]) -> State:
    return State(Path("state"), Facts(binding=binding), {})


@pytest.mark.parametrize(
    "division", [Division(2, 2, 1), Division(2, 1, 2, rank=1), Division(1, 4, 1), Division(4, 1, 1)]
)
def test_one_source_may_be_divided_anew(division: Division, source: Source, tmp_path: Path) -> None:
    state = state_of(bound_with(Division(4), source, count=1))

    check_binding(tmp_path, state, bound_with(division, source, count=1))


def test_several_sources_may_be_divided_anew_into_as_many_passes(
    source: Source, tmp_path: Path
) -> None:
    state = state_of(bound_with(Division(2, 2, 1), source, count=2))

    check_binding(tmp_path, state, bound_with(Division(2, 1, 2, rank=1), source, count=2))


def test_several_sources_cannot_be_divided_into_other_passes(
    source: Source, tmp_path: Path
) -> None:
    state = state_of(bound_with(Division(4, 1, 1), source, count=2))

    with pytest.raises(SettingsMismatchError, match=r"passes per update: 1 then, 2 now"):
        check_binding(tmp_path, state, bound_with(Division(2, 1, 2), source, count=2))


def test_what_earlier_versions_bound_goes_on(source: Source, tmp_path: Path) -> None:
    now = bound_with(Division(2, 2), source, count=2)
    before = {key: value for key, value in now.items() if key != "passes per update"}

    check_binding(tmp_path, state_of({**before, "precision": "auto"}), {**now, "precision": "bf16"})

    with pytest.raises(SettingsMismatchError, match="precision: no then, bf16 now"):
        check_binding(
            tmp_path, state_of({**before, "precision": "no"}), {**now, "precision": "bf16"}
        )
