from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from marigold_cli.batch.options import Policy
from marigold_cli.batch.planner import make_plan
from marigold_cli.errors import (
    CollisionError,
    ForeignFileError,
    RefusedError,
    SettingsMismatchError,
)
from marigold_cli.files.discover import discover
from marigold_cli.files.names import Output

LAZY = Policy(fsync=False)
OVERWRITE = replace(LAZY, overwrite=True)


def reasons(plan) -> dict[str, str]:
    return {job.ref.name: job.reason for job in plan.jobs}


@pytest.fixture
def done(studio):
    """Three photos, all done."""
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        studio.shoot(name, seed)
    studio.run()
    return studio


def test_a_plan_writes_nothing(studio):
    studio.shoot("a.png")

    plan = studio.plan()

    assert reasons(plan) == {"a.png": "new"}
    assert plan.jobs[0].outputs == (
        Output("color", "depth", "a_color.png"),
        Output("npy", "depth", "a_depth.npy"),
    )
    assert not studio.out.exists()


def test_what_is_done_is_skipped(done):
    plan = done.plan()

    assert plan.jobs == ()
    assert [ref.name for ref in plan.skipped] == ["a.png", "b.png", "c.png"]
    assert plan.records == ()


def test_what_is_done_is_skipped_without_reading_a_photo(done):
    for ref in done.refs():
        before = ref.path.stat()
        ref.path.write_bytes(bytes(before.st_size))
        os.utime(ref.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert done.plan().jobs == ()


def test_an_edit_that_keeps_size_and_time_is_found_by_the_hash(done):
    path = done.photos / "b.png"
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert reasons(done.plan(replace(LAZY, check="hash"))) == {"b.png": "photo changed"}


def moved_to(folder, studio):
    """The same run, its photos looked for elsewhere."""
    return make_plan(discover([str(folder)], studio.out), studio.settings(), studio.out, LAZY)


def test_the_photo_of_another_folder_keeps_its_depth(done, tmp_path):
    (tmp_path / "day2").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "day2" / name).write_bytes((done.photos / "c.png").read_bytes())
    before = done.snapshot()

    with pytest.raises(CollisionError, match=r"photos/a\.png.*day2/a\.png.*2 such photos.*--out"):
        moved_to(tmp_path / "day2", done)

    assert done.snapshot() == before


def test_the_photo_of_another_folder_keeps_its_depth_from_another_format(done, tmp_path):
    (tmp_path / "day2").mkdir()
    (tmp_path / "day2" / "a.tif").write_bytes(b"II*")

    with pytest.raises(CollisionError, match="holds the depth of"):
        moved_to(tmp_path / "day2", done)


def test_a_folder_of_photos_may_move_and_change(done, tmp_path):
    done.photos.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "b.png").write_bytes(b"another photo")

    plan = moved_to(tmp_path / "elsewhere", done)

    assert reasons(plan) == {"b.png": "photo changed"}


def test_a_copy_of_a_photo_needs_no_depth_of_its_own(done, tmp_path):
    shutil.copytree(done.photos, tmp_path / "copy")

    assert moved_to(tmp_path / "copy", done).jobs == ()


@pytest.mark.parametrize("ending", ["_depth.npy", "_color.png"])
def test_a_missing_output_is_computed_again(done, ending):
    (done.out / f"b{ending}").unlink()

    assert reasons(done.plan()) == {"b.png": "output missing"}


@pytest.mark.parametrize("change", [-1, 1])
def test_an_output_of_the_wrong_size_is_computed_again(done, change):
    path = done.out / "b_depth.npy"
    os.truncate(path, path.stat().st_size + change)

    assert reasons(done.plan()) == {"b.png": "output missing"}
    assert (done.run().done, done.run().done) == (1, 0)


def test_a_changed_photo_is_computed_again(done):
    done.shoot("b.png", seed=9)

    assert reasons(done.plan()) == {"b.png": "photo changed"}


def test_a_touched_photo_is_hashed_once_and_not_computed(done):
    os.utime(done.photos / "b.png", (1.6e9, 1.6e9))

    summary = done.run()
    now_known = done.standing()["b.png"]["mtime_ns"]
    later = done.plan()

    assert (summary.done, summary.skipped) == (0, 3)
    assert now_known == int(1.6e18)
    assert (later.jobs, later.records) == ((), ())


def test_a_photo_that_was_just_taken_is_hashed_the_next_time(studio):
    path = studio.shoot("a.png", seed=1)
    os.utime(path)
    studio.run()
    size, time_ns = path.stat().st_size, path.stat().st_mtime_ns
    path.write_bytes(bytes(size))
    os.utime(path, ns=(time_ns, time_ns))  # within the same tick of a coarse clock

    assert studio.standing()["a.png"]["mtime_ns"] == 0
    assert reasons(studio.plan()) == {"a.png": "photo changed"}


def test_a_photo_from_the_future_is_never_trusted_by_its_time(studio):
    path = studio.shoot("a.png")
    os.utime(path, (4e9, 4e9))
    studio.run()

    plan = studio.plan()

    assert studio.standing()["a.png"]["mtime_ns"] == 0
    assert (plan.jobs, len(plan.skipped)) == ((), 1)


def test_a_failed_photo_is_tried_again_unless_told_otherwise(studio):
    path = studio.photos / "a.png"
    path.write_bytes(b"no picture")
    os.utime(path, (1.5e9, 1.5e9))
    studio.run()

    again, passed = studio.plan(), studio.plan(replace(LAZY, retry_failed=False))
    studio.shoot("a.png")
    repaired = studio.plan(replace(LAZY, retry_failed=False))

    assert (reasons(again), again.jobs[0].attempt) == ({"a.png": "failed before"}, 2)
    assert ([one.kind for one in passed.passed_over], passed.jobs) == (["format"], ())
    assert reasons(repaired) == {"a.png": "failed before"}


def test_overwrite_computes_everything_again(done):
    done.shoot("d.png", 4)

    plan = done.plan(OVERWRITE)

    assert reasons(plan) == {
        "a.png": "overwrite", "b.png": "overwrite", "c.png": "overwrite", "d.png": "new",
    }  # fmt: skip


def test_other_settings_are_refused_and_not_a_byte_changes(done):
    before = done.snapshot()
    done.output = replace(done.output, invert=True)

    with pytest.raises(SettingsMismatchError, match="invert True instead of False"):
        done.run()

    assert done.snapshot() == before


def test_other_settings_are_refused_by_the_records_alone(done):
    (done.out / "marigold.json").unlink()
    done.output = replace(done.output, invert=True)

    with pytest.raises(SettingsMismatchError, match=r"a\.png, b\.png, c\.png"):
        done.plan()


def test_a_folder_of_unknown_settings_is_refused(done):
    (done.out / "marigold.json").write_bytes(b'{"fp"')

    with pytest.raises(SettingsMismatchError, match="cannot be read"):
        done.plan()


def test_overwrite_binds_the_folder_to_other_settings(done):
    done.output = replace(done.output, invert=True)

    summary = done.run(OVERWRITE)

    assert (summary.done, done.run().skipped) == (3, 3)
    done.output = replace(done.output, invert=False)
    with pytest.raises(SettingsMismatchError):
        done.plan()


def test_an_overwrite_that_was_stopped_goes_on_without_starting_over(done, luminance):
    done.output = replace(done.output, invert=True)
    predictor = luminance(photos_per_call=1)

    def interrupt(photos) -> None:
        if len(predictor.calls) > 1:
            raise KeyboardInterrupt

    predictor.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        done.run(OVERWRITE, predictor)

    summary = done.run()

    assert summary.done + summary.skipped == 3
    assert summary.skipped >= 1
    assert done.lies() == []


def test_photos_that_an_overwrite_did_not_cover_keep_the_folder_refused(done):
    aside = done.photos.parent / "b.png"
    (done.photos / "b.png").rename(aside)
    done.output = replace(done.output, invert=True)
    done.run(OVERWRITE)
    aside.rename(done.photos / "b.png")

    with pytest.raises(SettingsMismatchError, match=r"for b\.png;"):
        done.plan()


def test_a_file_that_no_run_has_written_is_refused_and_named(studio):
    studio.shoot("a.png")
    studio.shoot("b.png", 1)
    studio.out.mkdir()
    (studio.out / "b_depth.npy").write_bytes(b"precious")

    with pytest.raises(ForeignFileError, match=r"b_depth\.npy"):
        studio.run()

    assert (studio.out / "b_depth.npy").read_bytes() == b"precious"
    assert studio.snapshot().keys() == {"b_depth.npy"}


def test_overwrite_replaces_a_file_that_no_run_has_written(studio):
    studio.shoot("a.png")
    studio.out.mkdir()
    (studio.out / "a_depth.npy").write_bytes(b"old")

    assert reasons(studio.plan(OVERWRITE)) == {"a.png": "overwrite"}
    assert studio.run(OVERWRITE).done == 1


def test_a_dangling_link_at_an_output_is_refused_too(studio):
    studio.shoot("a.png")
    studio.out.mkdir()
    (studio.out / "a_depth.npy").symlink_to("nowhere")

    with pytest.raises(ForeignFileError):
        studio.plan()


def test_many_foreign_files_are_counted(studio):
    studio.out.mkdir()
    for seed in range(9):
        studio.shoot(f"{seed}.png", seed)
        (studio.out / f"{seed}_depth.npy").touch()

    with pytest.raises(ForeignFileError, match="and 4 more"):
        studio.plan()


def test_a_photo_in_another_format_takes_over_the_outputs_of_its_forerunner(done):
    (done.photos / "b.png").unlink()
    done.shoot("b.jpg", seed=7)
    done.run()
    (done.photos / "b.jpg").unlink()
    done.shoot("b.png", seed=1)

    plan = done.plan()

    assert reasons(plan) == {"b.png": "interrupted"}


def test_resume_insists_on_a_journal(studio):
    studio.shoot("a.png")
    resume = replace(LAZY, resume=True)

    with pytest.raises(RefusedError, match="no journal"):
        studio.run(resume)
    studio.run()

    assert studio.run(resume).skipped == 1


def test_a_photo_that_became_a_folder_is_left_to_the_run(done):
    found = done.found()
    (done.photos / "b.png").unlink()
    (done.photos / "b.png").mkdir()

    plan = make_plan(found, done.settings(), done.out, LAZY)
    summary = done.run(plan=plan)

    assert reasons(plan) == {"b.png": "photo changed"}
    assert [(one.name, one.kind) for one in summary.failed] == [("b.png", "not-a-file")]


def test_photos_that_were_removed_disturb_nobody(done):
    (done.photos / "b.png").unlink()

    plan = done.plan()

    assert (len(plan.skipped), plan.jobs) == (2, ())


def test_a_photo_whose_start_is_known_owns_the_files_at_its_outputs(done):
    journal = done.out / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(
        b"".join(line for line in lines if b'"ev":"done"' not in line or b"a.png" not in line)
    )

    assert reasons(done.plan()) == {"a.png": "interrupted"}


def stopped_after(studio, luminance, number: int, policy: Policy) -> None:
    """A run that is stopped when so many photos are computed."""
    predictor = luminance(photos_per_call=1)

    def interrupt(photos) -> None:
        if len(predictor.calls) > number:
            raise KeyboardInterrupt

    predictor.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        studio.run(policy, predictor)


def test_an_overwrite_that_was_stopped_goes_on_by_the_same_line_and_then_begins_anew(
    done, luminance
):
    for seed in range(3, 6):
        done.shoot(f"{seed}.png", seed)
    stopped_after(done, luminance, 2, OVERWRITE)
    standing = set(done.standing())
    stopped_after(done, luminance, 1, OVERWRITE)

    last = done.run(OVERWRITE)
    anew = done.plan(OVERWRITE)

    assert {"a.png", "b.png", "c.png"} <= standing  # old results count until they are replaced
    assert last.skipped >= 2
    assert (last.done + last.skipped, last.exit_code) == (6, 0)
    assert set(reasons(anew).values()) == {"overwrite"}
    assert len(anew.jobs) == 6
    assert done.lies() == []


def test_an_overwrite_of_other_settings_goes_on_too(done, luminance):
    done.output = replace(done.output, invert=True)
    stopped_after(done, luminance, 1, OVERWRITE)
    standing = set(done.standing())

    summary = done.run(OVERWRITE)

    assert standing < {"a.png", "b.png", "c.png"}  # what other settings made counts no longer
    assert (summary.skipped, summary.done) == (len(standing), 3 - len(standing))


@pytest.mark.parametrize("between", ["plain", "other settings", "other versions"])
def test_an_overwrite_begins_anew_if_something_came_between(done, luminance, between):
    stopped_after(done, luminance, 1, OVERWRITE)
    if between == "plain":
        done.run()
    elif between == "other settings":
        done.output = replace(done.output, invert=True)
    else:
        journal = done.out / "journal.jsonl"
        journal.write_text(journal.read_text().replace('"numpy":"', '"numpy":"0.'))

    assert len(done.plan(OVERWRITE).jobs) == 3


def test_an_overwrite_that_goes_on_tries_failures_again_and_sees_what_has_changed(done, luminance):
    (done.photos / "0.png").write_bytes(b"no picture")
    stopped_after(done, luminance, 2, OVERWRITE)
    made = sorted(done.plan(OVERWRITE).skipped, key=lambda ref: ref.name)
    done.shoot(made[0].name, seed=9)

    plan = done.plan(OVERWRITE)

    assert reasons(plan)["0.png"] == "failed before"
    assert reasons(plan)[made[0].name] == "photo changed"


def test_a_photo_that_killed_and_was_then_replaced_is_tried_as_any_other(studio, luminance, child):
    studio.shoot("a.png")

    def die() -> int:
        return studio.run(predictor=luminance(before=lambda photos: os._exit(99))).exit_code

    first = [child(die) for _ in range(3)]
    left_out = studio.plan()
    studio.shoot("a.png", seed=9)
    anew = studio.plan()
    second = [child(die) for _ in range(3)]

    assert (first, second) == ([99, 99, 99], [99, 99, 10])
    assert [one.kind for one in left_out.passed_over] == ["crash"]
    assert (reasons(anew), anew.passed_over) == ({"a.png": "interrupted"}, ())


def test_a_photo_that_kills_every_overwrite_is_set_aside(done, luminance, child):
    deadly = done.sha256("b.png")

    def die(photos) -> None:
        if deadly in [photo.digest for photo in photos]:
            os._exit(99)

    codes = [child(lambda: done.run(OVERWRITE, luminance(before=die)).exit_code) for _ in range(4)]

    assert codes == [99, 99, 99, 10]
    assert sorted(done.standing()) == ["a.png", "c.png"]
    assert done.run(OVERWRITE).done == 3
