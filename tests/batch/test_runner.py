from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from marigold_cli.batch import pipeline, solo
from marigold_cli.batch.folder import occupied
from marigold_cli.batch.journal import Journal
from marigold_cli.batch.options import Policy
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.progress import (
    JobDone,
    JobFailed,
    ModelLoaded,
    PlanMade,
    RunEnded,
    StepDone,
    StopAsked,
    Warned,
)
from marigold_cli.batch.records import Done, Record
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.status import read_status
from marigold_cli.batch.verify import verify
from marigold_cli.errors import (
    DeviceError,
    ExitCode,
    ImageError,
    Kind,
    MarigoldError,
    ModelError,
    OutputInUseError,
    SettingsMismatchError,
)
from marigold_cli.files.decode import Photo
from marigold_cli.files.extras import HEIC
from marigold_cli.files.walk import Unread

LAZY = Policy(fsync=False)


def fails_on(digest: str, error: BaseException):
    def before(photos: Sequence[Photo]) -> None:
        if digest in [photo.digest for photo in photos]:
            raise error

    return before


def test_every_photo_becomes_its_depth(studio):
    names = ["a.png", "b.png", "day 1/c.png"]
    for seed, name in enumerate(names):
        studio.shoot(name, seed)

    summary = studio.run()

    assert (summary.done, summary.skipped, summary.failed) == (3, 0, ())
    assert (summary.exit_code, summary.stopped, summary.signal) == (0, False, None)
    for name in names:
        np.testing.assert_allclose(studio.depth(name), studio.expected(name), atol=1e-6)


def test_a_second_run_does_nothing_and_opens_no_model(studio):
    studio.shoot("a.png")
    studio.run()
    before = studio.snapshot()

    summary = studio.run(predictor=None)

    assert (summary.done, summary.skipped, summary.exit_code) == (0, 1, 0)
    assert studio.snapshot() == before
    assert len(studio.diary.of(ModelLoaded)) == 1


def test_events_tell_the_whole_story_in_order(studio, luminance):
    studio.shoot("a.png")

    summary = studio.run(predictor=luminance(steps=3))

    kinds = [type(event).__name__ for event in studio.diary.events]
    assert kinds == [
        "PlanMade", "ModelLoaded", "JobStarted", "StepDone", "StepDone", "StepDone", "JobDone",
        "RunEnded",
    ]  # fmt: skip
    assert studio.diary.of(StepDone)[-1] == StepDone(("a.png",), 3, 3)
    assert studio.diary.of(JobDone)[0].outputs == ("a_color.png", "a_depth.npy")
    assert studio.diary.of(RunEnded) == [RunEnded(summary)]
    assert len(studio.diary.of(PlanMade)[0].plan.jobs) == 1


def test_photos_of_one_shape_share_a_call_up_to_the_batch_size(studio, luminance):
    for seed in range(5):
        studio.shoot(f"a{seed}.png", seed)
    studio.shoot("b.png", 5, size=(8, 6))
    studio.shoot("c.png", 6)
    predictor = luminance(photos_per_call=3)

    studio.run(predictor=predictor)

    assert [len(call) for call in predictor.calls] == [3, 2, 1, 1]
    used = {record["input"]: record["batch_used"] for record in studio.records("done")}
    assert used == {"a0.png": 3, "a1.png": 3, "a2.png": 3, "a3.png": 2, "a4.png": 2} | {
        "b.png": 1,
        "c.png": 1,
    }


@pytest.mark.parametrize("orientation", range(1, 9))
def test_depth_lies_in_the_stored_grid_or_upright_as_asked(studio, orientation):
    path = studio.shoot("a.png", size=(4, 6))
    with Image.open(path) as image:
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path, "PNG", exif=exif)
    stored = studio.expected("a.png")
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.T, 6: stored[::-1].T, 7: stored[::-1, ::-1].T, 8: stored.T[::-1],
    }[orientation]  # fmt: skip

    studio.run()
    in_stored_grid = studio.depth("a.png")
    studio.output = replace(studio.output, grid="upright")
    studio.run(replace(LAZY, overwrite=True))

    np.testing.assert_allclose(in_stored_grid, stored, atol=1e-6)
    np.testing.assert_allclose(studio.depth("a.png"), upright, atol=1e-6)


def test_a_map_is_brought_to_the_photos_size_unless_the_processing_size_is_asked_for(
    studio, luminance
):
    class Half(luminance):
        def depth(self, photo: Photo):
            return super().depth(replace(photo, pixels=photo.pixels[::2, ::2]))

    studio.shoot("a.png", size=(6, 8))
    studio.run(predictor=Half())
    full = studio.depth("a.png")
    studio.output = replace(studio.output, size="processing", invert=True)
    studio.run(replace(LAZY, overwrite=True), Half())

    half = studio.expected("a.png")[::2, ::2]
    np.testing.assert_allclose(full, half.repeat(2, 0).repeat(2, 1), atol=1e-6)
    np.testing.assert_allclose(studio.depth("a.png"), 1 - half, atol=1e-6)


def test_the_ensembles_spread_is_written_when_asked_for(studio, luminance):
    class Spread(luminance):
        def depth(self, photo: Photo):
            depth = super().depth(photo)
            return replace(depth, uncertainty=depth.values / 2)

        def restored(self, depth, size):
            return depth

    studio.shoot("a.png")
    studio.ensemble, studio.output = 2, replace(studio.output, uncertainty=True)

    studio.run(predictor=Spread())

    spread = np.load(studio.out / "a_uncertainty.npy")
    np.testing.assert_allclose(spread, studio.expected("a.png") / 2, atol=1e-6)
    assert sorted(studio.snapshot()) == [
        "a_color.png", "a_depth.npy", "a_uncertainty.npy", "journal.jsonl", "marigold.json",
    ]  # fmt: skip


def test_one_bad_photo_is_a_named_failure_and_the_others_go_on(studio):
    studio.shoot("a.png", 1)
    studio.shoot("c.png", 2)
    (studio.photos / "b.png").write_bytes(b"no picture at all")

    summary = studio.run()

    assert (summary.done, summary.exit_code, summary.stopped) == (2, ExitCode.PARTIAL, False)
    assert [(failure.name, failure.kind) for failure in summary.failed] == [("b.png", "format")]
    (record,) = studio.records("failed")
    assert (record["input"], record["kind"], record["attempt"]) == ("b.png", "format", 1)
    assert [event.name for event in studio.diary.of(JobFailed)] == ["b.png"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("odd"), "error"),
        (MemoryError("too much"), "memory"),
        (ImageError(Kind.MEMORY, "too much"), "memory"),
    ],
)
def test_only_the_guilty_photo_of_a_group_fails(studio, luminance, error, kind):
    for seed in range(4):
        studio.shoot(f"{seed}.png", seed)
    guilty = studio.sha256("2.png")
    predictor = luminance(photos_per_call=4, before=fails_on(guilty, error))

    summary = studio.run(predictor=predictor)

    assert [(one.name, one.kind) for one in summary.failed] == [("2.png", kind)]
    assert summary.done == 3
    assert [len(call) for call in predictor.calls] == [4, 1, 1, 1, 1]
    assert str(error) in summary.failed[0].message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_never_done(studio, luminance, value):
    class Broken(luminance):
        def depth(self, photo: Photo):
            depth = super().depth(photo)
            depth.values[1, 1] = value
            return depth

    studio.shoot("a.png")

    summary = studio.run(predictor=Broken())

    assert [one.kind for one in summary.failed] == ["not-finite"]
    assert (studio.records("done"), studio.results()) == ([], {})


def test_depth_without_relief_is_believed_only_of_a_photo_without_any(studio, luminance):
    class Flat(luminance):
        def depth(self, photo: Photo):
            depth = super().depth(photo)
            return replace(depth, values=np.zeros_like(depth.values))

    studio.shoot("a.png")
    Image.new("RGB", (8, 6), "grey").save(studio.photos / "wall.png")

    summary = studio.run(predictor=Flat())

    assert [(one.name, one.kind) for one in summary.failed] == [("a.png", "constant")]
    assert list(studio.standing()) == ["wall.png"]


def test_a_model_that_cannot_be_opened_leaves_no_trace_in_the_folder(studio):
    studio.shoot("a.png")

    def absent():
        raise ModelError("no such model")

    with pytest.raises(ModelError):
        studio.run(open_predictor=absent)
    studio.output = replace(studio.output, invert=True)

    assert studio.snapshot() == {}
    assert studio.run().exit_code == 0


def test_a_dead_device_stops_the_run_and_blames_no_photo(studio, luminance):
    for seed in range(4):
        studio.shoot(f"{seed}.png", seed)
    dead = fails_on(studio.sha256("2.png"), DeviceError("the device is gone"))

    summary = studio.run(predictor=luminance(photos_per_call=1, before=dead))

    assert (summary.exit_code, summary.error) == (ExitCode.DEVICE, "the device is gone")
    assert (summary.stopped, summary.failed) == (True, ())
    assert studio.records("failed") == []
    assert studio.run().exit_code == 0


def test_a_keyboard_interrupt_is_no_failure_of_a_photo(studio, luminance):
    studio.shoot("a.png")
    interrupt = fails_on(studio.sha256("a.png"), KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        studio.run(predictor=luminance(before=interrupt))

    assert studio.records("failed") == []


def test_a_run_stops_after_as_many_failures_as_allowed(studio, luminance):
    for seed in range(8):
        studio.shoot(f"{seed}.png", seed)

    class Broken(luminance):
        def depth(self, photo: Photo):
            raise ValueError("always")

    summary = studio.run(replace(LAZY, max_failures=3), Broken(photos_per_call=1))

    assert (len(summary.failed), summary.stopped) == (3, True)
    assert (summary.exit_code, summary.remaining) == (ExitCode.PARTIAL, 5)
    found = read_status(studio.out)
    assert (found.exit_code, found.remaining) == (ExitCode.PARTIAL, 5)
    assert len(studio.diary.of(StopAsked)) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("odd"), ExitCode.BUG),
        (MemoryError(), ExitCode.DEVICE),
        (ImageError(Kind.NOT_FINITE, "overflow"), ExitCode.MODEL),
    ],
)
def test_a_run_whose_first_twenty_photos_all_fail_alike_stops_with_their_cause(
    studio, luminance, error, code
):
    for seed in range(25):
        studio.shoot(f"{seed:02}.png", seed)

    def always(photos: Sequence[Photo]) -> None:
        raise error

    summary = studio.run(predictor=luminance(photos_per_call=1, before=always))

    assert (len(summary.failed), summary.exit_code, summary.stopped) == (20, code, True)


def test_what_has_failed_is_counted_in_words(studio):
    for seed in range(2):
        (studio.photos / f"{seed}.png").write_bytes(b"no picture")

    studio.run(replace(LAZY, max_failures=1))

    assert studio.diary.of(StopAsked)[0].reason == "1 photo failed"


def test_nothing_is_kept_of_a_photo_that_failed(studio, monkeypatch):
    made = []
    real = solo.Pipeline
    monkeypatch.setattr(solo, "Pipeline", lambda *all: made.append(real(*all)) or made[0])
    studio.shoot("a.png")
    (studio.photos / "b.png").write_bytes(b"no picture")

    studio.run()

    assert (made[0]._marks, made[0]._held) == ({}, {})


@pytest.mark.parametrize(("budget", "most"), [(1 << 30, 4), (400, 2)])
def test_all_decoders_are_busy_unless_what_they_make_is_heavy(
    studio, luminance, monkeypatch, budget, most
):
    for seed in range(12):
        studio.shoot(f"{seed:02}.png", seed)
    crowd, changed, load = [0, 0], threading.Condition(), pipeline.load

    def load_together(*all):
        with changed:
            crowd[0] += 1
            crowd[1] = max(crowd)
            changed.notify_all()
            changed.wait_for(lambda: crowd[1] == 4, timeout=0.05)
            crowd[0] -= 1
        return load(*all)

    monkeypatch.setattr(pipeline, "load", load_together)
    monkeypatch.setattr(pipeline, "_DECODERS", 4)
    monkeypatch.setattr(pipeline, "_BUDGET", budget)

    summary = studio.run(predictor=luminance(photos_per_call=1))

    assert (summary.done, crowd[1]) == (12, most)


def test_broken_photos_at_the_beginning_do_not_keep_the_others_from_being_done(studio):
    for seed in range(22):
        (studio.photos / f"{seed:02}.png").write_bytes(b"no picture")
    studio.shoot("good.png", 1)

    first = studio.run()
    studio.shoot("later.png", 2)
    second = studio.run()

    assert (first.done, len(first.failed), first.exit_code) == (1, 22, ExitCode.PARTIAL)
    assert (second.done, second.skipped, len(second.failed)) == (1, 1, 22)


def test_twenty_failures_after_a_success_do_not_stop_a_run(studio, luminance):
    studio.shoot("00.png", 0)
    for seed in range(1, 30):
        (studio.photos / f"{seed:02}.png").write_bytes(b"no picture")

    summary = studio.run(predictor=luminance(photos_per_call=1))

    assert (summary.done, len(summary.failed), summary.stopped) == (1, 29, False)


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [("any", 10), ("none", 0), ("50%", 0), ("49%", 10), ("0%", 10)],
)
def test_the_exit_code_says_partial_from_the_share_asked_for(studio, fail_on, code):
    studio.shoot("a.png")
    (studio.photos / "b.png").write_bytes(b"no picture")

    assert studio.run(replace(LAZY, fail_on=fail_on)).exit_code == code
    assert studio.run(replace(LAZY, fail_on=fail_on, retry_failed=False)).exit_code == code


def test_a_time_limit_stops_in_order_and_the_next_run_goes_on(studio):
    for seed in range(4):
        studio.shoot(f"{seed}.png", seed)

    stopped = studio.run(replace(LAZY, max_time_s=0))
    finished = studio.run(replace(LAZY, max_time_s=3600))

    assert (stopped.done, stopped.exit_code, stopped.stopped) == (0, ExitCode.STOPPED, True)
    assert stopped.signal is None
    assert (finished.done, finished.exit_code) == (4, ExitCode.OK)


def test_a_full_disk_stops_the_run_and_leaves_nothing_torn(studio, child):
    for seed, side in enumerate((20, 30, 40, 50)):
        studio.shoot(f"{seed}.png", seed, size=(side, side))
    codes = set()

    for limit in range(300, 16_000, 900):

        def work(limit: int = limit) -> int:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                return studio.run().exit_code
            except MarigoldError as error:
                return error.exit_code

        codes.add(child(work))
        for name in studio.results():
            if name.endswith(".npy"):
                photo = name.replace("_depth.npy", ".png")
                np.testing.assert_allclose(studio.depth(photo), studio.expected(photo), atol=1e-6)
        assert studio.lies() == []
        assert not list(studio.out.glob(".marigold/tmp-*"))
    summary = studio.run()

    assert ExitCode.OUTPUT in codes
    assert codes <= {ExitCode.OUTPUT, ExitCode.OK}
    assert (summary.done + summary.skipped, summary.exit_code) == (4, 0)


def test_a_second_run_in_the_same_folder_is_refused(studio):
    studio.shoot("a.png")

    with occupied(studio.out, fsync=False), pytest.raises(OutputInUseError):
        studio.run()


def test_a_folder_that_was_bound_meanwhile_is_not_mixed(studio):
    studio.shoot("a.png")
    inverted = replace(studio, output=replace(studio.output, invert=True))
    late = studio.plan()
    inverted.run()
    before = studio.results()

    with pytest.raises(SettingsMismatchError):
        studio.run(plan=late)

    assert studio.results() == before


def test_a_photo_that_changes_during_the_run_is_recorded_as_the_one_that_was_used(
    studio, luminance
):
    studio.shoot("a.png", seed=1)
    old = studio.sha256("a.png")
    old_depth = studio.expected("a.png")

    def retouch(photos: Sequence[Photo]) -> None:
        studio.shoot("a.png", seed=2)

    studio.run(predictor=luminance(before=retouch))
    (record,) = studio.records("done")
    first_depth = studio.depth("a.png")
    summary = studio.run()

    assert record["sha256"] == old
    np.testing.assert_allclose(first_depth, old_depth, atol=1e-6)
    assert summary.done == 1
    np.testing.assert_allclose(studio.depth("a.png"), studio.expected("a.png"), atol=1e-6)


def test_a_photo_that_vanishes_before_its_turn_is_a_failure(studio):
    path = studio.shoot("a.png")
    studio.shoot("b.png", 1)
    plan = studio.plan()
    path.unlink()

    summary = studio.run(plan=plan)

    assert [(one.name, one.kind) for one in summary.failed] == [("a.png", "missing")]
    assert summary.done == 1


def test_a_bug_in_a_writing_thread_is_raised_and_nothing_is_recorded_as_done(studio, monkeypatch):
    studio.shoot("a.png")
    append = Journal.append

    def broken(journal: Journal, record: Record) -> None:
        if isinstance(record, Done):
            raise ZeroDivisionError
        append(journal, record)

    monkeypatch.setattr(Journal, "append", broken)

    with pytest.raises(ZeroDivisionError):
        studio.run()

    assert (studio.records("done"), studio.records("failed")) == ([], [])
    assert studio.records("end")[-1]["code"] == ExitCode.BUG


def test_an_observer_that_fails_does_not_stop_the_run(studio, caplog):
    class Clumsy:
        def observe(self, event) -> None:
            raise BrokenPipeError

    studio.shoot("a.png")
    studio.diary = Clumsy()

    assert studio.run().exit_code == 0
    assert "the display failed" in caplog.text


def test_a_photo_that_kills_the_process_is_isolated_then_left_out(studio, luminance, child):
    for seed in range(5):
        studio.shoot(f"{seed}.png", seed)
    deadly = studio.sha256("1.png")

    def die(photos: Sequence[Photo]) -> None:
        if deadly in [photo.digest for photo in photos]:
            os._exit(99)

    codes = [child(lambda: studio.run(predictor=luminance(before=die)).exit_code) for _ in range(4)]
    again = studio.run(predictor=luminance(before=die))

    assert codes == [99, 99, 99, ExitCode.PARTIAL]
    assert sorted(studio.standing()) == ["0.png", "2.png", "3.png", "4.png"]
    assert [(one.name, one.kind) for one in again.failed] == [("1.png", "crash")]
    assert any("1.png" in event.message for event in studio.diary.of(Warned))
    assert studio.run(replace(LAZY, overwrite=True)).exit_code == ExitCode.OK


def test_a_kill_from_outside_quarantines_nobody(studio, luminance, child):
    for seed in range(3):
        studio.shoot(f"{seed}.png", seed)

    for _ in range(2):
        child(lambda: studio.run(predictor=luminance(before=lambda photos: os._exit(99))))
    summary = studio.run()

    assert (summary.done, summary.failed) == (3, ())


def test_a_torn_journal_is_told_and_healed(studio):
    studio.shoot("a.png", 1)
    studio.shoot("b.png", 2)
    studio.run()
    journal = studio.out / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if b'"ev":"done"' in line)
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:40])

    summary = studio.run()

    assert (summary.done, summary.skipped) == (1, 1)
    assert any("torn" in event.message for event in studio.diary.of(Warned))
    assert len(studio.standing()) == 2
    studio.shoot("c.png", 3)
    studio.run()
    studio.run()
    assert sum("torn" in event.message for event in studio.diary.of(Warned)) == 1
    assert read_status(studio.out).bad_lines == 1


def test_changed_versions_are_told(studio):
    studio.shoot("a.png", 1)
    studio.run()
    journal = studio.out / "journal.jsonl"
    text = journal.read_text().replace('"numpy":"', '"numpy":"0.')
    journal.write_text(text)
    studio.shoot("b.png", 2)

    studio.run()

    assert any("numpy 0." in event.message for event in studio.diary.of(Warned))


def test_a_summary_is_one_line_of_json(studio):
    (studio.photos / "\x1b]evil\n.png").write_bytes(b"no picture")

    line = studio.run().to_json()

    assert line.isascii()
    assert line.isprintable()
    assert '"exit_code": 10' in line


LOCKED = Unread("day1/", Kind.PERMISSION, "photos/day1: the folder cannot be read")


def test_a_folder_that_cannot_be_read_is_a_failure_of_the_run(studio):
    studio.shoot("a.png")
    studio.unread = (LOCKED,)

    summary = studio.run()
    found = read_status(studio.out)

    assert [(one.name, one.kind) for one in summary.failed] == [("day1/", "permission")]
    assert (summary.done, summary.exit_code) == (1, ExitCode.PARTIAL)
    assert [event.name for event in studio.diary.of(JobFailed)] == ["day1/"]
    assert (found.failed, found.unfinished) == (summary.failed, ())
    assert found.exit_code is ExitCode.PARTIAL


def test_a_folder_that_stays_unreadable_fails_again_and_one_that_is_mended_does_not(studio):
    studio.shoot("a.png")
    studio.run()
    whole = read_status(studio.out).exit_code
    studio.unread = (LOCKED,)
    first, noted = studio.run(), studio.snapshot()
    second, again = studio.run(), studio.snapshot()
    broken = read_status(studio.out).exit_code
    studio.unread = ()
    mended = studio.run()

    assert (first.exit_code, second.exit_code, broken) == (ExitCode.PARTIAL,) * 3
    assert again == noted  # nothing new to tell
    assert (whole, mended.exit_code, read_status(studio.out).exit_code) == (ExitCode.OK,) * 3
    assert read_status(studio.out).failed == ()


def test_an_unreadable_folder_may_be_forgiven_like_any_failure(studio):
    studio.shoot("a.png")
    studio.unread = (LOCKED,)

    summary = studio.run(replace(LAZY, fail_on="none"))

    assert (summary.exit_code, len(summary.failed)) == (ExitCode.OK, 1)


def test_photos_that_need_an_extra_are_told_once_and_counted(studio):
    studio.shoot("a.png")
    studio.left_out = {HEIC: 12}

    summary = studio.run()

    warnings = [event.message for event in studio.diary.of(Warned)]
    assert warnings == ["12 HEIC photos left out; to read them: pip install 'marigold-cli[heic]'"]
    assert json.loads(summary.to_json())["left_out"] == {"heic": 12}
    assert summary.exit_code is ExitCode.OK


def test_a_model_of_another_precision_than_was_planned_is_not_used(studio, luminance):
    studio.shoot("a.png")

    with pytest.raises(DeviceError, match="computes in float16, the plan was made for float32"):
        studio.run(predictor=luminance(dtype="float16"))

    assert studio.snapshot() == {}


def test_results_of_another_precision_are_not_mixed(studio):
    studio.shoot("a.png")
    studio.run()
    other = replace(studio.settings(), dtype="float16")

    with pytest.raises(SettingsMismatchError) as refusal:
        make_plan(studio.found(), other, studio.out, LAZY)

    assert "dtype float16 instead of float32" in str(refusal.value)
    assert "add --dtype float32 to go on as before" in str(refusal.value)


@pytest.mark.parametrize(("grace_s", "done"), [(100.0, 1), (25.0, 0)])
def test_a_photo_in_hand_at_the_time_limit_gets_the_grace_time(
    studio, luminance, monkeypatch, grace_s, done
):
    clock = [0.0]

    class OneStepASecond(luminance):
        def predict(self, photos, on_step):
            def count(step: int, steps: int) -> None:
                clock[0] += 1.0
                on_step(step, steps)

            return super().predict(photos, count)

    for seed in range(3):
        studio.shoot(f"{seed}.png", seed)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    policy = replace(LAZY, max_time_s=10.0, grace_s=grace_s)

    summary = studio.run(policy, OneStepASecond(photos_per_call=1, steps=60))

    assert (summary.done, summary.failed, summary.stopped) == (done, (), True)
    assert summary.exit_code is ExitCode.STOPPED
    assert clock[0] == (60.0 if done else 35.0)  # 10 s and the grace time, then the next step ends
    late = [event.message for event in studio.diary.of(Warned)]
    assert late == [] if done else late[0].startswith("no photo was finished in time")


def agree(studio, summary) -> None:
    """See that the run and a status after it end with the same code."""
    assert read_status(studio.out).exit_code == summary.exit_code


def test_a_failure_that_is_no_longer_among_the_photos_is_forgotten(studio):
    studio.shoot("a.png")
    (studio.photos / "bad.png").write_bytes(b"no picture")
    first = studio.run()
    agree(studio, first)
    (studio.photos / "bad.png").unlink()

    second = studio.run()
    found, noted = read_status(studio.out), studio.snapshot()
    third = studio.run()

    assert [one.exit_code for one in (first, second, third)] == [10, 0, 0]
    assert (found.failed, found.aside, found.exit_code) == ((), ("bad.png",), ExitCode.OK)
    assert studio.snapshot() == noted  # nothing new to tell
    (studio.photos / "bad.png").write_bytes(b"no picture")
    again = studio.run()
    agree(studio, again)
    assert (again.exit_code, read_status(studio.out).aside) == (ExitCode.PARTIAL, ())
    assert studio.records("failed")[-1]["attempt"] == 2


def test_a_photo_that_was_removed_while_it_was_tried_is_forgotten_the_next_time(studio):
    studio.shoot("b.png", 1)
    path = studio.shoot("a.png")
    plan = studio.plan()
    path.unlink()
    vanished = studio.run(plan=plan)
    agree(studio, vanished)

    later = studio.run()

    agree(studio, later)
    assert (vanished.exit_code, later.exit_code) == (ExitCode.PARTIAL, ExitCode.OK)


def test_results_that_are_deleted_with_their_photo_are_not_missed(studio):
    studio.shoot("a.png")
    studio.shoot("b.png", 1)
    studio.run()
    for path in (studio.photos / "b.png", *studio.out.glob("b_*")):
        path.unlink()
    damaged = read_status(studio.out)

    agree(studio, studio.run())

    assert (damaged.exit_code, len(damaged.damaged)) == (ExitCode.PARTIAL, 2)
    assert (read_status(studio.out).damaged, verify(studio.out)) == ((), [])


@pytest.mark.parametrize("retry_failed", [True, False])
def test_a_status_tells_what_the_last_run_has_told_whatever_it_forgave(studio, retry_failed):
    studio.shoot("a.png")
    (studio.photos / "bad.png").write_bytes(b"no picture")
    policy = replace(LAZY, retry_failed=retry_failed)

    for fail_on in ("any", "none", "none", "50%", "49%", "none", "any"):
        agree(studio, studio.run(replace(policy, fail_on=fail_on)))


def test_a_run_that_was_killed_with_all_done_is_ended_by_the_next_one(studio, child, monkeypatch):
    studio.shoot("a.png")

    def killed(shift, journal) -> None:
        os._exit(99)

    with monkeypatch.context() as patch:
        patch.setattr(Shift, "_end", killed)
        child(lambda: studio.run().exit_code)
    unended = read_status(studio.out)
    summary = studio.run()

    assert (unended.exit_code, unended.remaining) == (ExitCode.STOPPED, 0)
    assert (summary.done, summary.exit_code) == (0, ExitCode.OK)
    agree(studio, summary)


def test_messages_name_a_photo_by_its_path_whether_it_was_read_or_decoded(studio):
    studio.shoot("day 1/gone.png")
    (studio.photos / "day 1/bad.png").write_bytes(b"no picture")
    plan = studio.plan()
    (studio.photos / "day 1/gone.png").unlink()

    bad, gone = sorted(studio.run(plan=plan).failed, key=lambda one: one.name)

    assert bad.message.startswith(f"{studio.photos}/day 1/bad.png: ")
    assert gone.message.startswith(f"{studio.photos}/day 1/gone.png: ")
