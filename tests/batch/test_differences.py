from __future__ import annotations

from dataclasses import replace

import pytest

from marigold_cli.batch.differences import advise, tell_differences


def test_differences_are_told_in_words(studio):
    settings = studio.settings()
    other = replace(settings, model="x", invert=True, recipe=replace(settings.recipe, steps=50))

    words = tell_differences(settings.to_dict(), other.to_dict())

    assert words == "invert False instead of True, steps 2 instead of 50"


def test_only_a_precision_that_was_really_used_is_advised(studio):
    here = studio.settings().to_dict()

    assert advise(here, {**here, "dtype": "float16"}).startswith("add --dtype float16 to go on")
    assert "--dtype" not in advise(here, {**here, "dtype": "auto"})
    assert "add --dtype float16 --seed 1 to" in advise(
        here, {**here, "dtype": "float16", "seed": 1}
    )


def test_a_model_is_told_by_its_name_and_by_its_bytes_only_where_names_are_equal(studio):
    here = studio.settings().to_dict()
    there = {**here, "identity": "9" * 64, "vae": "8" * 64}

    assert tell_differences(here, {**there, "model": "large"}) == (
        "model luminance instead of large, vae none instead of 888888888888"
    )
    assert tell_differences(here, there).startswith(
        "bytes of the model luminance luminance-1 instead of 999999999999, "
    )


def test_lists_and_what_is_not_there_are_told_in_words(studio):
    here = {**studio.settings().to_dict(), "tile": 768}
    there = {**studio.settings().to_dict(), "formats": ["npy"], "colormap": None}

    assert tell_differences(here, there) == (
        "colormap spectral instead of none, formats color+npy instead of npy, "
        "tile 768 instead of none"
    )


@pytest.mark.parametrize(
    ("mine", "others", "back"),
    [
        ({}, {"steps": 4, "seed": 7}, "add --seed 7 --steps 4"),
        ({"steps": 1}, {"steps": 4}, "add --steps 4 (without --fast)"),
        ({"invert": True}, {}, "leave out --invert"),
        ({"invert": True}, {"seed": 7}, "add --seed 7 and leave out --invert"),
        ({}, {"formats": ["npy", "tiff"], "colormap": None}, "add --format npy,tiff"),
        ({}, {"colormap": "turbo"}, "add --colormap turbo"),
        ({"tile": 768}, {}, "leave out --tile"),
        ({"model": "a"}, {"model": "b c", "identity": "b", "steps": 3}, "add --model 'b c'"),
        (
            {"model": "a", "steps": 1},
            {"model": "b", "identity": "b", "seed": 7},
            "add --model b --seed 7 (without --fast)",
        ),
    ],
)
def test_flags_that_go_back_are_advised(studio, mine, others, back):
    settings = studio.settings().to_dict()

    words = advise({**settings, **mine}, {**settings, **others})

    assert words.startswith(f"{back} to go on as before, choose another --out")


@pytest.mark.parametrize("others", [{"identity": "b"}, {"vae": "b"}, {"algorithm": 2, "seed": 7}])
def test_no_flag_is_advised_where_none_leads_back(studio, others):
    settings = studio.settings().to_dict()

    assert advise(settings, {**settings, **others}).startswith("choose another --out")
