from __future__ import annotations

from pathlib import Path

from marigold_cli.training.datasets.spec import parse_spec
from marigold_cli.training.embedded import PICTURES, embedded_courses
from marigold_cli.training.options import Machine, ProtocolName


def test_each_course_goes_on_from_what_the_last_one_leaves(tmp_path: Path) -> None:
    autoencoder, tiny, end_to_end = embedded_courses(tmp_path, Machine("cpu"))

    assert autoencoder.base is None
    assert tiny.base == str(autoencoder.out)
    assert end_to_end.base == str(tiny.out)
    assert [course.method.protocol for course in (autoencoder, tiny, end_to_end)] == [
        ProtocolName.AUTOENCODER,
        ProtocolName.MARIGOLD,
        ProtocolName.E2E,
    ]


def test_all_learn_from_the_same_scenes_and_write_float16(tmp_path: Path) -> None:
    courses = embedded_courses(tmp_path, Machine("cpu"))

    specs = {course.material.specs for course in courses}
    ((spec,),) = specs
    assert parse_spec(spec).options == {"count": str(PICTURES)}
    assert parse_spec(spec).path == tmp_path / "scenes"
    assert all(course.upkeep.half for course in courses)


def test_the_unets_learn_from_further_data_too(tmp_path: Path) -> None:
    courses = embedded_courses(tmp_path, Machine("cpu"), ("folder:more@0.3",))

    autoencoder, *unets = courses
    assert len(autoencoder.material.specs) == 1
    assert all(one.material.specs[1:] == ("folder:more@0.3",) for one in unets)
    assert all(one.material.augment for one in unets)
