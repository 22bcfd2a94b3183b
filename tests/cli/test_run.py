from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marigold_cli.errors import ExitCode
from marigold_cli.files import walk
from marigold_cli.files.extras import HEIC

Call = Callable[..., Any]  # gives an Answer of conftest.py

BAD = "bad\x1b[31m[/]\u202e.jpg"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]")


@pytest.fixture
def run(call: Call, photos: Path, checkpoint: Path, tmp_path: Path) -> Call:
    """`marigold run` on the two photos with the random checkpoint, on a CPU."""

    def run(*more: str | Path) -> object:
        line = ["run", photos, "--out", tmp_path / "out", "--model", checkpoint, "--device", "cpu"]
        return call(*line, "--steps", "1", *more)

    return run


def files_in(folder: Path) -> set[str]:
    """Results in an output folder, without what the run keeps for itself."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if name.endswith(("npy", "png", "tif", "exr"))}


def test_a_folder_of_photos_becomes_a_folder_of_depth(run: Call, tmp_path: Path) -> None:
    answer = run("--json")

    assert answer.code == 0
    assert files_in(tmp_path / "out") == {
        "a_depth.npy",
        "a_color.png",
        "day1/b_depth.npy",
        "day1/b_color.png",
    }
    assert np.load(tmp_path / "out/a_depth.npy").shape == (96, 128)
    summary = json.loads(answer.out)
    assert (summary["done"], summary["skipped"], summary["failed"]) == (2, 0, [])
    assert summary["exit_code"] == 0


def test_the_fingerprint_knows_another_vae_by_its_bytes(
    run: Call, checkpoint: Path, tmp_path: Path
) -> None:
    def fingerprint(*more: str | Path) -> str:
        return str(json.loads(run("--dry-run", "--json", *more).out)["fingerprint"])

    vae = shutil.copytree(checkpoint / "vae", tmp_path / "vae")
    own, first = fingerprint(), fingerprint("--vae", vae)
    moved = fingerprint("--vae", vae.rename(tmp_path / "elsewhere"))
    config = tmp_path / "elsewhere/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.5}))
    edited = fingerprint("--vae", tmp_path / "elsewhere")

    assert first == moved
    assert len({own, first, edited}) == 3


def test_the_first_line_says_which_model_is_used(run: Call, checkpoint: Path) -> None:
    answer = run()

    assert answer.err.splitlines()[0].startswith(f"model: {checkpoint}")
    assert answer.out == ""


def test_the_same_line_again_has_nothing_to_do(run: Call) -> None:
    run()

    answer = run("--json")

    assert answer.code == 0
    assert json.loads(answer.out)["skipped"] == 2
    assert "in float32" not in answer.err  # no model was loaded


def test_other_settings_in_the_same_folder_are_refused(run: Call, tmp_path: Path) -> None:
    run()
    before = {name: (tmp_path / "out" / name).read_bytes() for name in files_in(tmp_path / "out")}

    answer = run("--seed", "1", "--log-json", "-")

    assert answer.code == ExitCode.REFUSED
    assert "seed" in answer.err
    (event,) = map(json.loads, answer.out.splitlines())
    assert (event["event"], event["exit_code"]) == ("BrokenOff", ExitCode.REFUSED)
    assert event["error"] in answer.err
    after = {name: (tmp_path / "out" / name).read_bytes() for name in files_in(tmp_path / "out")}
    assert after == before


def test_a_bad_photo_is_named_and_the_others_are_done(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad\x1b[31m[").mkdir()
    (photos / BAD).write_bytes(b"no picture")

    answer = run("--json", "--log-json", tmp_path / "log")

    assert answer.code == ExitCode.PARTIAL
    assert f"failed: {photos}/bad\\x1b[31m[/]\\u202e.jpg: " in answer.err
    assert not CONTROL.search(answer.err)
    assert json.loads(answer.out)["done"] == 2
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert events[0]["event"] == "PlanMade"
    assert events[-1]["event"] == "RunEnded"
    assert [one["name"] for one in events if one["event"] == "JobFailed"] == [BAD]


@pytest.mark.parametrize(("share", "code"), [("none", 0), ("50%", 0), ("5%", 10)])
def test_some_failures_may_be_forgiven(share: str, code: int, run: Call, photos: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no picture")

    assert run("--fail-on", share, "--quiet").code == code


def test_quiet_is_silent_when_all_goes_well(run: Call) -> None:
    answer = run("--quiet")

    assert (answer.out, answer.err) == ("", "")


def test_names_that_are_not_utf8_go_through_every_channel(
    run: Call, photos: Path, tmp_path: Path
) -> None:
    (photos / "a.png").rename(photos / os.fsdecode(b"caf\xe9\n.png"))

    answer = run("-v", "--log-json", "-")

    assert answer.code == 0
    assert "caf\\xe9\\n.png" in answer.err
    assert not CONTROL.search(answer.err)
    names = {json.loads(line).get("name") for line in answer.out.splitlines()}
    assert "caf\udce9\n.png" in names
    assert (tmp_path / "out/day1/b_depth.npy").exists()
    assert (tmp_path / "out" / os.fsdecode(b"caf\xe9\n_depth.npy")).exists()


def test_a_dry_run_tells_the_plan_and_writes_nothing(run: Call, tmp_path: Path) -> None:
    answer = run("--dry-run")

    assert answer.code == 0
    assert not (tmp_path / "out").exists()
    assert "1 step, 1 member, at 64 px" in answer.out
    assert "2  new" in answer.out
    assert "a.png (new) -> a_color.png, a_depth.npy" in answer.out


def test_a_dry_run_tells_programs_more(run: Call, tmp_path: Path) -> None:
    run()
    (tmp_path / "out/a_depth.npy").unlink()

    answer = run("--dry-run", "--json")

    plan = json.loads(answer.out)
    assert plan["reasons"] == {"output missing": 1}
    assert plan["skipped"] == 1
    assert plan["jobs"] == [
        {"name": "a.png", "reason": "output missing", "outputs": ["a_color.png", "a_depth.npy"]}
    ]


def test_a_dry_run_guesses_the_size_of_the_results(run: Call, tmp_path: Path) -> None:
    formats = ("--format", "npy,color,tiff,png,exr")
    guess = json.loads(run(*formats, "--dry-run", "--json").out)["bytes"]

    run(*formats)

    out = tmp_path / "out"
    true = sum((out / name).stat().st_size for name in files_in(out))
    assert true / 2 < guess < true * 2


def test_a_list_of_photos_may_come_from_a_file(
    run: Call, call: Call, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "list").write_bytes(os.fsencode(photos / "a.png") + b"\0")

    answer = call(
        "run", "--files-from", tmp_path / "list", "-0", "--model", checkpoint, "--dry-run", "--json"
    )  # fmt: skip

    name = (photos / "a.png").relative_to("/").as_posix()  # an absolute path keeps its folders
    assert [job["name"] for job in json.loads(answer.out)["jobs"]] == [name]


def test_several_processes_do_not_read_one_list_from_standard_input(
    run: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "RANK": "0", "WORLD_SIZE": "2"}
    for name, value in places.items():
        monkeypatch.setenv(name, value)

    answer = run("--files-from", "-")

    assert answer.code == ExitCode.USAGE
    assert "write the list to a file" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_told_apart(run: Call, tmp_path: Path) -> None:
    answer = run("--device", "cuda:77", "--json")

    assert answer.code == ExitCode.DEVICE
    assert json.loads(answer.out)["exit_code"] == ExitCode.DEVICE
    assert not files_in(tmp_path / "out")


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs a folder that takes no files")
def test_an_output_folder_that_cannot_be_made_is_told_apart(run: Call) -> None:
    answer = run("--out", "/proc/none/out")

    assert answer.code == ExitCode.OUTPUT


def test_a_file_in_the_place_of_the_output_folder_is_refused_before_any_work(
    run: Call, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_bytes(b"precious")

    answer = run("--out", tmp_path / "taken")

    assert answer.code == ExitCode.REFUSED
    assert "taken: a file stands where the output folder is needed; move it away" in answer.err
    assert "in float32" not in answer.err  # no model was loaded


@pytest.fixture
def abyss(photos: Path) -> str:
    """A folder among the photos whose path is longer than any may be: nobody can read it."""
    longest = "d" * 250
    here = os.open(photos, os.O_RDONLY)
    for _ in range(18):
        os.mkdir(longest, dir_fd=here)
        below = os.open(longest, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return f"{longest}/{longest}"


def test_a_folder_that_cannot_be_read_is_named_and_the_photos_are_done(
    run: Call, call: Call, abyss: str, tmp_path: Path
) -> None:
    plan = run("--dry-run")
    answer = run("--quiet", "--json")
    status = call("status", tmp_path / "out")

    (failed,) = json.loads(answer.out)["failed"]
    assert "unread   " in plan.out
    assert (answer.code, json.loads(answer.out)["done"]) == (ExitCode.PARTIAL, 2)
    assert failed["name"].startswith(abyss)
    assert failed["name"].endswith("/")
    assert "the folder cannot be read (File name too long)" in answer.err
    assert (status.code, "failed      1\n" in status.out) == (ExitCode.PARTIAL, True)


def test_photos_that_need_an_extra_are_told_once_and_do_not_fail_the_run(
    run: Call, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "SUFFIXES", walk.SUFFIXES - HEIC.suffixes)
    (photos / "c.heic").write_bytes(b"x")
    (photos / "d.HEIC").write_bytes(b"x")

    plan, answer = run("--dry-run"), run("--json")

    told = "2 HEIC photos (to read them: pip install 'marigold-cli[heic]')"
    assert f"left out {told}" in plan.out
    assert answer.err.count("warning: 2 HEIC photos left out") == 1
    assert f"left out {told}" in answer.err
    assert (answer.code, json.loads(answer.out)["left_out"]) == (0, {"heic": 2})


def test_a_time_limit_stops_the_run_for_another_time(run: Call, tmp_path: Path) -> None:
    answer = run("--max-time", "0s", "--json")

    assert answer.code == ExitCode.STOPPED
    assert json.loads(answer.out)["stopped"]
    assert "run the same line again" in answer.err


def test_a_finished_run_can_be_looked_at_and_verified(
    run: Call, call: Call, tmp_path: Path
) -> None:
    run()

    status, verify = call("status", tmp_path / "out"), call("verify", tmp_path / "out")

    assert status.code == 0
    assert re.search(r"done +2\n", status.out)
    assert "exit code   0: every photo has a valid output" in status.out
    assert "\n  formats color+npy\n" in status.out
    assert (verify.code, verify.out) == (0, "2 photos whole\n")


def test_a_flipped_byte_is_found(run: Call, call: Call, tmp_path: Path) -> None:
    run()
    file = tmp_path / "out/a_depth.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)

    status = call("status", tmp_path / "out", "--json")
    verify = call("verify", tmp_path / "out", "--json")

    assert status.code == 0  # it looks at sizes only
    assert json.loads(status.out)["done"] == 2
    assert verify.code == ExitCode.PARTIAL
    found = json.loads(verify.out)
    assert not found["whole"]
    assert found["damaged"] == [{"name": "a.png", "path": "a_depth.npy", "kind": "hash"}]


def test_a_run_that_left_photos_out_is_not_whole(run: Call, call: Call, tmp_path: Path) -> None:
    run("--max-time", "0s")

    answer = call("verify", tmp_path / "out")

    assert answer.code == ExitCode.PARTIAL
    assert "not complete" in answer.out


def test_a_failed_photo_that_is_excluded_is_no_longer_held_against_the_folder(
    run: Call, call: Call, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad.jpg").touch()
    first, noted = run("--quiet"), call("status", tmp_path / "out")

    second, status = run("--exclude", "bad.jpg"), call("status", tmp_path / "out")

    assert (first.code, noted.code, second.code, status.code) == (10, 10, 0, 0)
    assert "failed      0\n" in status.out
    assert "set aside   1, no longer among the photos\n" in status.out


def test_a_run_that_gave_up_tells_what_it_did_not_try(
    run: Call, call: Call, photos: Path, tmp_path: Path
) -> None:
    (photos / "a.jpg").touch()
    (photos / "a.png").unlink()

    answer = run("--max-failures", "1", "--batch-size", "1", "--json")
    status = call("status", tmp_path / "out")

    summary = json.loads(answer.out)
    assert (answer.code, summary["stopped"], summary["remaining"]) == (10, True, 1)
    assert "stopped  early, after 1 failure; not tried: 1 photo\n" in answer.err
    assert (status.code, status.out.count("exit code   10: 1 failure; 1 not tried")) == (10, 1)


@pytest.mark.parametrize(
    "flags",
    [
        ["--ensemble", "3"],
        ["--resolution", "32"],
        ["--seed", "7"],
        ["--timesteps", "leading"],
        ["--noise", "zeros"],
        ["--resample", "nearest"],
        ["--reduction", "mean"],
        ["--tile", "64"],
        ["--tile", "auto"],
        ["--refine"],
        ["--format", "npy"],
        ["--colormap", "turbo"],
        ["--invert"],
        ["--output-size", "processing"],
        ["--grid", "upright"],
    ],
)
def test_a_refusal_names_the_flags_that_go_back(flags: list[str], run: Call) -> None:
    run(*flags, "--max-time", "0s")

    refused = run("--dry-run")

    assert refused.code == ExitCode.REFUSED
    assert f"add {' '.join(flags)} to go on as before" in refused.err
    assert run(*flags, "--dry-run").code == 0
