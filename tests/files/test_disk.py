from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from marigold_cli.errors import ForeignFileError, OutputError
from marigold_cli.files.disk import open_plain, output_errors, read_plain, write_new


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
