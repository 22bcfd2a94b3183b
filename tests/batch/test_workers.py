"""Several workers, each a process of its own, share the photos of one run."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import platform
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.batch import worker
from marigold_cli.batch.folder import Workplace
from marigold_cli.batch.head import Head
from marigold_cli.batch.journal import journal_of
from marigold_cli.batch.options import Policy, RunOptions
from marigold_cli.batch.outcome import Outcome
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.progress import FromWorker, JobDone, Warned
from marigold_cli.batch.runner import run_batch
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.signals import Stop
from marigold_cli.batch.status import read_status
from marigold_cli.batch.summary import Summary
from marigold_cli.batch.verify import verify
from marigold_cli.batch.wire import TALK
from marigold_cli.batch.worker import Leader
from marigold_cli.errors import (
    DeviceError,
    ExitCode,
    Kind,
    MarigoldError,
    OutputError,
    OutputInUseError,
)
from marigold_cli.files.walk import Unread

pytestmark = [
    pytest.mark.program,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

LAZY = Policy(fsync=False)
NAMES = ("a.png", "b.png", "c.png", "d.png", "sub/e.png", "\udcff\n[/].png")


@pytest.fixture
def six(studio):
    for seed, name in enumerate(NAMES):
        studio.shoot(name, seed)
    return studio


def reference(studio, root: Path):
    """What one worker makes of the same photos."""
    root.mkdir()
    (root / "photos").symlink_to(studio.photos)
    alone = replace(studio, root=root)
    alone.run()
    return alone.results()


def test_workers_make_what_one_makes_and_each_photo_once(six, engine, tmp_path):
    summary = six.run_together(engine)

    assert (summary.done, summary.exit_code) == (6, ExitCode.OK)
    assert six.results() == reference(six, tmp_path / "alone")
    assert Counter(record["input"] for record in six.records("done")) == Counter(NAMES)
    assert {event.worker for event in six.diary.of(FromWorker)} == {0, 1}
    assert (read_status(six.out).exit_code, verify(six.out)) == (ExitCode.OK, [])
    assert six.run().skipped == 6


def test_a_photo_that_fails_is_no_reason_for_a_worker_to_end(six, engine):
    (six.photos / "b.png").write_bytes(b"no picture")

    summary = six.run_together(engine)

    assert [failure.name for failure in summary.failed] == ["b.png"]
    assert (summary.done, summary.exit_code, engine.started) == (5, ExitCode.PARTIAL, 1)


def test_who_comes_when_all_is_done_is_sent_home(six, engine):
    six.run()
    before, engine.settings = six.snapshot(), six.settings()
    pids = [engine.fork(number) for number in range(2)]

    Head(engine.store, 2).close()

    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    assert six.snapshot() == before


@contextlib.contextmanager
def late_for_ever() -> Iterator[None]:
    signal.pause()
    yield


def test_who_never_comes_is_not_waited_for_when_all_is_done(six, engine):
    engine.around[1] = late_for_ever

    summary = six.run_together(engine)

    assert (summary.done, summary.exit_code, engine.started) == (6, ExitCode.OK, 1)


def wounded(point: int, root: Path, disk_calls) -> AbstractContextManager[None]:
    """Kill the process at its n-th lasting system call; a write is made by half."""
    count = [0]

    def watch(name: str, paths: list[Path], call) -> object:
        count[0] += 1
        if count[0] == point:
            if name == "write":
                descriptor, data = call.arguments
                call.real(descriptor, bytes(data)[: len(data) // 2])
            (root / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return None if name == "fsync" else call()

    return disk_calls(root, watch)


@pytest.mark.parametrize("policy", [LAZY, replace(LAZY, overwrite=True)])
@pytest.mark.parametrize("point", [3, 9, 20])
def test_a_killed_worker_loses_nothing_and_nothing_finished_is_done_again(
    six, engine, luminance, disk_calls, tmp_path, point, policy
):
    def wait_for_the_kill(photos) -> None:
        for _ in range(1000):
            if (six.root / "killed").exists():
                return
            time.sleep(0.01)

    engine.predictors = [luminance(photos_per_call=1, before=wait_for_the_kill), luminance()]
    engine.around = {1: lambda: wounded(point, six.root, disk_calls)}

    summary = six.run_together(engine, policy)

    assert (summary.done, summary.exit_code) == (6, ExitCode.OK)
    assert six.results() == reference(six, tmp_path / "alone")
    assert Counter(record["input"] for record in six.records("done")) == Counter(NAMES)
    assert [event.message for event in six.diary.of(Warned) if "worker 1 died" in event.message]
    assert (read_status(six.out).exit_code, six.lies()) == (ExitCode.OK, [])


@pytest.mark.slow
def test_twenty_killed_workers_lose_nothing_and_nothing_finished_is_done_again(
    six, engine, disk_calls, tmp_path
):
    whole, dice = reference(six, tmp_path / "alone"), random.Random(5)
    for trial in range(20):
        shutil.rmtree(six.out, ignore_errors=True)
        point, victim, engine.started = dice.randint(1, 40), dice.randrange(2), 0
        engine.around = {victim: lambda point=point: wounded(point, six.root, disk_calls)}

        summary = six.run_together(engine)

        assert (summary.done, summary.exit_code) == (6, ExitCode.OK), (trial, point, victim)
        assert six.results() == whole
        assert Counter(record["input"] for record in six.records("done")) == Counter(NAMES)


class Poison:
    """Kills the process that works on one photo."""

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def __call__(self, photos) -> None:
        if any(photo.digest == self.digest for photo in photos):
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("policy", [LAZY, replace(LAZY, overwrite=True)])
def test_a_photo_that_kills_its_worker_is_set_aside_by_name_and_the_others_are_done(
    six, engine, luminance, policy
):
    poison = Poison(six.sha256("c.png"))
    engine.predictors = [luminance(before=poison), luminance(before=poison)]

    summary = six.run_together(engine, policy)

    assert [(one.name, one.kind) for one in summary.failed] == [("c.png", "crash")]
    assert (summary.done, summary.exit_code) == (5, ExitCode.PARTIAL)
    assert Counter(record["input"] for record in six.records("done")) == Counter(
        name for name in NAMES if name != "c.png"
    )
    assert engine.started <= 4
    assert read_status(six.out).exit_code is ExitCode.PARTIAL


def test_workers_that_always_die_before_they_begin_end_the_run(six, engine):
    engine.open_store = lambda: os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(DeviceError, match=r"worker \d died of 9; 3 times"):
        six.run_together(engine)

    assert engine.started == 3
    assert (six.records(), six.bound_to()) == ([], None)


def test_a_model_that_no_worker_can_load_leaves_no_trace(six, engine, luminance):
    engine.predictors = [luminance(dtype="float16"), luminance(dtype="float16")]

    words = rf"worker \d on {re.escape(platform.node())}: .*float16"
    with pytest.raises(MarigoldError, match=words) as caught:
        six.run_together(engine)

    assert caught.value.exit_code is ExitCode.DEVICE
    assert (six.records(), six.bound_to()) == ([], None)


def test_what_breaks_one_worker_ends_the_run_in_order_and_with_its_code(six, engine, luminance):
    def break_down(photos) -> None:
        raise OutputError("no room left")

    slow = luminance(photos_per_call=1, before=lambda photos: time.sleep(0.2))
    engine.predictors = [slow, luminance(before=break_down)]

    summary = six.run_together(engine)

    assert (summary.exit_code, summary.stopped) == (ExitCode.OUTPUT, True)
    assert (summary.error, summary.failed) == (f"worker 1 on {platform.node()}: no room left", ())
    assert read_status(six.out).exit_code is ExitCode.OUTPUT
    assert six.run().done + summary.done == 6


class Once:
    """Does something to the process that is the first to predict anything."""

    def __init__(self, mark: Path, deed) -> None:
        self.mark, self.deed = mark, deed

    def __call__(self, photos) -> None:
        with contextlib.suppress(FileExistsError):
            self.mark.touch(exist_ok=False)
            self.deed()


def be_pre_empted() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.5)  # longer than it is given


def test_a_worker_that_is_stopped_by_another_leaves_its_photos_to_those_after_it(
    six, engine, luminance, tmp_path
):
    once = Once(six.root / "stopped", be_pre_empted)
    engine.predictors = [luminance(photos_per_call=1, before=once) for _ in range(2)]

    summary = six.run_together(engine, replace(LAZY, grace_s=0))

    assert (summary.done, summary.exit_code, engine.started) == (6, ExitCode.OK, 2)
    (warning,) = [event.message for event in six.diary.of(Warned)]
    assert re.match(r"worker \d on .* was stopped: SIGTERM; what was finished is safe", warning)
    assert not any(record["alone"] for record in six.records("start"))


def lead(six, engine, mine, policy: Policy) -> Summary:
    """Lead one other worker, as under an engine that has started both."""
    options = RunOptions(out=six.out, policy=policy)
    engine.options, engine.settings, engine.started = options, six.settings(), 1
    engine.pids[engine.fork(1)] = 1
    plan = make_plan(six.found(), six.settings(), six.out, policy, run_id="this")
    return run_batch(plan, options, Leader(Head(engine.store, 2), lambda: mine), six.diary)


def test_the_leader_ends_with_an_error_when_a_worker_was_stopped_by_another(six, engine, luminance):
    """So that the engine that has started both begins again."""
    engine.predictors = [
        luminance(),
        luminance(photos_per_call=1, before=Once(six.root / "x", be_pre_empted)),
    ]

    def wait_for_the_other(photos) -> None:
        for _ in range(1000):
            if (six.root / "x").exists():
                return
            time.sleep(0.01)

    mine = luminance(photos_per_call=1, before=wait_for_the_other)
    summary = lead(six, engine, mine, replace(LAZY, grace_s=0))

    assert (summary.exit_code, summary.stopped) == (ExitCode.DEVICE, True)
    assert re.match(r"worker 1 on .* was stopped: SIGTERM", summary.error)
    assert six.run().done + summary.done == 6


def test_a_photo_that_kills_a_worker_beside_the_leader_is_remembered(
    six, engine, luminance, monkeypatch
):
    """The engine that started both then stops the leader, and would kill it within its grace."""
    monkeypatch.setattr(worker, "_GRACE_S", 0.2)
    dead = six.root / "dead"
    deadly = Once(dead, lambda: os.kill(os.getpid(), signal.SIGKILL))
    engine.predictors = [luminance(), luminance(photos_per_call=1, before=deadly)]

    def be_stopped_by_the_engine(photos) -> None:
        for _ in range(1000):
            if dead.exists():
                break
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    mine = luminance(photos_per_call=1, before=be_stopped_by_the_engine)
    summary = lead(six, engine, mine, replace(LAZY, grace_s=600))

    records = map(json.loads, journal_of(six.out, worker=1).read_text().splitlines())
    suspects = {record["input"] for record in records if record["ev"] == "start"}
    assert (summary.signal, six.records("end")[-1]["lost"]) == (signal.SIGTERM, [1])
    assert {job.ref.name for job in six.plan().jobs if job.alone} == suspects != set()
    assert six.run().done + summary.done == 6


def test_a_folder_that_cannot_be_read_is_no_failed_photo_when_a_worker_has_died(
    six, engine, luminance
):
    six.unread = (Unread("locked/", Kind.PERMISSION, "locked: the folder cannot be read"),)
    deadly = Once(six.root / "dead", lambda: os.kill(os.getpid(), signal.SIGKILL))
    engine.predictors = [luminance(photos_per_call=1, before=deadly)]

    summary = six.run_together(engine, replace(LAZY, max_failures=1))

    assert (summary.done, summary.exit_code, engine.started) == (6, ExitCode.PARTIAL, 2)
    assert [one.name for one in summary.failed] == ["locked/"]


def test_the_count_of_failures_goes_on_when_a_worker_has_died(six, engine, luminance):
    for name in ("a.png", "b.png"):
        (six.photos / name).write_bytes(b"no picture")
    deadly = Once(six.root / "dead", lambda: os.kill(os.getpid(), signal.SIGKILL))
    engine.predictors = [luminance(photos_per_call=1, before=deadly)]
    six.run_together(engine)

    again, another = (
        make_plan(six.found(), six.settings(), six.out, LAZY, run_id=name)
        for name in ("this", "that")
    )
    stop = Stop(25)
    outcome = Outcome(again, replace(LAZY, max_failures=2), stop)

    assert (engine.started, again.failed, another.failed) == (2, 2, 0)
    assert (outcome.given_up, stop.reason) == (ExitCode.PARTIAL, "2 photos failed")
    assert Outcome(again, replace(LAZY, max_failures=3), Stop(25)).given_up is None


def test_what_the_head_cannot_understand_ends_the_run_with_its_text(studio):
    from torch.distributed import HashStore

    shift = shift_of(studio)
    head = Head(HashStore(), 2)
    head.store.queue_push(TALK, f"1 {head.run} nonsense")

    with head.attending(shift):
        for _ in range(100):
            if shift.stop.is_asked:
                break
            time.sleep(0.01)

    assert isinstance(shift.outcome.error, ValueError)
    assert "Expecting value" in str(shift.outcome.error)


def shift_of(studio) -> Shift:
    plan, stop = studio.plan(), Stop(25)
    place = Workplace(studio.out, studio.out / ".marigold/tmp", fsync=False)
    return Shift(plan, LAZY, place, stop, Outcome(plan, LAZY, stop), lambda event: None)


class Gone:
    """A store whose machine is lost."""

    def set(self, key: str, value: str) -> None:
        raise RuntimeError("Broken pipe")


def test_a_store_that_is_gone_does_not_hide_why_the_run_ended():
    head = Head(Gone(), 2)

    with pytest.raises(DeviceError, match="no GPU"), contextlib.closing(head):
        raise DeviceError("no GPU")


def test_a_photo_that_hangs_its_worker_is_set_aside_though_the_worker_seems_alive(
    six, engine, luminance
):
    endless = six.sha256("c.png")

    def hang(photos) -> None:
        if any(photo.digest == endless for photo in photos):
            time.sleep(600)

    engine.predictors = [luminance(photos_per_call=1, before=hang) for _ in range(2)]

    summary = six.run_together(engine, replace(LAZY, hang_limit_s=1.0))

    assert [(one.name, one.kind) for one in summary.failed] == [("c.png", "crash")]
    assert (summary.done, summary.exit_code) == (5, ExitCode.PARTIAL)
    told = [
        event.event.message for event in six.diary.of(FromWorker) if hasattr(event.event, "message")
    ]
    assert "c.png: not one step in 1 s; the process is ended (--hang-limit)" in told


def test_one_worker_that_hangs_dies_of_it_and_leaves_the_photo_marked(six, luminance, child):
    hang = luminance(photos_per_call=1, before=lambda photos: time.sleep(600))

    def run() -> int:
        faulthandler.disable()
        return six.run(replace(LAZY, hang_limit_s=0.2), hang).exit_code

    code = child(run)

    assert code == -signal.SIGABRT
    assert [job.ref.name for job in six.plan().jobs if job.alone][:1] == ["a.png"]
    assert not list(six.out.glob(".marigold/tmp-*"))
    assert six.run().done == 6


def test_a_worker_that_goes_slowly_is_left_alone(studio, luminance):
    studio.shoot("a.png")
    slow = luminance(before=lambda photos: time.sleep(0.3))

    assert studio.run(replace(LAZY, hang_limit_s=0), slow).done == 1
    assert studio.run(replace(LAZY, hang_limit_s=30, overwrite=True), slow).done == 1


def test_too_many_failures_stop_all_workers(six, engine, luminance):
    for name in NAMES:
        (six.photos / name).write_bytes(b"no picture")

    summary = six.run_together(engine, replace(LAZY, max_failures=2))

    assert summary.exit_code is ExitCode.PARTIAL
    assert len(summary.failed) >= 2


def test_the_time_limit_of_the_head_stops_the_workers(six, engine, luminance):
    slow = [luminance(photos_per_call=1, before=lambda photos: time.sleep(0.4)) for _ in range(2)]
    engine.predictors = slow

    summary = six.run_together(engine, replace(LAZY, max_time_s=0.3))

    assert (summary.exit_code, summary.stopped) == (ExitCode.STOPPED, True)
    assert not any(job.alone for job in six.plan().jobs)
    assert six.run().done + summary.done == 6


def test_the_head_s_stop_leaves_the_workers_all_the_grace_time(six, engine, luminance, monkeypatch):
    monkeypatch.setattr(worker, "_GRACE_S", 0.0)  # of signals
    engine.predictors = [
        luminance(photos_per_call=1, before=lambda photos: time.sleep(0.8)) for _ in range(2)
    ]

    summary = six.run_together(engine, replace(LAZY, max_time_s=0.4, grace_s=60))

    assert (summary.exit_code, summary.failed) == (ExitCode.STOPPED, ())
    assert 0 < summary.done < 6


def test_a_folder_that_workers_are_in_is_closed_to_others(six, engine, luminance):
    stranger, plan = replace(six), six.plan()
    six.diary = Curious(lambda: stranger.run(plan=plan))

    six.run_together(engine)

    assert six.diary.refused == [True] * len(six.diary.refused) != []


class Curious:
    """Tries to do something else whenever a photo is done."""

    def __init__(self, attempt) -> None:
        self.attempt, self.refused = attempt, []

    def observe(self, event) -> None:
        match event:
            case FromWorker(_, JobDone()):
                try:
                    self.attempt()
                except OutputInUseError:
                    self.refused.append(True)


def test_a_worker_without_its_head_ends_at_once_and_accuses_no_photo(six, engine, luminance):
    from torch.distributed import TCPStore

    reading, writing = os.pipe()
    patient = luminance(before=lambda photos: (os.write(writing, b"p"), time.sleep(60)))
    engine.predictors = [patient]
    head = os.fork()
    if not head:
        gc.freeze()
        engine.store = own = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        engine.open_store = lambda: TCPStore("127.0.0.1", own.port, is_master=False)
        six.run_together(engine)
        os._exit(0)
    os.read(reading, 1)
    worker = int(Path(f"/proc/{head}/task/{head}/children").read_text())

    os.kill(head, signal.SIGKILL)
    os.waitpid(head, 0)
    for _ in range(100):
        if not Path(f"/proc/{worker}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
    assert not any(job.alone for job in six.plan().jobs)


@pytest.mark.slow
def test_two_workers_need_half_the_time_of_one_for_very_uneven_photos(studio, engine, luminance):
    """The predictor sleeps; what starting and writing take beside that is small."""
    costs = [int(2500 * 0.72**number) + 8 for number in range(24)]
    for number, pixels in enumerate(costs):
        studio.shoot(f"{number:02}.png", number, size=(1, pixels))

    def rest(photos) -> None:
        time.sleep(sum(photo.pixels[..., 0].size for photo in photos) / 500)

    engine.predictors = [luminance(photos_per_call=1, before=rest) for _ in range(2)]

    summary = studio.run_together(engine)

    begun, ended = ([record["at"] for record in studio.records(kind)] for kind in ("start", "done"))
    assert summary.done == 24
    assert max(ended) - min(begun) < 1.1 * sum(costs) / 500 / 2
