from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.batch.folder import bind, occupied, read_binding
from marigold_cli.batch.options import Policy
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.settings import fingerprint
from marigold_cli.errors import (
    ForeignFileError,
    OutputInUseError,
    SettingsMismatchError,
)


@pytest.fixture
def inverted(studio):
    return replace(studio, output=replace(studio.output, invert=True)).settings()


def test_a_folder_is_made_with_its_parents_and_bound(studio):
    out = studio.out / "deep" / "er"

    with occupied(out, fsync=True) as place:
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (place.temporary, out)]
        bind(place, studio.settings(), overwrite=False)

    assert read_binding(out).fingerprint == fingerprint(studio.settings())
    assert json.loads((out / "marigold.json").read_bytes())["settings"]["steps"] == 2
    assert [path.name for path in (out / ".marigold").iterdir()] == ["lock"]
    assert modes == [0o700, stat.S_IMODE((out / ".marigold").stat().st_mode)]


def test_the_binding_may_be_read_by_others_as_the_umask_says(studio):
    before = os.umask(0o022)
    try:
        with occupied(studio.out, fsync=False) as place:
            bind(place, studio.settings(), overwrite=False)
    finally:
        os.umask(before)

    assert stat.S_IMODE((studio.out / "marigold.json").stat().st_mode) == 0o644


def test_the_first_of_two_bindings_wins(studio, inverted):
    with occupied(studio.out, fsync=False) as place:
        bind(place, studio.settings(), overwrite=False)
        bind(place, studio.settings(), overwrite=False)
        with pytest.raises(SettingsMismatchError):
            bind(place, inverted, overwrite=False)
        kept = read_binding(studio.out)
        bind(place, inverted, overwrite=True)

    assert kept.fingerprint == fingerprint(studio.settings())
    assert read_binding(studio.out).fingerprint == fingerprint(inverted)


def test_a_binding_that_appears_at_the_last_moment_is_not_replaced(studio, inverted, monkeypatch):
    real = os.link
    text = json.dumps({"fp": fingerprint(inverted), "settings": inverted.to_dict()})

    def late(source, target):
        Path(target).write_text(text)
        real(source, target)

    monkeypatch.setattr(os, "link", late)

    with occupied(studio.out, fsync=False) as place, pytest.raises(SettingsMismatchError):
        bind(place, studio.settings(), overwrite=False)

    assert (studio.out / "marigold.json").read_text() == text


def test_a_file_system_without_hard_links_will_do(studio, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    with occupied(studio.out, fsync=False) as place:
        bind(place, studio.settings(), overwrite=False)

    assert read_binding(studio.out).fingerprint == fingerprint(studio.settings())


def test_two_runs_do_not_share_a_folder(studio):
    with (
        occupied(studio.out, fsync=False),
        pytest.raises(OutputInUseError),
        occupied(studio.out, fsync=False),
    ):
        pass

    with occupied(studio.out, fsync=False):
        pass


def test_a_file_system_without_locks_will_do(studio, monkeypatch):
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    studio.shoot("a.png")

    assert studio.run().done == 1


def test_a_file_system_that_cannot_synchronise_will_do(studio, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    studio.shoot("a.png")

    assert studio.run(Policy(fsync=True)).done == 1


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_hidden_folder_that_is_not_ours_is_refused(studio, tmp_path, kind):
    victim = tmp_path / "victim"
    victim.mkdir()
    studio.out.mkdir()
    hidden = studio.out / ".marigold"
    if kind == "link":
        hidden.symlink_to(victim)
    else:
        hidden.write_bytes(b"")

    with pytest.raises(ForeignFileError), occupied(studio.out, fsync=False):
        pass

    assert list(victim.iterdir()) == []


def test_links_in_the_place_of_our_files_harm_no_one(studio, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    studio.shoot("a.png")
    studio.out.mkdir()
    (studio.out / "marigold.json").symlink_to(victim)

    with pytest.raises(ForeignFileError):
        studio.run()

    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("below", ["", "deep/er"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_stands_in_the_place_of_the_folder_is_told_before_any_work(studio, kind, below):
    studio.shoot("a.png")
    if kind == "file":
        studio.out.write_bytes(b"precious")
    else:
        studio.out.symlink_to("nowhere")
    out = studio.out / below

    with pytest.raises(ForeignFileError, match=r"depths: a .* stands where"):
        make_plan(studio.found(), studio.settings(), out, Policy())
    with pytest.raises(ForeignFileError), occupied(out, fsync=False):
        pass

    assert not studio.out.is_dir()
    assert not (studio.root / "nowhere").exists()


def test_a_link_to_a_folder_is_a_folder(studio, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    studio.out.symlink_to(tmp_path / "elsewhere")
    studio.shoot("a.png")

    assert studio.run().done == 1
    assert (tmp_path / "elsewhere" / "a_depth.npy").exists()


@pytest.mark.parametrize("kind", ["link", "dangling", "folder"])
def test_what_stands_in_the_place_of_the_lock_is_refused(studio, tmp_path, kind):
    studio.shoot("a.png")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    lock = studio.out / ".marigold" / "lock"
    lock.parent.mkdir(parents=True, mode=0o700)
    if kind == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(victim if kind == "link" else tmp_path / "nowhere")

    with pytest.raises(ForeignFileError, match="lock"):
        studio.run()

    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()
    assert studio.records() == []


@pytest.mark.parametrize(("number", "leaves"), [(signal.SIGTERM, 0), (signal.SIGKILL, 1)])
def test_what_a_run_leaves_that_died_while_it_loaded_its_model_is_swept(
    studio, luminance, child, number, leaves
):
    studio.shoot("a.png")

    def killed():
        os.kill(os.getpid(), number)
        raise AssertionError

    code = child(lambda: studio.run(open_predictor=killed).exit_code)
    left = list(studio.out.glob(".marigold/tmp-*"))
    before = studio.snapshot()
    summary = studio.run()

    assert (code, len(left), before) == (-number, leaves, {})
    assert summary.done == 1
    assert list(studio.out.glob(".marigold/tmp-*")) == []


def leftover(studio, host: str, pid: int, age_s: float = 0) -> Path:
    folder = studio.out / ".marigold" / f"tmp-{host}-{pid}-abcd1234"
    folder.mkdir(parents=True)
    (folder / "x.partial").write_bytes(b"half")
    then = folder.stat().st_mtime - age_s
    os.utime(folder, (then, then))
    return folder


def test_what_killed_runs_left_behind_is_swept_and_nothing_else(studio, child):
    here = socket.gethostname()
    studio.out.mkdir()
    dead = leftover(studio, here, pid=2**22 + 1)
    namesake = leftover(studio, here, os.getpid())
    living = leftover(studio, here, os.getppid())
    elsewhere = leftover(studio, f"{here}-2", 1)
    ancient = leftover(studio, f"{here}-3", 1, age_s=90_000)

    with occupied(studio.out, fsync=False):
        pass

    kept = [path for path in (dead, namesake, living, elsewhere, ancient) if path.exists()]
    assert kept == [living, elsewhere]
