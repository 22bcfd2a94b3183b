from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.options import OutputOptions, Policy
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.progress import (
    Event,
    FromWorker,
    JobDone,
    JobFailed,
    JobStarted,
    ModelLoaded,
    PlanMade,
    RunEnded,
    StatusAsked,
    StepDone,
    StopAsked,
    Warned,
)
from marigold_cli.batch.settings import make_settings
from marigold_cli.batch.summary import Summary
from marigold_cli.batch.tally import Tally
from marigold_cli.checkpoints.card import Card
from marigold_cli.cli.board import Board
from marigold_cli.cli.display import Display, LiveDisplay, PlainDisplay, QuietDisplay, make_display
from marigold_cli.cli.events import JsonLog, Several, opened, to_line
from marigold_cli.cli.wording import Course, clock, count, fit, rate, size, step
from marigold_cli.depth import DepthKind
from marigold_cli.errors import ExitCode, OutputError, UsageError
from marigold_cli.files.discover import Discovery, ImageRef
from marigold_cli.inference.options import PredictOptions, Spacing

HOSTILE = "a\x1b]52;c;aGk=\x07[/]\u202e\n.jpg"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Three new photos, ten members each."""
    card = Card("tiny", tmp_path, "0" * 16, DepthKind.AFFINE_DEPTH, "ddim", 4, 64, Spacing.TRAILING)
    recipe = card.decide(PredictOptions(ensemble=10))
    settings = make_settings(card, recipe, OutputOptions(), "float32", None)
    refs = [ImageRef(tmp_path / name, name) for name in ("day1/a.jpg", "b.jpg", HOSTILE)]
    return make_plan(Discovery(tuple(refs)), settings, tmp_path / "out", Policy())


@pytest.fixture
def events(plan: Plan) -> list[Event]:
    """A run in which one photo fails and another is in hand."""
    failure = Failure(HOSTILE, "truncated", f"{HOSTILE}: ends in the middle")
    return [
        PlanMade(plan),
        ModelLoaded("tiny", "cpu", "float32"),
        Warned(f"versions changed {HOSTILE}"),
        JobStarted(HOSTILE),
        JobFailed(failure.name, failure.kind, failure.message),
        JobStarted("day1/a.jpg"),
        StepDone(("day1/a.jpg",), 40, 40),
        JobDone("day1/a.jpg", 2.5, ("day1/a_depth.npy", "day1/a_color.png")),
        JobStarted("b.jpg"),
        StepDone(("b.jpg",), 23, 40),
        StatusAsked(),
        StopAsked("SIGTERM"),
        RunEnded(Summary(1, 0, (failure,), 3.0, True, ExitCode.STOPPED, signal=15)),
    ]


def screen(width: int = 80, terminal: bool = False) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=terminal, markup=False, highlight=False
    )
    return console, stream


def tell(display: Display, events: list[Event]) -> None:
    with display:
        for event in events:
            display.observe(event)


def test_a_heartbeat_is_plain_lines_without_control_characters(events: list[Event]) -> None:
    console, stream = screen()

    tell(PlainDisplay(console, verbosity=0), events)

    text = stream.getvalue()
    assert not CONTROL.search(text)
    assert "3 photos to do" in text
    assert "failed: a\\x1b]52" in text
    assert "stopping: SIGTERM" in text
    last = text.splitlines()[-1]
    assert "2/3" in last
    assert "1 done · 0 skipped · 1 failed" in last
    assert "b.jpg step 23/40 · 10 members" in last


def test_a_heartbeat_comes_by_itself(plan: Plan) -> None:
    console, stream = screen()
    display = PlainDisplay(console, verbosity=0, every_s=0.001)

    with display:
        display.observe(PlanMade(plan))
        while stream.getvalue().count("0/3") < 3:  # ends by pytest's own time limit, or soon
            time.sleep(0.001)

    assert stream.getvalue().count("0/3") >= 3


def test_a_heartbeat_tells_the_stage_until_the_model_is_loaded(plan: Plan) -> None:
    console, _ = screen()
    display = PlainDisplay(console, verbosity=0)
    lines = [display.line()]

    display.stage("comparing 3 photos with earlier runs")
    lines.append(display.line())
    display.stage("loading the model")
    display.observe(PlanMade(plan))
    display.observe(JobFailed("day2/", "permission", "day2: the folder cannot be read"))
    lines.append(display.line())
    display.observe(FromWorker(1, ModelLoaded("tiny", "cpu", "float32")))
    lines.append(display.line())

    assert lines[:2] == ["starting", "comparing 3 photos with earlier runs"]
    assert lines[2].startswith("loading the model; 1/3; 0 done")
    assert lines[3].startswith("1/3")


def test_a_run_that_ends_without_a_model_is_not_said_to_load_one(plan: Plan) -> None:
    console, stream = screen()
    display = PlainDisplay(console, verbosity=0)

    with display:
        display.stage("loading the model")
        display.observe(PlanMade(plan))
        display.observe(RunEnded(Summary(0, 0, (), 0.1, True, ExitCode.STOPPED)))

    assert "loading" not in stream.getvalue()


def test_quiet_says_only_what_fails(events: list[Event]) -> None:
    console, stream = screen()

    tell(QuietDisplay(console), events)

    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().startswith("failed: a\\x1b")


def test_verbose_names_every_photo_that_is_done(events: list[Event]) -> None:
    console, stream = screen(width=200)

    tell(PlainDisplay(console, verbosity=1), events)

    assert "done: day1/a.jpg in 2.5 s: day1/a_depth.npy, day1/a_color.png" in stream.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 100, 160])
def test_the_board_fits_the_terminal(width: int, events: list[Event]) -> None:
    console, stream = screen(width)
    board = Board()
    board.course = Course(steps=4, members=10)
    board.stage = "comparing 100000 photos with earlier runs, which may take its time"

    for now, event in enumerate(events):
        board.tally = board.tally.after(event, now)
        console.print(board)

    lines = stream.getvalue().splitlines()
    assert max(cell_len(line) for line in lines) < width  # the last column stays free
    assert len(lines) == 3 * len(events)


def test_the_board_shows_the_photo_in_hand_with_its_step(events: list[Event]) -> None:
    console, stream = screen(100)
    board = Board()
    board.course = Course(steps=4, members=10)
    for now, event in enumerate(events):
        board.tally = board.tally.after(event, now)

    console.print(board)

    bar, in_hand, counts = stream.getvalue().splitlines()
    assert "2/3" in bar
    assert "photos/s" in bar
    assert "left" in bar
    assert in_hand.strip() == "b.jpg · step 3/4 · member 6 of 10"
    assert counts.strip() == "1 done · 0 skipped · 1 failed"


def test_a_live_display_prints_failures_and_takes_its_board_away(events: list[Event]) -> None:
    console, stream = screen(100, terminal=True)

    tell(LiveDisplay(console, verbosity=0), events)

    assert "failed: " in stream.getvalue()
    assert "\\x1b]52" in stream.getvalue()
    assert "\x1b]52" not in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("\x1b[2K")  # the board's lines are erased


def test_the_kind_of_display_follows_the_place_it_is_shown() -> None:
    pipe, _ = screen()

    assert type(make_display(pipe, quiet=True, verbosity=0)) is QuietDisplay
    assert type(make_display(pipe, quiet=False, verbosity=0)) is PlainDisplay


def test_every_event_is_a_line_of_json(events: list[Event]) -> None:
    lines = [to_line(event, at=0.0) for event in events]

    told = [json.loads(line) for line in lines]
    assert [one["event"] for one in told] == [type(event).__name__ for event in events]
    assert all(line.isascii() and "\n" not in line for line in lines)
    assert told[0]["jobs"] == 3
    assert told[4]["name"] == HOSTILE
    assert told[-1]["signal"] == 15


def test_a_log_that_cannot_be_written_ends_and_the_others_go_on(
    events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(line: str) -> None:
        raise OSError(28, "No space left on device")

    heard: list[str] = []
    observer = Several(JsonLog(refuse), JsonLog(heard.append))

    for event in events:
        observer.observe(event)

    assert len(heard) == len(events)
    assert caplog.text.count("--log-json ends here") == 1


def test_a_log_file_is_appended_to(tmp_path: Path, events: list[Event]) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"event": "Earlier"}\n')

    with opened(str(file)) as observer:
        for event in events:
            observer.observe(event)

    names = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert names == ["Earlier", *(type(event).__name__ for event in events)]


def test_a_log_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="--log-json"), opened(str(tmp_path)):
        pass


def test_a_log_s_folder_is_made(tmp_path: Path) -> None:
    file = tmp_path / "depths" / "log.jsonl"

    with opened(str(file)):
        pass

    assert file.exists()


@pytest.mark.parametrize("name", ["marigold.json", "journal.jsonl", "journal-1of2.jsonl"])
def test_a_log_is_not_written_into_a_run_s_own_records(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--log-json"), opened(str(tmp_path / name)):
        pass

    assert not (tmp_path / name).exists()


def test_numbers_are_worded_for_people() -> None:
    assert [clock(7), clock(425), clock(11045)] == ["0:07", "7:05", "3:04:05"]
    assert [rate(0.0123), rate(0.5), rate(12.3), rate(120)] == [
        "0.012 photos/s",
        "0.5 photos/s",
        "12 photos/s",
        "120 photos/s",
    ]
    assert [size(0), size(999), size(48e6), size(2.6e9), size(5e15)] == [
        "0 B",
        "999 B",
        "48 MB",
        "2.6 GB",
        "5e+03 TB",
    ]
    assert [count(1, "photo"), count(1200, "photo")] == ["1 photo", "1,200 photos"]


@pytest.mark.parametrize("text", ["short", "day1/a/long/path/IMG_0001.JPG", "家" * 30])
def test_a_path_is_cut_at_its_front(text: str) -> None:
    shown = fit(text, 20)

    assert cell_len(shown) <= 20
    assert text.endswith(shown.removeprefix("…").rstrip())


def test_nothing_is_known_of_a_run_that_has_not_begun() -> None:
    console, stream = screen()
    board = Board()
    board.tally = Tally()

    console.print(board)

    assert "starting" in stream.getvalue()


@pytest.mark.parametrize(
    ("course", "done", "of", "words"),
    [
        (Course(steps=50), 7, 50, "step 7/50"),
        (Course(steps=50, members=10), 150, 500, "step 50/50 · member 3 of 10"),
        (Course(steps=50, members=10), 151, 500, "step 1/50 · member 4 of 10"),
        (Course(steps=50, members=10, batch=10), 30, 500, "step 3/50 · 10 members"),
        (Course(steps=50, members=10, batch=4), 204, 500, "step 204/500 · 10 members"),
        (Course(steps=4, members=1, batch=2), 6, 8, "step 3/4"),
    ],
)
def test_a_step_is_told_as_people_count_it(course: Course, done: int, of: int, words: str) -> None:
    tally = Tally().after(JobStarted("a"), 0).after(StepDone(("a",), done, of), 1)

    assert step(tally, course) == words


def test_the_step_of_the_photo_before_is_forgotten() -> None:
    tally = Tally().after(StepDone(("a",), 4, 4), 0).after(JobDone("a", 1, ()), 1)

    assert step(tally.after(JobStarted("b"), 2), Course(steps=4)) == ""
