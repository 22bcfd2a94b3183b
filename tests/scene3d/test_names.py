from __future__ import annotations

import pytest

from marigold_cli.scene3d.names import match_names


@pytest.mark.parametrize(
    ("photo", "others", "found"),
    [
        ("day1/a.jpg", ["day1/a.jpg", "day2/a.jpg"], "day1/a.jpg"),
        ("day1/a.HEIC", ["day1/a.jpg", "day2/a.jpg"], "day1/a.jpg"),
        ("photos/day1/a.jpg", ["day1/a.jpg", "day2/a.jpg"], "day1/a.jpg"),
        ("a.jpg", ["images/a.png"], "images/a.png"),
        ("a.jpg", ["day1/a.jpg", "day2/a.jpg"], None),
        ("camera2/a.jpg", ["camera1/a.jpg"], None),
        ("a.jpg", ["aa.jpg", "b/ba.jpg"], None),
        ("a.b.jpg", ["a.b.png", "a.jpg"], "a.b.png"),
    ],
)
def test_photos_are_found_under_other_folders_and_suffixes(
    photo: str, others: list[str], found: str | None
) -> None:
    assert match_names([photo], others).get(photo) == found


def test_two_photos_do_not_share_an_image() -> None:
    assert match_names(["day1/a.jpg", "day2/a.jpg"], ["a.jpg"]) == {}
    assert match_names(["a.jpg", "day2/a.jpg"], ["a.jpg"]) == {"a.jpg": "a.jpg"}
