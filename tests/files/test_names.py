from __future__ import annotations

import unicodedata
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.files.names import collision_key, natural_key, output_names
from marigold_cli.files.writers import UNCERTAINTY_WRITERS, WRITERS


def test_a_photo_has_one_file_per_format() -> None:
    names = output_names("day1/IMG_1", ("npy", "color"), uncertainty=False)

    assert names == [("npy", "day1/IMG_1_depth.npy"), ("color", "day1/IMG_1_color.png")]


def test_uncertainty_adds_files_of_the_same_formats_but_no_picture() -> None:
    names = output_names("a", ("npy", "color", "png"), uncertainty=True)

    assert [name for _, name in names[3:]] == ["a_uncertainty.npy", "a_uncertainty.png"]


def test_names_are_those_of_the_writers_and_all_different() -> None:
    every = output_names("a", list(WRITERS), uncertainty=True)

    suffixes = [writer.suffix for writer in (*WRITERS.values(), *UNCERTAINTY_WRITERS.values())]
    assert [name for _, name in every] == ["a" + suffix for suffix in suffixes]
    assert len({name for _, name in every}) == len(every) == 9


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
