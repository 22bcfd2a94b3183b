from __future__ import annotations

import pytest
import typer

from marigold_cli.cli.values import duration, pixels, split_commas


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("90m", 5400), ("1h30m", 5400), ("2d", 172800), ("0.5m", 30)],
)
def test_a_duration_is_read_in_the_ways_people_write_it(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "1 h", "-5", "1w", "5mm", "1h-30m", "abc90m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1000", 1000), ("300M", 300_000_000), ("12.5mp", 12_500_000)]
)
def test_pixels_are_counted_one_by_one_or_in_millions(text: str, number: int) -> None:
    assert pixels(text) == number


@pytest.mark.parametrize("text", ["", "0", "M", "-3", "1e9", "12 K"])
def test_what_is_no_number_of_pixels_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="pixels"):
        pixels(text)


def test_names_may_be_repeated_and_comma_separated() -> None:
    assert split_commas(["npy,color", " tiff", "npy", ","]) == ("npy", "color", "tiff")
