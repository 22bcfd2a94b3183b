from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from marigold_cli.errors import ExitCode, ImageError, OutputError
from marigold_cli.files.atomic import Measured, write_durably


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def write(out: Path, files: dict[str, bytes], fsync: bool = True) -> None:
    write_durably(out, list(files.items()), out / ".marigold" / "tmp", fsync)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("fsync", [True, False])
def test_files_are_put_in_their_places_and_nothing_else_is_left(out: Path, fsync: bool) -> None:
    big = os.urandom(3_000_000)

    write(out, {"a_depth.npy": big, "day1/raw/b_color.png": b"", "day1/b.tif": b"x"}, fsync)

    assert (out / "a_depth.npy").read_bytes() == big
    assert tree(out) == {"a_depth.npy", "day1/raw/b_color.png", "day1/b.tif"}


def test_an_older_file_is_replaced(out: Path) -> None:
    (out / "a.npy").write_bytes(b"old and longer")

    write(out, {"a.npy": b"new"})

    assert (out / "a.npy").read_bytes() == b"new"


def test_a_relative_output_folder_works(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)

    write(Path(), {"day/a.npy": b"x"})

    assert (out / "day/a.npy").read_bytes() == b"x"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(out: Path, mask: int, mode: int) -> None:
    with umask(mask):
        write(out, {"day/a.npy": b"x"})

    assert stat.S_IMODE((out / "day/a.npy").stat().st_mode) == mode
    assert stat.S_IMODE((out / "day").stat().st_mode) == mode | (mode & 0o444) >> 2
    assert stat.S_IMODE((out / ".marigold/tmp").stat().st_mode) == 0o700


def test_names_of_any_bytes_are_kept(out: Path) -> None:
    name = os.fsdecode(b"caf\xe9\xff/[x]\n\x1b.npy")

    write(out, {name: b"x"})

    assert (out / name).read_bytes() == b"x"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file outside of the output folder that must stay as it is."""
    path = tmp_path / "victim"
    path.mkdir()
    (path / "a.npy").write_bytes(b"precious")
    return path


def test_a_link_at_the_target_is_replaced_and_not_followed(out: Path, victim: Path) -> None:
    (out / "a.npy").symlink_to(victim / "a.npy")

    write(out, {"a.npy": b"depth"})

    assert (victim / "a.npy").read_bytes() == b"precious"
    assert not (out / "a.npy").is_symlink()
    assert (out / "a.npy").read_bytes() == b"depth"


@pytest.mark.parametrize("link", ["day1", ".marigold", ".marigold/tmp"])
def test_a_link_in_place_of_a_folder_is_refused(out: Path, victim: Path, link: str) -> None:
    (out / link).parent.mkdir(exist_ok=True)
    (out / link).symlink_to(victim, target_is_directory=True)

    with pytest.raises(OutputError) as refusal:
        write(out, {"day1/a.npy": b"depth"})

    assert "link" in str(refusal.value)
    assert tree(victim) == {"a.npy"}
    assert (victim / "a.npy").read_bytes() == b"precious"


def test_a_link_at_the_temporary_name_is_not_followed(
    out: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    (out / ".marigold/tmp").mkdir(parents=True)
    (out / ".marigold/tmp" / f"{'0' * 16}.partial").symlink_to(victim / "a.npy")

    with pytest.raises(OutputError, match="File exists"):
        write(out, {"a.npy": b"depth"})

    assert (victim / "a.npy").read_bytes() == b"precious"


def test_the_output_folder_itself_may_be_a_link(tmp_path: Path, out: Path) -> None:
    (tmp_path / "link").symlink_to(out)

    write(tmp_path / "link", {"a.npy": b"x"})

    assert (out / "a.npy").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../a.npy", "day/../../a.npy", "/tmp/a.npy"])
def test_nothing_is_written_outside_of_the_output_folder(out: Path, name: str) -> None:
    with pytest.raises(OutputError, match="lies outside"):
        write(out, {"fine.npy": b"x", name: b"x"})

    assert not (out.parent / "a.npy").exists()


def test_obstacles_are_named_with_advice(out: Path) -> None:
    (out / "a.npy").mkdir()
    (out / "day").touch()

    with pytest.raises(OutputError, match=r"a\.npy: .*a folder stands where a file is needed"):
        write(out, {"a.npy": b"x"})
    with pytest.raises(OutputError, match=r"day/b\.npy: .*a file or link stands"):
        write(out, {"day/b.npy": b"x"})

    assert tree(out) == {"day"}


def test_a_name_too_long_fails_this_photo_and_not_the_run(out: Path) -> None:
    with pytest.raises(ImageError, match="rename the photo") as failure:
        write(out, {"x" * 250 + "_depth.npy": b"x"})

    assert failure.value.kind == "io"
    assert tree(out) == set()


def test_a_missing_output_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        write(tmp_path / "gone", {"a.npy": b"x"})


_WRITE_UNDER_LIMIT = """
import resource, sys
from pathlib import Path
from marigold_cli.errors import OutputError
from marigold_cli.files.atomic import write_durably
out = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_durably(
        out,
        [("small.npy", bytes(1000)), ("large.npy", bytes(200_000))],
        out / ".marigold" / "tmp",
    )
except OutputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_disk_that_takes_no_more_leaves_the_old_files_and_no_scraps(out: Path) -> None:
    (out / "large.npy").write_bytes(b"older")

    run = subprocess.run(
        [sys.executable, "-c", _WRITE_UNDER_LIMIT, str(out)], capture_output=True, text=True
    )

    assert run.returncode == ExitCode.OUTPUT
    assert "large.npy: File too large; no file may grow this large there" in run.stdout
    assert tree(out) == {"large.npy"}
    assert (out / "large.npy").read_bytes() == b"older"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_leaves_no_scraps_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "filler").write_bytes(bytes(900_000))
        with pytest.raises(OutputError, match="No space left on device; free some space"):
            write(disk, {"a.npy": bytes(1000), "b.npy": bytes(400_000)})
        assert tree(disk) == {"filler"}

        (disk / "filler").unlink()
        write(disk, {"a.npy": bytes(1000), "b.npy": bytes(400_000)})
        assert tree(disk) == {"a.npy", "b.npy"}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_is_an_output_error(out: Path) -> None:
    out.chmod(0o500)

    with pytest.raises(OutputError, match="permissions"):
        write(out, {"a.npy": b"x"})

    out.chmod(0o700)


def test_a_read_only_mount_is_an_output_error() -> None:
    with pytest.raises(OutputError):
        write(Path("/proc"), {"a.npy": b"x"})


def fail_at(monkeypatch: pytest.MonkeyPatch, call: str, turn: int, code: int) -> list[None]:
    """Let the n-th of these calls fail; the list returned grows with each call."""
    calls: list[None] = []

    def fail_once(*_: object) -> None:
        calls.append(None)
        if len(calls) == turn:
            raise OSError(code, os.strerror(code))

    spy(monkeypatch, call, fail_once)
    return calls


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace", "mkdir"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_whichever_step_fails_no_file_is_torn_and_no_scrap_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    files = {"a.npy": b"whole", "day/b.npy": b"whole"}
    (tmp_path / "0").mkdir()
    with monkeypatch.context() as patch:
        calls = fail_at(patch, call, 0, code)
        write(tmp_path / "0", files)

    for turn in range(1, len(calls) + 1):
        out = tmp_path / str(turn)
        out.mkdir()
        with monkeypatch.context() as patch:
            fail_at(patch, call, turn, code)
            with pytest.raises(OutputError, match=os.strerror(code)):
                write(out, files)
        assert tree(out) <= set(files)
        assert all((out / name).read_bytes() == b"whole" for name in tree(out))

    assert len(calls) >= 2


def test_an_interrupt_leaves_no_scrap(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    (out / ".marigold/tmp").mkdir(parents=True)

    with pytest.raises(KeyboardInterrupt):
        write(out, {"a.npy": b"x"})

    assert tree(out) == set()


def test_short_writes_are_continued(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))

    write(out, {"a.npy": bytes(range(100))})

    assert (out / "a.npy").read_bytes() == bytes(range(100))


def test_all_is_on_the_disk_before_the_first_name_appears(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    spy(monkeypatch, "write", lambda *_: steps.append("write"))
    spy(monkeypatch, "fsync", lambda descriptor: steps.append(f"fsync {kind(descriptor)}"))
    spy(monkeypatch, "replace", lambda *_: steps.append("rename"))
    (out / ".marigold/tmp").mkdir(parents=True)

    write(out, {"a.npy": b"x", "b.npy": b"x"})

    one = ["write", "fsync file"]
    assert steps == [*one, *one, "rename", "rename", "fsync folder"]


def kind(descriptor: int) -> str:
    return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"


def spy(monkeypatch: pytest.MonkeyPatch, call: str, note: Callable[..., None]) -> None:
    real = getattr(os, call)

    def noted(*arguments: object, **named: object) -> object:
        note(*arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(os, call, noted)


def test_drives_that_know_no_fsync_are_tolerated(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(os, "fsync", unsupported)

    write(out, {"a.npy": b"x"})

    assert tree(out) == {"a.npy"}


def test_no_descriptor_is_kept(out: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    write(out, {"a/b/c.npy": b"x"})
    with pytest.raises(OutputError):
        write(out, {"a/b/c.npy/d.npy": b"x"})

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_pieces_are_written_in_order_and_measured_as_a_whole(out: Path) -> None:
    whole = os.urandom(100_000)
    floats = np.frombuffer(whole[:40_000], "<f4").reshape(100, 100)
    content = Measured(iter([floats.data, b"", whole[40_000:]]))

    write_durably(out, [("a.npy", content)], out / ".marigold" / "tmp")

    assert (out / "a.npy").read_bytes() == whole
    assert (content.size, content.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_a_file_that_cannot_be_made_leaves_nothing(out: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"the first half"
        raise MemoryError

    files = [("a.npy", b"whole"), ("b.npy", pieces())]

    with pytest.raises(MemoryError):
        write_durably(out, files, out / ".marigold" / "tmp")

    assert tree(out) == set()
