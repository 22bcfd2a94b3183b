from __future__ import annotations

import contextlib
import os
import subprocess
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marigold_cli.errors import CollisionError, NoInputError, UsageError
from marigold_cli.files import walk
from marigold_cli.files.decode import SUFFIXES
from marigold_cli.files.discover import ImageRef, discover
from marigold_cli.files.extras import HEIC, RAW
from marigold_cli.files.listing import read_list
from marigold_cli.files.selection import EVERYTHING, Selection

Fill = Callable[[Sequence[str]], None]
OUT = Path("depths")


def photos_of(
    inputs: Sequence[str],
    out: Path,
    selection: Selection = EVERYTHING,
    listed: Sequence[str] = (),
) -> tuple[ImageRef, ...]:
    return discover(inputs, out, selection, listed).photos


def names(refs: Sequence[ImageRef]) -> list[str]:
    return [ref.name for ref in refs]


def test_a_folder_is_mirrored_and_only_photos_are_taken(fill: Fill) -> None:
    fill(["p/a.jpg", "p/day1/b.PNG", "p/day1/deep/c.tiff", "p/notes.txt", "p/film.mp4"])

    refs = photos_of(["p"], OUT)

    assert names(refs) == ["a.jpg", "day1/b.PNG", "day1/deep/c.tiff"]
    assert [ref.path for ref in refs] == [Path("p") / ref.name for ref in refs]


def test_nothing_named_means_the_current_folder(fill: Fill) -> None:
    fill(["a.jpg", "day/b.jpg"])

    refs = photos_of([], OUT)

    assert names(refs) == ["a.jpg", "day/b.jpg"]


def test_photos_come_in_natural_order(fill: Fill) -> None:
    fill([f"p/IMG_{number}.jpg" for number in (10, 2, 1, 100)] + ["p/day10/a.jpg", "p/day9/a.jpg"])

    refs = photos_of(["p"], OUT)

    assert names(refs) == [
        "day9/a.jpg",
        "day10/a.jpg",
        "IMG_1.jpg",
        "IMG_2.jpg",
        "IMG_10.jpg",
        "IMG_100.jpg",
    ]


def test_a_named_file_is_taken_whatever_it_is_called(fill: Fill) -> None:
    fill(["in/scan.dat", "in/.hidden.jpg"])

    refs = photos_of(["in/scan.dat", "in/.hidden.jpg"], OUT)

    assert names(refs) == [".hidden.jpg", "scan.dat"]


def test_hidden_files_and_folders_are_left_out_of_folders(fill: Fill) -> None:
    fill(["p/a.jpg", "p/.thumbnails/b.jpg", "p/.c.jpg", "p/._a.jpg"])

    refs = photos_of(["p"], OUT)

    assert names(refs) == ["a.jpg"]


def test_an_existing_name_wins_over_its_reading_as_a_glob(fill: Fill) -> None:
    fill(["photo[1].jpg", "photo1.jpg", "set[a]/x.jpg", "seta/y.jpg"])

    refs = photos_of(["photo[1].jpg", "set[a]"], OUT)

    assert names(refs) == ["photo[1].jpg", "x.jpg"]


def test_a_glob_keeps_the_folders_behind_its_fixed_part(fill: Fill) -> None:
    fill(["p/2023/a.jpg", "p/2024/x/b.jpg", "p/2024/c.png", "p/d.jpg", "q/e.jpg"])

    deep = photos_of(["p/**/*.jpg"], OUT)
    flat = photos_of(["p/*/*.jpg"], OUT)
    start = photos_of(["*/*.jpg"], OUT)

    assert names(deep) == ["2023/a.jpg", "2024/x/b.jpg", "d.jpg"]
    assert names(flat) == ["2023/a.jpg"]
    assert names(start) == ["p/d.jpg", "q/e.jpg"]


def test_a_glob_takes_only_photos_and_looks_into_folders_it_names(fill: Fill) -> None:
    fill(["p/a.jpg", "p/a.txt", "p/day1/b.jpg", "p/day2/c.jpg", "p/.h/d.jpg"])

    everything = photos_of(["p/*"], OUT)
    days = photos_of(["p/day*"], OUT, Selection(recurse=False))
    starred = photos_of(["p/**"], OUT)

    assert names(everything) == ["a.jpg", "day1/b.jpg", "day2/c.jpg"]
    assert names(days) == ["day1/b.jpg", "day2/c.jpg"]
    assert names(starred) == names(everything)


def test_an_absolute_glob_works_as_well(fill: Fill, folder: Path) -> None:
    fill(["p/a/b.jpg"])

    refs = photos_of([f"{folder}/p/**/*.jpg"], OUT)

    assert names(refs) == ["a/b.jpg"]


def test_the_same_photo_named_twice_is_done_once(fill: Fill, folder: Path) -> None:
    fill(["p/a.jpg"])

    refs = photos_of(["p", "p/a.jpg", str(folder / "p/a.jpg"), "p/*.jpg", "./p"], OUT)

    assert names(refs) == ["a.jpg"]


def test_the_output_folder_is_never_read(fill: Fill) -> None:
    fill(["p/a.jpg", "p/depths/a_color.png", "p/x/.marigold/tmp/b.png", "depths2/c.png"])
    Path("p/link.png").symlink_to("depths/a_color.png")
    Path("p/depths_link").symlink_to("depths", target_is_directory=True)

    refs = photos_of(
        [
            "p",
            "p/depths",
            "p/dep*/*.png",
            "p/depths/a_color.png",
            "p/**/*.png",
            "p/x/.marigold/tmp",
            "depths2",
        ],
        Path("p/depths"),
        Selection(follow_links=True),
    )

    assert names(refs) == ["a.jpg", "c.png"]


def test_an_output_folder_behind_a_link_is_recognised(fill: Fill) -> None:
    fill(["p/a.jpg", "p/real/a_color.png"])
    Path("out").symlink_to("p/real", target_is_directory=True)

    refs = photos_of(["p"], Path("out"))

    assert names(refs) == ["a.jpg"]


def test_an_input_that_is_the_output_folder_has_nothing_to_offer(fill: Fill) -> None:
    fill(["p/a.jpg"])

    with pytest.raises(NoInputError, match=r"^p: lies in the output folder p, "):
        photos_of(["p"], Path("p"))


def test_without_a_current_folder_there_is_nothing_to_look_at(fill: Fill, folder: Path) -> None:
    fill(["p/a.jpg"])
    Path("gone").mkdir()
    os.chdir("gone")
    Path(folder, "gone").rmdir()

    with pytest.raises(NoInputError, match="the current folder is gone"):
        photos_of(["."], OUT)

    assert names(photos_of([str(folder / "p")], folder / OUT)) == ["a.jpg"]


def test_linked_files_are_read_and_linked_folders_only_when_asked(fill: Fill) -> None:
    fill(["p/a.jpg", "other/b.jpg"])
    Path("p/linked.jpg").symlink_to("../other/b.jpg")
    Path("p/folder").symlink_to("../other", target_is_directory=True)

    plain = photos_of(["p"], OUT)
    followed = photos_of(["p"], OUT, Selection(follow_links=True))

    assert names(plain) == ["a.jpg", "linked.jpg"]
    assert names(followed) == ["a.jpg", "folder/b.jpg", "linked.jpg"]


def test_linked_folders_that_are_left_out_are_named(
    fill: Fill, caplog: pytest.LogCaptureFixture
) -> None:
    fill(["p/a.jpg", "other/b.jpg"])
    for name in ("p/day1", "p/day2", "p/old"):
        Path(name).symlink_to("../other", target_is_directory=True)
    Path("p/depths").symlink_to("../depths", target_is_directory=True)
    OUT.mkdir()

    photos_of(["p"], OUT, Selection(exclude=("old",)))

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "left out: 2 linked folders" in record.message
    assert all(name in record.message for name in ("p/day1", "p/day2", "--follow-links"))
    caplog.clear()

    photos_of(["p/**/*", "p/a.jpg", "p/**/day1"], OUT, Selection(exclude=("old", "day2")))

    assert "left out: a linked folder (p/day1)" in caplog.text

    with pytest.raises(NoInputError, match=r"only a linked folder .*--follow-links"):
        photos_of(["p/day1*"], OUT)


def test_an_input_that_adds_nothing_is_named(fill: Fill, caplog: pytest.LogCaptureFixture) -> None:
    fill(["p/a.jpg", "q/notes.txt"])

    photos_of(["p", "q", "none/*.jpg"], OUT)

    assert [record.message for record in caplog.records] == [
        "q: no photos there",
        "none/*.jpg: no photos there",
    ]


def test_a_folder_that_is_named_is_entered_even_if_it_is_a_link(fill: Fill) -> None:
    fill(["other/b.jpg"])
    Path("p").symlink_to("other", target_is_directory=True)

    assert names(photos_of(["p"], OUT)) == ["b.jpg"]


def test_loops_of_links_come_to_an_end(fill: Fill) -> None:
    fill(["p/a/x.jpg", "p/b/y.jpg"])
    Path("p/a/up").symlink_to("..", target_is_directory=True)
    Path("p/a/side").symlink_to("../b", target_is_directory=True)
    Path("p/b/side").symlink_to("../a", target_is_directory=True)
    Path("p/self.jpg").symlink_to("self.jpg")

    refs = photos_of(["p"], OUT, Selection(follow_links=True))
    globbed = photos_of(["p/**/*.jpg"], OUT)

    assert names(refs) == ["a/side/y.jpg", "a/x.jpg", "b/side/x.jpg", "b/y.jpg", "self.jpg"]
    assert names(globbed) == ["a/x.jpg", "b/y.jpg", "self.jpg"]


def test_what_cannot_be_read_is_left_for_the_reader_to_name(fill: Fill) -> None:
    fill(["p/a.jpg", "p/folder.jpg/b.jpg"])
    os.mkfifo("p/pipe.jpg")
    Path("p/dangling.jpg").symlink_to("nowhere.jpg")

    refs = photos_of(["p"], OUT)

    assert names(refs) == ["a.jpg", "dangling.jpg", "folder.jpg/b.jpg", "pipe.jpg"]


@pytest.mark.parametrize("way", ["p", "p/*", "p/**/*.jpg", "p/n*/*.jpg"])
def test_a_followed_link_that_leads_nowhere_is_told(fill: Fill, way: str) -> None:
    fill(["p/a.jpg", "p/new/b.jpg"])
    Path("p/nas").symlink_to("/mnt/away/photos", target_is_directory=True)
    Path("p/new/behind").symlink_to("../a.jpg/photos", target_is_directory=True)
    Path("p/next").symlink_to(f"../{OUT}", target_is_directory=True)  # yet to be made
    Path("p/nut").symlink_to("nut")

    found = discover([way], OUT, Selection(follow_links=True))
    ignored = discover([way], OUT)

    told = {one.name: one for one in found.unread}
    assert told["nas/"].kind == "missing"
    assert told["nas/"].message.startswith("p/nas: the link cannot be followed (No such file")
    assert told.keys() - {"nas/"} == ({"new/behind/"} if way != "p/n*/*.jpg" else set())
    assert ignored.unread == ()
    assert ignored.photos == found.photos


@pytest.fixture
def abyss(folder: Path) -> str:
    """The name of a folder that cannot be read even by root: its path is longer than any may be."""
    here, longest = os.open(".", os.O_RDONLY), "d" * 250
    for _ in range(18):
        os.mkdir(longest, dir_fd=here)
        below = os.open(longest, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return "/".join([longest] * 17) + "/"


def test_a_folder_that_cannot_be_read_is_told_and_the_others_go_on(abyss: str) -> None:
    Path("a.jpg").touch()

    found = discover(["."], OUT)

    assert names(found.photos) == ["a.jpg"]
    (unread,) = found.unread
    assert (unread.name, unread.kind) == (abyss, "io")
    assert "cannot be read (File name too long); make it readable or leave" in unread.message


@pytest.mark.parametrize("way", [["*"], ["**"], [".", "*"]])
def test_a_folder_that_cannot_be_read_is_told_once_however_it_is_reached(
    abyss: str, way: list[str]
) -> None:
    Path("a.jpg").touch()

    found = discover(way, OUT)

    assert [unread.name for unread in found.unread] == [abyss]


def test_a_folder_that_is_left_out_need_not_be_read(abyss: str) -> None:
    Path("a.jpg").touch()

    found = discover(["."], OUT, Selection(exclude=("ddd*",)))

    assert found.unread == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_told_as_such(fill: Fill) -> None:
    fill(["p/a.jpg", "p/locked/b.jpg"])
    Path("p/locked").chmod(0)

    found = discover(["p"], OUT)
    Path("p/locked").chmod(0o700)

    assert [(unread.name, unread.kind) for unread in found.unread] == [("locked/", "permission")]


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a plain `pip install marigold-cli`."""
    monkeypatch.setattr(walk, "SUFFIXES", SUFFIXES - HEIC.suffixes - RAW.suffixes)


def test_photos_that_need_an_extra_are_counted(fill: Fill, without_extras: None) -> None:
    fill(["p/a.jpg", "p/b.HEIC", "p/day/c.heif", "p/d.dng", "p/thumbs/e.heic", "p/notes.txt"])

    found = discover(["p"], OUT, Selection(exclude=("thumbs",)))

    assert names(found.photos) == ["a.jpg"]
    assert found.left_out == {HEIC: 2, RAW: 1}


def test_a_photo_that_needs_an_extra_counts_once(fill: Fill, without_extras: None) -> None:
    fill(["p/a.jpg", "p/day/day/b.heic"])

    found = discover(["p", "p/**", "p/**/day", "./p"], OUT)

    assert found.left_out == {HEIC: 1}


def test_a_named_photo_that_needs_an_extra_is_left_for_the_reader_to_name(
    fill: Fill, without_extras: None
) -> None:
    fill(["p/b.heic"])

    assert names(photos_of(["p/b.heic"], OUT)) == ["b.heic"]
    assert names(photos_of([], OUT, listed=["p/b.heic"])) == ["p/b.heic"]


def test_with_the_extras_nothing_is_left_out(fill: Fill) -> None:
    fill(["p/a.jpg", "p/b.heic", "p/c.dng"])

    found = discover(["p"], OUT)

    assert names(found.photos) == ["a.jpg", "b.heic", "c.dng"]
    assert found.left_out == {}


@pytest.fixture
def chasm(folder: Path) -> Iterator[str]:
    """A folder "p" with 1100 folders in each other and a photo in the last."""
    Path("p").mkdir()
    here = os.open("p", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("a.jpg", os.O_CREAT, dir_fd=here))
    os.close(here)
    yield "d/" * 1100 + "a.jpg"
    subprocess.run(["rm", "-rf", "p"], check=True)  # deeper than shutil can go


@pytest.mark.slow
def test_a_tree_deeper_than_python_can_recurse_is_walked(chasm: str) -> None:
    assert names(photos_of(["p"], OUT)) == [chasm]


def test_without_recursion_only_the_folder_itself_is_read(fill: Fill) -> None:
    fill(["p/a.jpg", "p/day/b.jpg"])

    assert names(photos_of(["p"], OUT, Selection(recurse=False))) == ["a.jpg"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(include=("*.jpg",)), ["a.jpg", "day1/b.jpg", "day1/thumbs/c.jpg"]),
        (Selection(exclude=("thumbs",)), ["a.jpg", "day1/b.jpg", "day2/d.png"]),
        (Selection(include=("day1/*",), exclude=("thumbs/",)), ["day1/b.jpg"]),
        (Selection(include=("day?",)), ["day1/b.jpg", "day1/thumbs/c.jpg", "day2/d.png"]),
        (Selection(include=("**/thumbs/*",)), ["day1/thumbs/c.jpg"]),
        (Selection(exclude=("/*.jpg", "day1/**")), ["day2/d.png"]),
    ],
)
def test_patterns_choose_among_what_is_found(
    fill: Fill, selection: Selection, expected: list[str]
) -> None:
    fill(["p/a.jpg", "p/day1/b.jpg", "p/day1/thumbs/c.jpg", "p/day2/d.png"])

    assert names(photos_of(["p"], OUT, selection)) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("p/a.jpg", "p/a.png"),
        ("p/a.jpg", "p/A.JPG"),
        ("p/day/a.jpg", "p/DAY/a.tif"),
        ("p/straße.jpg", "p/STRASSE.jpg"),
        (
            f"p/{unicodedata.normalize('NFC', 'é')}.jpg",
            f"p/{unicodedata.normalize('NFD', 'é')}.jpg",
        ),
        ("p/a.jpg", "p/a_depth.npy/x.jpg"),
        ("p/a.jpg", "p/A_color.PNG/deep/x.jpg"),
    ],
)
def test_photos_that_would_share_an_output_name_are_refused(
    fill: Fill, first: str, second: str
) -> None:
    fill([first, second])

    with pytest.raises(CollisionError) as refusal:
        photos_of(["p"], OUT)

    assert first in str(refusal.value)
    assert second in str(refusal.value)


def test_photos_of_one_name_from_two_folders_are_refused(fill: Fill) -> None:
    fill(["day1/a.jpg", "day2/a.jpg"])

    with pytest.raises(CollisionError, match=r"day1/a\.jpg and day2/a\.jpg"):
        photos_of(["day1", "day2"], OUT)


def test_all_photos_that_would_share_a_name_are_told_at_once(fill: Fill) -> None:
    fill([f"p/{stem}.{ending}" for stem in "abcdefgh" for ending in ("jpg", "png")])

    with pytest.raises(CollisionError) as refusal:
        photos_of(["p"], OUT)

    for name in ("p/a.jpg", "p/a.png", "p/b.png", "p/f.png", "and 2 more"):
        assert name in str(refusal.value)


def test_a_collision_is_settled_by_leaving_one_out(fill: Fill) -> None:
    fill(["p/a.jpg", "p/a.png"])

    assert names(photos_of(["p"], OUT, Selection(exclude=("*.png",)))) == ["a.jpg"]


def test_names_that_are_not_utf_8_survive(folder: Path) -> None:
    raw = b"p/caf\xe9\xff.jpg"
    Path("p").mkdir()
    Path(os.fsdecode(raw)).write_bytes(b"x")

    (ref,) = photos_of(["p"], OUT)

    assert os.fsencode(ref.name) == b"caf\xe9\xff.jpg"
    assert os.fsencode(ref.stem) == b"caf\xe9\xff"
    assert ref.path.read_bytes() == b"x"


def test_odd_names_are_names_like_others(fill: Fill) -> None:
    odd = [
        "p/a b.jpg",
        "p/new\nline.jpg",
        "p/back\\slash.jpg",
        "p/tail..jpg",
        "p/[x].jpg",
        "p/*.jpg",
    ]
    fill(odd)

    refs = photos_of(["p"], OUT)

    assert sorted(names(refs)) == sorted(name.removeprefix("p/") for name in odd)


@pytest.mark.parametrize("missing", ["nowhere", "p/nothing.jpg", "p/a.jpg/below.jpg"])
def test_a_path_that_does_not_exist_stops_the_run(fill: Fill, missing: str) -> None:
    fill(["p/a.jpg"])

    with pytest.raises(NoInputError, match=missing):
        photos_of(["p", missing], OUT)


def test_a_listed_photo_that_is_gone_is_left_for_the_reader_to_name(fill: Fill) -> None:
    fill(["p/a.jpg"])
    Path("p/dangling.jpg").symlink_to("nowhere.jpg")

    refs = photos_of([], OUT, listed=["p/a.jpg", "p/gone.jpg", "p/dangling.jpg"])

    assert names(refs) == ["p/a.jpg", "p/dangling.jpg", "p/gone.jpg"]


RESULTS = ["p/depths/marigold.json", "p/depths/a_color.png", "p/depths/b/c_color.png"]


@pytest.mark.parametrize("way", ["p", "p/*", "p/**", "p/**/*", "p/**/*.*g"])
def test_results_of_an_earlier_run_are_no_photos(fill: Fill, way: str) -> None:
    fill(["p/a.jpg", *RESULTS])

    assert [Path(ref.name).name for ref in photos_of([way], OUT)] == ["a.jpg"]
    assert names(photos_of([], OUT, listed=["p/a.jpg", "p/depths"])) == ["p/a.jpg"]


@pytest.mark.parametrize("way", ["p/*/*.png", "p/dep*", "p/*/**"])
def test_finding_only_results_of_an_earlier_run_names_them(fill: Fill, way: str) -> None:
    fill(RESULTS)

    with pytest.raises(NoInputError, match=r"only results of an earlier run \(p/depths\)"):
        photos_of([way], OUT)


@pytest.mark.parametrize("way", ["p/depths", "p/depths/**/*.png"])
def test_results_of_an_earlier_run_that_are_named_are_taken_and_told(
    fill: Fill, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    fill(RESULTS)

    refs = photos_of([way, way], OUT)

    assert names(refs) == ["a_color.png", "b/c_color.png"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("p/depths: holds results of an earlier run")


@pytest.mark.parametrize("way", ["p/**", "p/**/*", "p/**/**"])
def test_a_glob_meets_each_file_once(fill: Fill, way: str) -> None:
    fill(["p/x/y/z/e.jpg", "p/f.jpg", "p/x/notes.txt"])

    search = walk.Walk(out="/out")
    found = [name for _, name in search.glob(way)]

    assert sorted(found) == ["f.jpg", "x/y/z/e.jpg"]
    assert search.sights.others == {".txt": 1}


@pytest.mark.parametrize("place", ["empty", "empty/*.jpg", "none/**/*.jpg"])
def test_finding_nothing_says_where_it_was_looked_for(folder: Path, place: str) -> None:
    Path("empty").mkdir()

    with pytest.raises(NoInputError) as refusal:
        photos_of([place], OUT)

    assert str(refusal.value).startswith(f"{place}: no photos found; photos end in ")
    assert " .jpg " in str(refusal.value)


def test_finding_only_other_files_names_them(fill: Fill, without_extras: None) -> None:
    fill(["p/a.txt", "p/b.txt", "p/film.MOV", "p/README", "p/c.heic", "p/.hidden"])

    with pytest.raises(NoInputError) as refusal:
        photos_of(["p"], OUT)

    assert "1 HEIC photo (to read them: pip install 'marigold-cli[heic]')" in str(refusal.value)
    assert "4 other files (.txt .mov)" in str(refusal.value)


def test_leaving_everything_out_is_named_as_the_reason(fill: Fill) -> None:
    fill(["p/a.jpg", "p/b.jpg"])

    with pytest.raises(NoInputError, match="--exclude leave none of 2 photos"):
        photos_of(["p"], OUT, Selection(exclude=("*",)))


def test_listed_paths_keep_their_folders(fill: Fill, folder: Path) -> None:
    fill(["p/day1/a.jpg", "p/day2/b.jpg", "c[1].jpg", "c1.jpg"])

    refs = photos_of([], OUT, listed=["./p/day1/a.jpg", "c[1].jpg", "p/day2"])

    assert names(refs) == ["c[1].jpg", "p/day1/a.jpg", "p/day2/b.jpg"]


def test_absolute_listed_paths_keep_all_of_them_whatever_else_is_listed(
    fill: Fill, folder: Path
) -> None:
    fill(["a/x.jpg", "b/x.jpg", "b/c/y.jpg"])
    here = str(folder).lstrip("/")

    alone = photos_of([], OUT, listed=[f"{folder}/a/x.jpg"])
    together = photos_of(
        [], OUT, listed=[f"{folder}/a/x.jpg", f"/{folder}/b", f"{folder}/gone.jpg"]
    )

    assert names(alone) == [f"{here}/a/x.jpg"]
    assert sorted(names(together)) == sorted(
        f"{here}/{name}" for name in ("a/x.jpg", "b/c/y.jpg", "b/x.jpg", "gone.jpg")
    )


@pytest.mark.parametrize("entry", ["../a.jpg", "p/../../a.jpg", "..", "p/.."])
def test_listed_paths_must_not_lead_upwards(fill: Fill, entry: str) -> None:
    fill(["p/a.jpg"])

    with pytest.raises(UsageError, match="upwards"):
        photos_of([], OUT, listed=[entry])


def test_a_list_with_the_wrong_separator_is_explained(fill: Fill) -> None:
    fill(["a.jpg", "b.jpg"])
    Path("list").write_bytes(b"a.jpg\0b.jpg\0")

    with pytest.raises(UsageError, match="needs -0"):
        photos_of([], OUT, listed=read_list("list"))


def test_lists_are_read_by_line_or_by_nul(folder: Path) -> None:
    Path("lines").write_bytes(b"\xef\xbb\xbfa.jpg\r\n\nday 1/b\xff.jpg\r\n")
    Path("nuls").write_bytes(b"a\n.jpg\0b.jpg")

    lines = read_list("lines")
    nuls = read_list("nuls", nul=True)

    assert lines == ["a.jpg", "day 1/b\udcff.jpg"]
    assert nuls == ["a\n.jpg", "b.jpg"]


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_list_is_not_the_current_folder(fill: Fill, content: bytes) -> None:
    fill(["a.jpg"])
    Path("list").write_bytes(content)

    with pytest.raises(NoInputError, match="list: the list names no photo"):
        read_list("list")


def test_a_list_that_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(NoInputError, match=r"photos\.txt: the list cannot be read"):
        read_list("photos.txt")


PARTS = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"\0", b"0"))


@settings(deadline=None)
@given(
    st.lists(st.one_of(PARTS, st.sampled_from([b"..", b".", b"", b"a"])), min_size=1, max_size=4)
)
def test_no_listed_name_leads_out_of_the_output_folder(parts: list[bytes]) -> None:
    text = os.fsdecode(b"./" + b"/".join(parts))
    with TemporaryDirectory() as place, contextlib.chdir(place):
        with contextlib.suppress(OSError):
            Path(text).parent.mkdir(parents=True, exist_ok=True)
            Path(text).write_bytes(b"x")
        try:
            refs = photos_of([], OUT, listed=[text])
        except (NoInputError, UsageError):
            return

    assert len(refs) == 1
    assert Path("/out", refs[0].name).is_relative_to("/out")
    assert ".." not in refs[0].name.split("/")
