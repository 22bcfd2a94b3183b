from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.outputs import Damage
from marigold_cli.batch.status import Status
from marigold_cli.cli.status import _to_text, _verdict
from marigold_cli.errors import ExitCode

WHOLE = Status(
    done=12,
    damaged=(),
    failed=(),
    unfinished=(),
    aside=(),
    total=12,
    remaining=0,
    fingerprint="0123456789abcdef",
    settings={"steps": 4},
    bad_lines=0,
    is_running=False,
    is_ended=True,
    unbegun=(),
    exit_code=ExitCode.OK,
)
FAILURE = Failure("b.jpg", "empty", "b.jpg: is empty")
LOST = (Damage("c.jpg", "c_depth.npy", "missing"), Damage("d.jpg", "d_depth.npy", "size"))
PARTIAL, STOPPED = ExitCode.PARTIAL, ExitCode.STOPPED
AGAIN = "run the same line again"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "0: every photo has a valid output, new or already there"),
        ({"failed": (FAILURE,)}, "0: 1 failure tolerated by --fail-on"),
        ({"failed": (FAILURE,), "exit_code": PARTIAL}, "10: 1 failure"),
        (
            {"failed": (FAILURE,), "remaining": 8, "exit_code": PARTIAL},
            "10: 1 failure; 8 not tried",
        ),
        (
            {"damaged": LOST, "exit_code": PARTIAL},
            f"10: 2 results missing or cut; {AGAIN} to compute them anew",
        ),
        ({"exit_code": STOPPED}, f"75: stopped early on request; {AGAIN} to go on"),
        (
            {"exit_code": STOPPED, "is_ended": False},
            f"75: the last run ended without a word (killed?); {AGAIN} to go on",
        ),
        (
            {"exit_code": STOPPED, "is_ended": False, "is_running": True},
            "75: a run is at work here",
        ),
        (
            {"exit_code": STOPPED, "is_ended": False, "unbegun": ("2/3", "3/3")},
            "75: not begun yet: part 2/3, 3/3 of the photos",
        ),
        (
            {"exit_code": ExitCode.OUTPUT},
            "7: output not writable any more (disk full, read-only); stopped early",
        ),
    ],
)
def test_the_exit_code_is_explained_by_the_facts(facts: dict, words: str) -> None:
    last = _to_text(replace(WHOLE, **facts)).splitlines()[-1]

    assert last == f"exit code   {words}"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "12"),
        ({"done": 4, "remaining": 8}, "4 of 12; 8 to go"),
        ({"done": 11, "failed": (FAILURE,)}, "11 of 12"),
        ({"done": 4, "total": None, "remaining": 8}, "4; 8 to go"),
        ({"remaining": 3}, "12; 3 to go"),
    ],
)
def test_how_far_a_run_came_is_told_in_one_line(facts: dict, words: str) -> None:
    first = _to_text(replace(WHOLE, **facts)).splitlines()[0]

    assert first == f"done        {words}"


def test_who_is_at_work_in_a_finished_folder_is_told_too() -> None:
    text = _to_text(replace(WHOLE, is_running=True))

    assert text.endswith("valid output, new or already there\n            somebody is at work here")


@pytest.mark.parametrize(
    ("kinds", "advice"),
    [
        (["missing", "size"], [f"2 results missing or cut; {AGAIN} to compute"]),
        (["hash"], [f"1 damaged result; {AGAIN} with --check hash"]),
        (["stale"], ["1 stale result, of photos that failed or .* mend .* or delete"]),
        (["settings"], ["1 result of other settings .* --overwrite, or delete"]),
        (["hash", "stale"], ["1 damaged result", "1 stale result"]),
    ],
)
def test_advice_fits_what_is_wrong_with_a_result(kinds: list[str], advice: list[str]) -> None:
    lines = _verdict(WHOLE, Counter(kinds), Path("out")).splitlines()

    assert len(lines) == len(advice)
    for line, pattern in zip(lines, advice, strict=True):
        assert re.match(pattern, line), line


def test_stale_results_are_not_to_be_computed_by_hashing() -> None:
    assert "--check" not in _verdict(WHOLE, Counter(["stale"]), Path("out"))
