from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence

import pytest

from marigold_cli.batch import signals
from marigold_cli.batch.options import Policy
from marigold_cli.batch.progress import StatusAsked, StopAsked
from marigold_cli.batch.signals import STOPPING, Stop, die_by, listening
from marigold_cli.files.decode import Photo

LAZY = Policy(fsync=False)


class Scene:
    """A run in a process of its own that halts in every prediction until it is told to go on."""

    def __init__(self, studio, luminance, policy: Policy = LAZY) -> None:
        self.said, self._says = os.pipe()
        self._hears, self._tells = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os._exit(self._play(studio, luminance, policy))

    def _play(self, studio, luminance, policy: Policy) -> int:
        predictor = luminance(photos_per_call=2, before=self._halt)
        scene = self

        class Loud:
            def observe(self, event) -> None:
                if isinstance(event, StopAsked | StatusAsked):
                    os.write(scene._says, b"s")

        studio.diary = Loud()
        summary = studio.run(policy, predictor)
        if summary.signal is not None:
            die_by(summary.signal)
        return summary.exit_code

    def _halt(self, photos: Sequence[Photo]) -> None:
        os.write(self._says, b"p")
        os.read(self._hears, 1)

    def hears(self, what: bytes) -> None:
        assert os.read(self.said, 1) == what

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def go_on(self, times: int = 1) -> None:
        os.write(self._tells, b"g" * times)

    def ends(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        for descriptor in (self.said, self._says, self._hears, self._tells):
            os.close(descriptor)
        return code


@pytest.fixture
def six(studio):
    for seed in range(6):
        studio.shoot(f"{seed}.png", seed)
    return studio


@pytest.mark.parametrize("number", STOPPING)
def test_the_first_signal_finishes_what_is_in_flight_and_the_process_dies_of_it(
    six, luminance, number
):
    scene = Scene(six, luminance)
    scene.hears(b"p")
    scene.send(number)
    scene.hears(b"s")
    scene.go_on()

    assert scene.ends() == -number
    assert sorted(six.standing()) == ["0.png", "1.png"]
    assert six.lies() == []
    assert not list(six.out.glob(".marigold/tmp-*"))
    assert six.records("end")[-1]["code"] == 75
    assert (six.run().done, six.run().skipped) == (4, 6)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_model_is_loaded_leaves_nothing_behind(six, number):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)

        def load() -> None:
            os.write(writing, b"l")
            signal.pause()

        six.run(LAZY, open_predictor=load)
        os._exit(0)
    os.read(reading, 1)
    assert list(six.out.glob(".marigold/tmp-*"))

    os.kill(pid, number)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -number
    assert not list(six.out.glob(".marigold/tmp-*"))
    assert six.records() == []


def test_what_does_not_end_within_the_grace_time_is_dropped_and_is_no_failure(six, luminance):
    scene = Scene(six, luminance, Policy(fsync=False, grace_s=0))
    scene.hears(b"p")
    scene.send(signal.SIGTERM)
    scene.hears(b"s")
    scene.go_on()

    assert scene.ends() == -signal.SIGTERM
    assert (six.records("done"), six.records("failed")) == ([], [])
    assert not any(job.alone for job in six.plan().jobs)
    assert six.run().done == 6


def test_a_second_signal_ends_the_process_at_once(six, luminance):
    scene = Scene(six, luminance)
    scene.hears(b"p")
    scene.send(signal.SIGTERM)
    scene.hears(b"s")
    threading.Event().wait(0.05)
    scene.send(signal.SIGINT)

    assert scene.ends() == 128 + signal.SIGINT
    assert not list(six.out.glob(".marigold/tmp-*"))
    assert not any(job.alone for job in six.plan().jobs)
    assert six.run().done == 6


def test_a_process_that_cannot_stop_in_order_is_ended_after_the_grace_time(
    six, luminance, monkeypatch
):
    monkeypatch.setattr(signals, "_SLACK_S", 0.01)
    scene = Scene(six, luminance, Policy(fsync=False, grace_s=0.01))
    scene.hears(b"p")
    scene.send(signal.SIGTERM)

    assert scene.ends() == 128 + signal.SIGTERM
    assert six.run().done == 6


def test_a_signal_that_was_ignored_stays_ignored(six, luminance):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        scene = Scene(six, luminance)
        scene.hears(b"p")
        scene.send(signal.SIGHUP)
        scene.go_on(3)
        code = scene.ends()
    finally:
        signal.signal(signal.SIGHUP, before)

    assert code == 0
    assert len(six.standing()) == 6


def test_usr1_asks_for_a_status_and_stops_nothing(six, luminance):
    scene = Scene(six, luminance)
    scene.hears(b"p")
    scene.send(signal.SIGUSR1)
    scene.hears(b"s")
    scene.go_on(3)

    assert scene.ends() == 0
    assert len(six.standing()) == 6


def test_the_same_signal_forwarded_by_a_parent_counts_once(child, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])

    def twice(gap: float) -> Callable[[], int]:
        def work() -> int:
            stopped, heard = threading.Event(), threading.Event()
            with listening(Stop(25.0), stopped.set, heard.set, lambda: None):
                os.kill(os.getpid(), signal.SIGTERM)
                stopped.wait()
                clock[0] += gap
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGUSR1)
                heard.wait()
            return 0

        return work

    assert child(twice(0.019)) == 0
    assert child(twice(0.021)) == 128 + signal.SIGTERM


def test_a_display_that_hangs_does_not_keep_a_second_signal_from_being_heard(child):
    def work() -> int:
        reached, never = threading.Event(), threading.Event()

        def hang() -> None:
            reached.set()
            never.wait()

        with listening(Stop(25.0), hang, lambda: None, lambda: None):
            os.kill(os.getpid(), signal.SIGTERM)
            reached.wait()
            never.wait(0.05)
            os.kill(os.getpid(), signal.SIGTERM)
            never.wait()
        return 0

    assert child(work) == 128 + signal.SIGTERM


def test_what_held_before_a_run_holds_after_it(studio):
    def before(number: int, frame: object) -> None:
        raise AssertionError

    studio.shoot("a.png")
    old = signal.signal(signal.SIGTERM, before)
    try:
        studio.run()

        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_run_in_another_thread_leaves_signals_alone(studio):
    studio.shoot("a.png")
    results = []
    thread = threading.Thread(target=lambda: results.append(studio.run()))

    thread.start()
    thread.join()

    assert results[0].done == 1


def test_who_kills_soon_leaves_less_time_than_was_asked_for_but_others_do_not(child):
    def work() -> int:
        stop, stopped = Stop(600.0), threading.Event()
        with listening(stop, stopped.set, lambda: None, lambda: None, grace_s=25.0):
            stop.ask("the head stops all")
            before = stop.grace
            os.kill(os.getpid(), signal.SIGTERM)
            stopped.wait()
            return int(not (before > 500 and 0 < stop.grace <= 25))

    assert child(work) == 0


def test_to_hurry_stops_nobody_and_gives_no_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])
    stop = Stop(grace_s=25.0)

    stop.hurry(5.0)
    unasked = stop.is_asked
    stop.ask("other")
    clock[0] = 10.0
    stop.hurry(100.0)

    assert (unasked, stop.grace) == (False, 15.0)


def test_the_first_reason_to_stop_is_remembered(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])
    stop = Stop(grace_s=25.0, max_time_s=10.0)

    clock[0] = 9.9
    early = (stop.is_asked, stop.grace)
    clock[0] = 10.0
    late = (stop.is_asked, stop.grace, stop.reason)
    clock[0] = 20.0
    stop.ask("other")

    assert early == (False, None)
    assert late == (True, 25.0, "the time limit is reached")
    assert (stop.grace, stop.reason) == (15.0, "the time limit is reached")
