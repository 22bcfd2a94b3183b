from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.training.binding import bind
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
