"""The README's commands run, its exit codes are the program's, its options exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from marigold_cli.cli import main
from marigold_cli.errors import ExitCode
from marigold_cli.files.writers import WRITERS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
_OTHERS = ("mkdir ", ". .venv", "colmap ", "torchrun ", "accelerate ", "sbatch ")  # not ours
RUNS = [
    line
    for line in LINES
    if line.startswith(("marigold run", "find ")) and "--model mine" not in line
]
LOOKS = [
    line
    for line in LINES
    if line.startswith(("marigold status", "marigold verify", "marigold doctor"))
]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos/ and an empty depths/, and the program on the path."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("coffee.jpg", "palace.jpg"):
        (photos / name).write_bytes((ROOT / "sample_images" / name).read_bytes())
    (tmp_path / "scans").symlink_to(photos)
    (tmp_path / "dense").mkdir()
    (tmp_path / "dense/images").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_has_commands_to_run() -> None:
    assert len(RUNS) >= 5
    assert len(LOOKS) >= 3


@pytest.mark.parametrize("line", [line for line in RUNS if line.startswith("marigold")])
def test_every_run_in_the_readme_makes_a_plan(line: str, workplace: Path) -> None:
    assert main([*shlex.split(line)[1:], "--dry-run"]) == ExitCode.OK


@pytest.mark.program
@pytest.mark.parametrize("line", [line for line in RUNS if not line.startswith("marigold")])
def test_every_pipe_in_the_readme_makes_a_plan(line: str, workplace: Path) -> None:
    command = line.replace("marigold run", f"{shlex.quote(sys.executable)} -m marigold_cli run")

    done = subprocess.run(f"{command} --dry-run", shell=True, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_the_readme_s_other_commands_work_after_a_run(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "photos", "--fast", "--quiet"]) == ExitCode.OK
    for line in LOOKS:
        assert main(shlex.split(line)[1:]) == ExitCode.OK, line
    assert capsys.readouterr().out


def test_every_option_in_the_readme_exists(capsys: pytest.CaptureFixture[str]) -> None:
    ours = "\n".join(line for line in README.splitlines() if not line.startswith(_OTHERS))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) - {"--help"}

    helps = ""
    commands = ("run", "status", "verify", "train", "evaluate", "align", "export", "doctor")
    for command in (*commands, "models show"):
        main([*command.split(), "--help"])
        helps += capsys.readouterr().out

    assert {option for option in named if option not in helps} == set()


def test_exit_codes_and_formats_are_those_of_the_program() -> None:
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in README
    for name in WRITERS:
        assert f"| {name} | `NAME_" in README


def test_the_make_targets_named_first_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf8")

    for target in re.findall(r"^make (\w+)", "\n".join(LINES), re.MULTILINE):
        assert f"\n{target}:" in makefile
