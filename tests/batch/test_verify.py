from __future__ import annotations

import fcntl
import json
import os
import random
import threading
from dataclasses import replace

import pytest

from marigold_cli.batch.folder import occupied
from marigold_cli.batch.journal import fold
from marigold_cli.batch.options import Policy
from marigold_cli.batch.outputs import Damage, find_damage
from marigold_cli.batch.settings import fingerprint
from marigold_cli.batch.shard import Shard
from marigold_cli.batch.status import read_status
from marigold_cli.batch.verify import verify
from marigold_cli.errors import ExitCode, NoInputError

ENDINGS = ("_color.png", "_depth.npy")


@pytest.fixture
def done(studio):
    for seed in range(5):
        studio.shoot(f"{seed}.png", seed)
    studio.run()
    return studio


def test_a_whole_folder_is_whole(done):
    found = read_status(done.out)

    assert (found.done, found.damaged, found.failed, found.unfinished) == (5, (), (), ())
    assert (found.exit_code, found.bad_lines) == (ExitCode.OK, 0)
    assert found.fingerprint == fingerprint(done.settings())
    assert found.settings["steps"] == 2
    assert verify(done.out) == []


def test_every_flipped_byte_is_named(done):
    chance = random.Random(0)
    outputs = sorted(done.results())
    for _ in range(50):
        path = done.out / chance.choice(outputs)
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= 1 << chance.randrange(8)
        whole = path.read_bytes()
        path.write_bytes(content)

        assert [(one.path, one.kind) for one in verify(done.out)] == [(path.name, "hash")]
        assert read_status(done.out).exit_code == ExitCode.OK
        path.write_bytes(whole)


def test_missing_and_cut_outputs_are_named_without_reading(done):
    (done.out / "1_depth.npy").unlink()
    os.truncate(done.out / "3_color.png", 10)

    found = read_status(done.out)

    expected = (Damage("1.png", "1_depth.npy", "missing"), Damage("3.png", "3_color.png", "size"))
    assert found.damaged == expected
    assert verify(done.out) == list(expected)
    assert (found.done, found.exit_code) == (3, ExitCode.PARTIAL)


def test_failures_are_named(done):
    (done.photos / "x.png").write_bytes(b"no picture")
    done.run()

    found = read_status(done.out)

    assert [(one.name, one.kind) for one in found.failed] == [("x.png", "format")]
    assert found.exit_code == ExitCode.PARTIAL


def test_failures_that_were_tolerated_are_no_reason_to_worry(done):
    (done.photos / "x.png").write_bytes(b"no picture")
    done.run(Policy(fsync=False, fail_on="none"))

    assert read_status(done.out).exit_code == ExitCode.OK


def test_a_result_that_rotted_is_found_and_mended_by_hashing(done):
    rotten = done.out / "2_depth.npy"
    data = bytearray(rotten.read_bytes())
    data[-1] ^= 1
    rotten.write_bytes(data)

    by_stat = done.run(Policy(fsync=False))
    found = verify(done.out)
    by_hash = done.run(Policy(fsync=False, check="hash"))

    assert (by_stat.done, by_hash.done) == (0, 1)
    assert [(one.path, one.kind) for one in found] == [("2_depth.npy", "hash")]
    assert verify(done.out) == []


def test_a_run_that_died_is_told(done, luminance, child):
    done.shoot("5.png", 5)
    child(lambda: done.run(predictor=luminance(before=lambda photos: os._exit(99))))

    found = read_status(done.out)

    assert (found.unfinished, found.exit_code) == (("5.png",), ExitCode.STOPPED)


def test_a_run_that_was_stopped_is_told(done):
    done.shoot("5.png", 5)
    done.run(Policy(fsync=False, max_time_s=0))

    assert read_status(done.out).exit_code == ExitCode.STOPPED


def test_outputs_of_an_older_photo_are_told_when_the_newer_one_failed(done):
    (done.photos / "2.png").write_bytes(b"no picture")
    done.run()

    assert [(one.path, one.kind) for one in verify(done.out)] == [
        ("2_color.png", "stale"),
        ("2_depth.npy", "stale"),
    ]


def test_outputs_of_other_settings_are_told(done):
    (done.photos / "2.png").unlink()
    done.output = replace(done.output, invert=True)
    done.run(Policy(fsync=False, overwrite=True))

    assert {(one.name, one.kind) for one in verify(done.out)} == {("2.png", "settings")}


def test_a_folder_without_a_journal_is_no_folder_of_ours(tmp_path):
    with pytest.raises(NoInputError, match="no journal"):
        read_status(tmp_path)
    with pytest.raises(NoInputError, match="no journal"):
        verify(tmp_path / "absent")


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "a/../../secret"])
def test_a_forged_journal_leads_to_no_file_outside(done, path):
    secret = done.out.parent / "secret"
    secret.write_bytes(b"x")
    journal = done.out / "journal.jsonl"
    lines = journal.read_text().splitlines()
    record = json.loads(next(line for line in lines if '"done","at"' in line))
    record["outputs"][0]["path"] = path
    journal.write_text("\n".join([*lines, json.dumps({**record, "at": 9e9})]) + "\n")

    kinds = {one.path: one.kind for one in verify(done.out)}

    assert kinds[path] == "missing"


def test_outputs_are_looked_at_several_at_a_time_and_told_of_in_order(done):
    together = threading.Barrier(5)

    def find(out, file) -> str:
        together.wait(timeout=10)
        return "size"

    found = find_damage(done.out, fold(done.out).entries, find)

    assert [(one.name, one.path) for one in found] == [
        (f"{seed}.png", f"{seed}{ending}") for seed in range(5) for ending in ENDINGS
    ]


def killed_after(studio, luminance, child, number: int, policy: Policy) -> None:
    """A run whose process dies when so many photos are done."""

    def die_later(photos) -> None:
        if len(studio.records("done")) >= number:
            os._exit(99)

    child(lambda: studio.run(policy, luminance(photos_per_call=1, before=die_later)).exit_code)


def test_how_far_a_killed_run_came_is_told(done, luminance, child):
    for seed in range(5, 12):
        done.shoot(f"{seed:02}.png", seed)
    whole = read_status(done.out)
    killed_after(done, luminance, child, 8, Policy(fsync=False))
    killed = read_status(done.out)
    done.run()

    assert (whole.done, whole.total, whole.remaining) == (5, 5, 0)
    assert 8 <= killed.done < 12
    assert (killed.total, killed.done + killed.remaining) == (12, 12)
    assert (read_status(done.out).total, read_status(done.out).remaining) == (12, 0)


def test_photos_of_earlier_inputs_belong_to_the_whole(done):
    for seed in range(5):
        (done.photos / f"{seed}.png").unlink()
    done.shoot("day2/a.png", 7)
    done.run()

    assert (read_status(done.out).done, read_status(done.out).total) == (6, 6)


def test_the_journal_of_an_earlier_version_tells_how_much_is_to_be_done(done, luminance, child):
    done.shoot("5.png", 5)
    killed_after(done, luminance, child, 0, Policy(fsync=False))
    journal = done.out / "journal.jsonl"
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    for record in records:
        for key in ("total", "aside", "overwrite"):
            record.pop(key, None)
    journal.write_text("".join(json.dumps(record) + "\n" for record in records))

    found = read_status(done.out)

    assert (found.done, found.total, found.remaining) == (5, None, 1)
    assert done.run().exit_code == ExitCode.OK


def test_who_is_at_work_is_seen_and_not_disturbed(done, child):
    done.shoot("5.png", 5)

    def stop_at_once() -> int:
        return done.run(Policy(fsync=False, max_time_s=0)).exit_code

    with occupied(done.out, fsync=False):
        at_work = read_status(done.out)
    with occupied(done.out, fsync=False, party="us"):
        together = read_status(done.out)

    assert (at_work.is_running, together.is_running) == (True, True)
    assert not read_status(done.out).is_running
    assert child(stop_at_once) == ExitCode.STOPPED
    assert read_status(done.out).is_ended


def test_a_run_that_begins_while_somebody_looks_is_not_refused(done):
    lock = done.out / ".marigold/lock"
    with lock.open("r+") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        gone = threading.Timer(0.02, looking.close)
        gone.start()

        summary = done.run(Policy(fsync=False, overwrite=True))

    gone.join()
    assert summary.done == 5


def test_a_part_that_was_never_begun_is_told(studio):
    for seed in range(4):
        studio.shoot(f"{seed}.png", seed)
    studio.shard = Shard(1, 2)
    studio.run()

    found = read_status(studio.out)

    assert (found.exit_code, found.is_ended) == (ExitCode.STOPPED, False)
    assert (found.unbegun, found.total, found.remaining) == (("2/2",), None, 0)
