from __future__ import annotations

from pathlib import Path

import pytest

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import Folder
from marigold_cli.training.datasets.listing import read_list

LINES = "./a/rgb_1.png ./a/depth_1.png\n\nb/rgb_2.png b/depth_2.png b/filled.png\nc/rgb_3.png None"
TABLE = """,included_in_public_release,rgb_path,depth_path
0,True,a/rgb_1.png,a/depth_1.png
1,False,a/rgb_2.png,a/depth_2.png
"""


def test_a_line_names_a_picture_and_its_depth(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(LINES)

    pairs = read_list(Folder(tmp_path), None, ["other.txt", "list.txt"])

    assert pairs == [("a/rgb_1.png", "a/depth_1.png"), ("b/rgb_2.png", "b/depth_2.png")]


def test_a_table_names_the_pictures_that_are_public(tmp_path: Path) -> None:
    (tmp_path / "meta.csv").write_text(TABLE)

    assert read_list(Folder(tmp_path), None, ["meta.csv"]) == [("a/rgb_1.png", "a/depth_1.png")]


def test_the_list_that_is_asked_for_wins_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "usual.txt").write_text("usual usual")
    (tmp_path / "set" / "inside.txt").write_text("inside inside")
    (tmp_path / "outside.txt").write_text("outside outside")
    monkeypatch.chdir(tmp_path)
    storage = Folder(tmp_path / "set")

    assert read_list(storage, "inside.txt", ["usual.txt"]) == [("inside", "inside")]
    assert read_list(storage, "outside.txt", ["usual.txt"]) == [("outside", "outside")]
    assert read_list(storage, None, ["usual.txt"]) == [("usual", "usual")]
    assert read_list(storage, None, ["other.txt"]) is None
    with pytest.raises(DataSetError, match=r"set/nowhere\.txt: is missing"):
        read_list(storage, "nowhere.txt", ["usual.txt"])


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("list.txt", "", "lists no picture; take another list"),
        ("list.txt", "a b\nrgb_1.png\n", "line 2: holds one name"),
        ("list.csv", "a,b\n1,2\n", "has no columns rgb_path and depth_path"),
    ],
)
def test_a_list_of_another_form_is_refused(
    tmp_path: Path, name: str, content: str, fault: str
) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(DataSetError, match=fault):
        read_list(Folder(tmp_path), name, [])
