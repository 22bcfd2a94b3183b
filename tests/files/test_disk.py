from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from marigold_cli.errors import ForeignFileError, OutputError
from marigold_cli.files.disk import open_plain, output_errors, read_plain, write_new, write_whole

# Writes a file of its own letter again and again; each time somebody's whole file is there.
WRITER = """
import sys
from pathlib import Path
from marigold_cli.files.disk import write_whole
path, letter = Path(sys.argv[1]), sys.argv[2].encode()
Path(sys.argv[1] + sys.argv[2]).touch()
while not all(Path(sys.argv[1] + one).exists() for one in "abc"):
    pass
for _ in range(100):
    write_whole(path, letter * 200_000)
    content = path.read_bytes()
    assert len(content) == 200_000 and len(set(content)) == 1
"""


def make_link(path: Path) -> None:
    path.symlink_to(__file__)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, make_link])
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND])
def test_only_plain_files_are_opened(
    tmp_path: Path, make: Callable[[Path], None], flags: int
) -> None:
    path = tmp_path / "journal.jsonl"
    make(path)

    with pytest.raises(ForeignFileError, match=r"journal\.jsonl: .*move it away"):
        open_plain(path, flags)


@pytest.mark.parametrize("fsync", [True, False])
def test_a_new_file_is_whole_and_never_replaces_another(tmp_path: Path, fsync: bool) -> None:
    path, content = tmp_path / "a", os.urandom(100_000)

    write_new(path, content, fsync)

    assert read_plain(path) == content
    with pytest.raises(FileExistsError):
        write_new(path, b"other", fsync)
    assert read_plain(path) == content


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space, then run the same line again"),
        (errno.EROFS, "read-only; choose another --out"),
        (errno.ENOENT, "choose another --out"),
        (None, "the disk or network drive fails"),
    ],
)
def test_what_the_disk_refuses_comes_with_advice(number: int | None, advice: str) -> None:
    with pytest.raises(OutputError) as refusal, output_errors(Path("there/a.npy")):
        raise OSError(number, "strange words") if number else OSError("strange words")

    assert str(refusal.value).startswith("there/a.npy: ")
    assert advice in str(refusal.value)


def test_several_processes_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "lessons"
    command = [sys.executable, "-c", WRITER, str(path)]

    writers = [subprocess.Popen([*command, letter]) for letter in "abc"]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "lessons", "lessonsa", "lessonsb", "lessonsc",
    ]  # fmt: skip


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "lessons" / "in the way").mkdir(parents=True)

    with pytest.raises(OutputError, match="a folder stands where a file is needed"):
        write_whole(tmp_path / "lessons", b"content")

    assert [one.name for one in tmp_path.iterdir()] == ["lessons"]


def test_equal_process_numbers_of_two_machines_share_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[str] = []

    def replace(draft: Path, path: Path) -> Path:
        drafts.append(draft.name)
        return draft.rename(path)

    monkeypatch.setattr(Path, "replace", replace)

    write_whole(tmp_path / "lessons", b"one")
    write_whole(tmp_path / "lessons", b"two")

    assert len({*drafts}) == 2


def test_drafts_of_killed_writers_are_swept_and_young_ones_left(tmp_path: Path) -> None:
    old, young, foreign = (
        tmp_path / f".lessons-0.{token}.partial" for token in ("0" * 16, "f" * 16, "backup")
    )
    for draft in (old, young, foreign):
        draft.write_bytes(b"half")
    for draft in (old, foreign):
        os.utime(draft, (0, 0))

    write_whole(tmp_path / "lessons-1", b"content")

    assert {one.name for one in tmp_path.iterdir()} == {young.name, foreign.name, "lessons-1"}
