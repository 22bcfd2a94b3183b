from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from inspect import signature
from typing import Any

import pytest
import typer

from marigold_cli.batch.options import ModelOptions, OutputOptions, Policy, RunOptions
from marigold_cli.cli import app, job
from marigold_cli.cli.run import run
from marigold_cli.cli.values import duration, pixels
from marigold_cli.files.selection import Selection
from marigold_cli.files.writers import WRITERS
from marigold_cli.inference.options import PredictOptions


def commands() -> dict[str, Any]:
    """Every command by its full name, as Typer sees it."""
    found = {}
    waiting = [("marigold", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        children = getattr(command, "commands", {})
        waiting.extend((f"{name} {child}", below) for child, below in children.items())
        if not children:
            found[name] = command
    return found


COMMANDS = commands()
PARAMETERS = [
    pytest.param(parameter, id=f"{name} {parameter.name}")
    for name, command in COMMANDS.items()
    for parameter in command.params
]


def test_there_is_a_command_for_every_task() -> None:
    tasks = {"run", "status", "verify", "doctor", "models list", "models pull", "models show"}

    assert {f"marigold {task}" for task in tasks} <= COMMANDS.keys()


# A training, an evaluation and an export make other things than depth maps; an alignment refines
# its fit.
OWN = {
    "marigold train": {
        "--modality", "--steps", "--seed", "--out", "-o", "--max-time", "--data", "--half",
    },
    "marigold evaluate": {"--out", "-o", "--max-time"},
    "marigold export": {"--overwrite"},
    "marigold align": {"--refine"},
}  # fmt: skip


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_option_is_explained(parameter: Any) -> None:
    assert parameter.help
    assert parameter.help.endswith((".", "; exit code 75."))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    assert f"Example: {name}" in (COMMANDS[name].help or "")


def test_a_flag_means_the_same_everywhere() -> None:
    meanings: dict[str, set[tuple[str, str]]] = {}
    for name, command in COMMANDS.items():
        for parameter in command.params:
            for flag in set(parameter.opts) - OWN.get(name, set()):
                about = (parameter.help, str(getattr(parameter, "type", "")))
                meanings.setdefault(flag, set()).add(about)

    several = {flag for flag, about in meanings.items() if len(about) > 1}

    assert several == set()


def test_without_flags_the_defaults_are_those_of_the_options(
    monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]
) -> None:
    asked: list[RunOptions] = []
    monkeypatch.setattr(job, "carry_out", lambda options, *_: asked.append(options) or 0)

    call("run")

    assert asked == [RunOptions()]


@pytest.mark.parametrize(
    ("kind", "elsewhere"),
    [
        (Selection, {}),
        (PredictOptions, {}),
        (ModelOptions, {"name"}),
        (OutputOptions, {"size"}),
        (Policy, {"retry_failed", "max_time_s", "grace_s", "hang_limit_s"}),
    ],
)
def test_every_option_has_its_flag(kind: type, elsewhere: set[str]) -> None:
    names = {field.name for field in fields(kind)} - set(elsewhere)

    assert names <= signature(run).parameters.keys()


def test_flags_reach_the_options(monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]) -> None:
    asked: list[RunOptions] = []
    monkeypatch.setattr(job, "carry_out", lambda options, *_: asked.append(options) or 0)
    line = (
        "run a b -o there --include *.jpg --exclude x* --exclude y* --no-recurse --follow-links"
        " --model m --revision r --dtype float16 --device cpu --vae v --steps 7 --ensemble 3"
        " --reduction mean"
        " --resolution 0 --tile auto --refine"
        " --seed 5 --timesteps leading --noise zeros --resample bicubic"
        " --format png,exr --format npy --colormap turbo --uncertainty --invert"
        " --output-size processing --grid upright --max-pixels 5M --overwrite --resume"
        " --skip-failed --check hash --no-fsync --max-failures 9 --fail-on 5% --max-time 90m"
        " --grace 10s --batch-size 4 --hang-limit 2h --split ensemble --compile off"
    )

    call(*line.split())

    assert asked == [
        RunOptions(
            inputs=("a", "b"),
            out=RunOptions().out.parent / "there",
            selection=Selection(("*.jpg",), ("x*", "y*"), recurse=False, follow_links=True),
            predict=PredictOptions(
                steps=7,
                ensemble=3,
                resolution=0,
                tile=0,
                refine=True,
                seed=5,
                timesteps="leading",
                noise="zeros",
                resample="bicubic",
                reduction="mean",
            ),
            model=ModelOptions("m", "r", "cpu", "float16", "v", compiling="off"),
            output=OutputOptions(
                ("png", "exr", "npy"), "turbo", True, True, "processing", "upright"
            ),
            policy=Policy(
                overwrite=True,
                resume=True,
                retry_failed=False,
                check="hash",
                fsync=False,
                max_failures=9,
                fail_on="5%",
                max_time_s=5400.0,
                grace_s=10.0,
                batch_size=4,
                max_pixels=5_000_000,
                hang_limit_s=7200.0,
                split="ensemble",
            ),
        )
    ]


def test_the_help_of_format_names_every_writer() -> None:
    option = next(one for one in COMMANDS["marigold run"].params if "--format" in one.opts)

    assert all(name in option.help for name in WRITERS)


def test_defaults_in_words_are_the_defaults() -> None:
    unset = {
        one.name: one.help.rpartition("unset: ")[2].rstrip(".")
        for one in COMMANDS["marigold run"].params
    }

    assert pixels(unset["max_pixels"]) == Policy.max_pixels
    assert duration(unset["grace"]) == Policy.grace_s
    assert duration(unset["hang_limit"]) == Policy.hang_limit_s
