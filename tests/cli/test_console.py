from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marigold_cli.cli.console import is_live, printable, put, say, stderr_console


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("day 1/IMG_ü家.JPG", "day 1/IMG_ü家.JPG"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x1b]8;;http://x\x1b\\", "\\x1b]8;;http://x\\x1b\\"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x7f\x9b31m", "\\x7f\\u009b31m"),
        ("cod\u202egpj.exe", "cod\\u202egpj.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        (b"caf\xe9.jpg", "caf\\xe9.jpg"),
        (Path("a/b.jpg"), "a/b.jpg"),
        ("[/] [bold]", "[/] [bold]"),
    ],
)
def test_a_name_is_shown_without_what_a_terminal_obeys(name: object, shown: str) -> None:
    assert printable(name) == shown


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_whatever_is_shown_is_one_printable_line(name: str) -> None:
    shown = printable(name)

    categories = {unicodedata.category(letter) for letter in shown if letter not in "\u200c\u200d"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode()  # no lone surrogate is left


def test_markup_in_a_name_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say(printable("photo[/].jpg [red]"), "error", "bold red")

    assert capsys.readouterr().err == "error: photo[/].jpg [red]\n"


def test_a_long_line_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("x" * 500)

    assert capsys.readouterr().err == "x" * 500 + "\n"


def test_colour_that_is_forced_makes_no_terminal_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    console = stderr_console()

    assert console.is_terminal  # so it colours
    assert not is_live(console)


def test_data_goes_to_stdout_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    put("[red]" + "x" * 300)

    assert capsys.readouterr().out == "[red]" + "x" * 300 + "\n"


def test_readers_that_leave_do_no_harm(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from marigold_cli.cli.console import put, say\n"
        "sys.stdin.read()\n"  # until both readers have left
        "for _ in range(3): put('data'); say('talk')\n"
        "open(sys.argv[1], 'w').write('went on')\n"
    )
    file = tmp_path / "file"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    with subprocess.Popen([sys.executable, "-c", script, str(file)], **pipes) as process:
        process.stdout.close()
        process.stderr.close()
        process.stdin.close()

    assert process.returncode == 0
    assert file.read_text() == "went on"
