from __future__ import annotations

import errno
import hashlib
import os
import socket
from pathlib import Path

import pytest

from marigold_cli.errors import ImageError
from marigold_cli.files.source import Source, read_source


def refuse(path: Path) -> ImageError:
    with pytest.raises(ImageError) as failure:
        read_source(path, pause=lambda _: None)
    assert str(path) in str(failure.value)
    return failure.value


def test_a_file_is_read_whole_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    content = os.urandom(3_000_000)
    path.write_bytes(content)
    os.utime(path, ns=(5, 1_700_000_000_123_456_789))

    source = read_source(path)

    digest = hashlib.sha256(content).hexdigest()
    assert source == Source(content, digest, 3_000_000, 1_700_000_000_123_456_789)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"picture")
    (tmp_path / "link").symlink_to("real")

    assert read_source(tmp_path / "link").data == b"picture"


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").touch()

    for name in ("absent", "dangling", "circle", "file/below"):
        assert refuse(tmp_path / name).kind == "missing"


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder.jpg").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    with listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("pipe", "folder.jpg", "socket"):
            assert refuse(tmp_path / name).kind == "not-a-file"
    assert refuse(Path("/dev/zero")).kind == "not-a-file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_must_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0)

    assert refuse(tmp_path / "secret").kind == "permission"


def test_a_file_too_large_to_be_a_photo_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "disk.jpg").open("wb") as file:
        file.truncate(1 << 42)

    assert refuse(tmp_path / "disk.jpg").kind == "too-large"


def test_a_drive_that_keeps_failing_is_asked_three_times() -> None:
    pauses: list[float] = []

    with pytest.raises(ImageError, match="Input/output error") as failure:
        read_source(Path("/proc/self/mem"), pauses.append)  # its first byte fails with EIO

    assert failure.value.kind == "io"
    assert pauses == [0.5, 2.0]


def test_a_drive_that_recovers_is_forgiven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    failures = [errno.ESTALE, errno.ETIMEDOUT]
    real_open = os.open

    def flaky_open(path: Path, flags: int) -> int:
        if failures:
            raise OSError(failures.pop(), "not now")
        return real_open(path, flags)

    monkeypatch.setattr(os, "open", flaky_open)

    assert read_source(tmp_path / "a.jpg", pause=lambda _: None).data == b"picture"
    assert failures == []


def test_lasting_failures_are_not_tried_again(tmp_path: Path) -> None:
    pauses: list[float] = []

    with pytest.raises(ImageError):
        read_source(tmp_path / "absent", pauses.append)

    assert pauses == []


@pytest.mark.parametrize(("changes", "is_read"), [(1, True), (2, False)])
def test_a_file_that_changes_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int, is_read: bool
) -> None:
    path = tmp_path / "growing.jpg"
    path.write_bytes(b"0123")
    real_fstat, calls = os.fstat, []

    def fstat_after_a_change(descriptor: int) -> os.stat_result:
        calls.append(descriptor)
        if len(calls) % 2 == 0 and len(calls) <= 2 * changes:  # the look behind the reading
            with path.open("ab") as file:
                file.write(b"more")
        return real_fstat(descriptor)

    monkeypatch.setattr(os, "fstat", fstat_after_a_change)

    if is_read:
        assert read_source(path).data == b"0123more"
    else:
        assert refuse(path).kind == "changed"
