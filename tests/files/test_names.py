from __future__ import annotations

import unicodedata
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.depth import Modality
from marigold_cli.files.names import FORMATS, Output, collision_key, natural_key, outputs_of
from marigold_cli.files.writers import UNCERTAINTY_WRITERS, WRITERS, choose_writer


def test_a_photo_has_one_file_per_format() -> None:
    outputs = outputs_of("day1/IMG_1", ("npy", "color"), uncertainty=False)

    assert outputs == (
        Output("npy", "depth", "day1/IMG_1_depth.npy"),
        Output("color", "depth", "day1/IMG_1_color.png"),
    )


def test_uncertainty_adds_files_of_the_same_formats_but_no_picture() -> None:
    outputs = outputs_of("a", ("npy", "color", "png"), uncertainty=True)

    assert outputs[3:] == (
        Output("npy", "uncertainty", "a_uncertainty.npy"),
        Output("png", "uncertainty", "a_uncertainty.png"),
    )


def test_every_writer_has_a_name_and_all_are_different() -> None:
    every = outputs_of("a", FORMATS, uncertainty=True)

    writers = [choose_writer(output) for output in every]
    assert tuple(WRITERS) == FORMATS
    assert writers == [*WRITERS.values(), *UNCERTAINTY_WRITERS.values()]
    assert len({output.path for output in every}) == len(every) == 9


@settings(max_examples=40)
@given(st.text(max_size=20))
def test_spelling_and_case_make_no_difference_to_collisions(name: str) -> None:
    key = collision_key(name)

    for form in ("NFC", "NFD"):
        assert collision_key(unicodedata.normalize(form, name)) == key
    assert collision_key(name.casefold()) == key


@settings(max_examples=40)
@given(st.lists(st.text("aB1029/.é", min_size=1, max_size=8), unique=True), st.randoms())
def test_any_names_come_in_one_order(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))

    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


def test_intrinsic_images_are_named_one_by_one_each_with_its_own_spread() -> None:
    outputs = outputs_of("day1/a", ("npy", "color"), True, Modality.IID, ("albedo", "shading"))

    assert [(one.path, one.quantity, one.intrinsic) for one in outputs] == [
        ("day1/a_albedo.npy", "intrinsic", "albedo"),
        ("day1/a_albedo.png", "intrinsic", "albedo"),
        ("day1/a_albedo_uncertainty.npy", "uncertainty", "albedo"),
        ("day1/a_shading.npy", "intrinsic", "shading"),
        ("day1/a_shading.png", "intrinsic", "shading"),
        ("day1/a_shading_uncertainty.npy", "uncertainty", "shading"),
    ]
