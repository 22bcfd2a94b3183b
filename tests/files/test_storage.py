from __future__ import annotations

import errno
import os
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from marigold_cli.errors import DataSetError
from marigold_cli.files.storage import OpenFile, Storage, examine, open_storage


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for name in ("b/two.txt", "b/c/three.txt", "one.txt", ".hidden", "b/.DS_Store"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}")
    return root


@pytest.fixture(params=["folder", "archive"])
def storage(request: pytest.FixtureRequest, tree: Path, tar: Callable[[Path], Path]) -> Storage:
    return open_storage(tree if request.param == "folder" else tar(tree))


def whole(file: OpenFile) -> bytes:
    return file.read(0, file.length)


def test_names_are_sorted_and_without_hidden_files(storage: Storage) -> None:
    assert storage.names() == ["b/c/three.txt", "b/two.txt", "one.txt"]
    assert storage.names("b") == ["b/c/three.txt", "b/two.txt"]
    assert storage.names("nowhere") == []


def test_files_and_folders_are_there_by_their_names(storage: Storage) -> None:
    assert storage.has("b/two.txt")
    assert storage.has("b/c")
    assert not storage.has("b/tw")


def test_a_file_is_read_in_parts_and_no_farther_than_its_end(storage: Storage) -> None:
    with storage.open("b/two.txt") as file:
        parts = file.length, file.read(0, 7), file.read(11, 100), file.read(100, 5)

    assert parts == (20, b"content", b"b/two.txt", b"")


def test_a_missing_file_is_named(storage: Storage) -> None:
    with pytest.raises(DataSetError) as caught:
        examine(storage, "b/four.txt", whole)

    assert str(caught.value) == f"{storage.place('b/four.txt')}: is missing"


def test_a_finding_is_told_with_the_file(storage: Storage) -> None:
    def look(file: OpenFile) -> None:
        raise ValueError("is too short")

    with pytest.raises(DataSetError, match=r"one\.txt: is too short$"):
        examine(storage, "one.txt", look)


def test_a_drive_that_fails_for_a_moment_is_asked_again(storage: Storage) -> None:
    failures = iter([errno.EIO, errno.ESTALE])

    def look(file: OpenFile) -> bytes:
        for number in failures:
            raise OSError(number, os.strerror(number))
        return whole(file)

    assert examine(storage, "one.txt", look, (0.0, 0.0)) == b"content of one.txt"


def test_a_drive_that_keeps_failing_is_given_up(storage: Storage) -> None:
    tries: list[int] = []

    def look(file: OpenFile) -> None:
        tries.append(file.length)
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(DataSetError, match=r"one\.txt: cannot be read \(Input/output error\)"):
        examine(storage, "one.txt", look, (0.0, 0.0))
    assert len(tries) == 3


def test_a_pipe_is_refused_without_waiting_for_a_writer(tree: Path) -> None:
    os.mkfifo(tree / "pipe")

    with pytest.raises(DataSetError, match="pipe: is not a regular file"):
        examine(open_storage(tree), "pipe", whole)


def test_linked_folders_are_looked_through_once(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "four.txt").write_text("4")
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    (tree / "b" / "loop").symlink_to(tree)

    assert "link/four.txt" in open_storage(tree).names()
    assert not [name for name in open_storage(tree).names() if "loop" in name]


def test_of_several_ways_to_a_folder_the_first_by_name_counts(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "four.txt").write_text("4")
    for number in (5, 3, 1, 0, 2, 4):
        (tree / f"link{number}").symlink_to(tmp_path / "elsewhere")

    found = [name for name in open_storage(tree).names() if "link" in name]

    assert found == ["link0/four.txt"]


def test_hard_links_in_an_archive_are_files(tree: Path, tar: Callable[[Path], Path]) -> None:
    for name in ("again.txt", "b/again.txt"):
        (tree / name).hardlink_to(tree / "one.txt")
    archive = tar(tree)
    with tarfile.open(archive) as file:
        kinds = [member.type for member in file if member.name.endswith(("again.txt", "one.txt"))]

    storage = open_storage(archive)

    assert sorted(kinds) == [tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.LNKTYPE]
    assert storage.names() == open_storage(tree).names()
    assert examine(storage, "b/again.txt", whole) == b"content of one.txt"


def test_a_hard_link_whose_file_is_not_in_the_archive_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    link = tarfile.TarInfo("b.txt")
    link.type, link.linkname = tarfile.LNKTYPE, "a.txt"
    with tarfile.open(archive, "w") as file:
        file.addfile(link)

    with pytest.raises(DataSetError, match=r"set\.tar: b\.txt cannot be read in place"):
        open_storage(archive)


def test_symbolic_links_in_an_archive_are_refused(tree: Path, tar: Callable[[Path], Path]) -> None:
    (tree / ".hidden_link").symlink_to("one.txt")
    assert open_storage(tar(tree)).names() == open_storage(tree).names()
    (tree / "link.txt").symlink_to("one.txt")
    (tree / "folder").symlink_to("b")

    with pytest.raises(DataSetError, match=r"folder, link\.txt cannot be .*--dereference"):
        open_storage(tar(tree))


def test_files_with_holes_in_an_archive_are_refused_as_such(tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    holey = tarfile.TarInfo("holey.npy")
    holey.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0",
        "GNU.sparse.name": "holey.npy", "GNU.sparse.realsize": "1000000",
    }  # fmt: skip
    content = b"1\n0\n512\n".ljust(512, b"\0") + bytes(512)
    holey.size = len(content)
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(holey, BytesIO(content))

    with pytest.raises(DataSetError, match=r"holey\.npy cannot be read .* without --sparse"):
        open_storage(archive)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="nowhere: there is no such folder or archive"):
        open_storage(tmp_path / "nowhere")


def test_a_compressed_archive_is_refused(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as file:
        file.add(tree, arcname=".")

    with pytest.raises(DataSetError, match=r"set\.tar\.gz: is no whole and plain tar archive"):
        open_storage(tmp_path / "set.tar.gz")


def test_an_archive_that_is_cut_off_is_refused(
    tree: Path, tar: Callable[[Path], Path], cut: Callable[[Path, float], None]
) -> None:
    (tree / "large").write_bytes(bytes(100_000))
    archive = tar(tree)
    cut(archive, 0.5)

    with pytest.raises(DataSetError, match="is no whole and plain tar archive"):
        open_storage(archive)


def test_an_archive_without_its_end_is_refused(tree: Path, tar: Callable[[Path], Path]) -> None:
    archive = tar(tree)
    with tarfile.open(archive) as file:
        last = file.getmembers()[-1]
    os.truncate(archive, last.offset_data + 512)

    with pytest.raises(DataSetError, match="its end is missing"):
        open_storage(archive)


def test_a_file_of_a_folder_has_a_path_of_its_own_and_one_of_an_archive_has_none(
    tree: Path, tar: Callable[[Path], Path]
) -> None:
    assert open_storage(tree).path("one.txt") == tree / "one.txt"
    assert open_storage(tar(tree)).path("one.txt") is None
