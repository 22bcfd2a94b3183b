"""The command line: parse, call, print, exit code. Nothing below this room prints or exits.

commands  run, status (and verify), models, train, evaluate, align, export, doctor
flags     options (of several commands), run_options, train_options, values (durations, numbers
          of pixels)
run       job (carry out or only show), workflow (from photos to depth, across rooms),
          plan_view (--dry-run), metric (--colmap), crew (who does it), devices (--devices),
          engine (workers under torch)
evaluate  evaluate_job (predict, measure, write)
talk      console (stdout and stderr), wording (numbers in words), display, board and
          train_display (people who watch), events (programs that watch)
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import json
import os
import signal
import sys
import traceback
from typing import Annotated, Any

import typer

from marigold_cli import __version__
from marigold_cli.batch.signals import STOPPING, die_by
from marigold_cli.cli.align import align
from marigold_cli.cli.console import printable, put, say
from marigold_cli.cli.doctor import doctor
from marigold_cli.cli.evaluate import evaluate
from marigold_cli.cli.export import export
from marigold_cli.cli.models import models
from marigold_cli.cli.run import run
from marigold_cli.cli.status import status, verify
from marigold_cli.cli.train import train
from marigold_cli.errors import ExitCode, MarigoldError

__all__ = ["app", "main", "run_and_exit"]

# \b keeps the lines as they are.
_EXIT_CODES = "\n".join(
    ["\b", "Exit codes:", *(f"{int(code):>4}  {code.meaning}" for code in ExitCode)]
)

app = typer.Typer(
    name="marigold",
    help="Folders of photographs in, depth maps out.",
    epilog="Example: marigold run photos/ --out depths",
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=_EXIT_CODES)(run)
app.command()(status)
app.command()(verify)
app.add_typer(models, name="models")
app.command()(train)
app.command()(evaluate)
app.command()(align)
app.command()(export)
app.command()(doctor)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Folders of photographs in, depth maps out.

    Example: marigold run photos/ --out depths
    """
    if version:
        put(f"marigold {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        put(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code; 128 + n stands for death by signal n."""
    given = sys.argv[1:] if argv is None else argv
    try:
        return int(_program()(given, prog_name="marigold", standalone_mode=False) or ExitCode.OK)
    except typer.Abort:
        return 128 + signal.SIGINT
    except typer.TyperException as error:
        return _fail(given, f"{error.format_message().rstrip('.')} (see --help)", ExitCode.USAGE)
    except MarigoldError as error:
        return _fail(given, str(error), error.exit_code)
    except Exception as error:
        for line in traceback.format_exc().splitlines():
            say(printable(line))
        return _fail(given, f"a bug in marigold: {type(error).__name__}: {error}", ExitCode.BUG)


@functools.cache  # most of the time of a short command goes into it
def _program() -> Any:
    """Make the commands of the functions above."""
    program = typer.main.get_command(app)
    _leave_out_types(program)
    return program


def _leave_out_types(command: Any, parent: Any = None) -> None:
    """Have --help show no type where an option takes no value: it would show "<bool>"."""
    context = typer.Context(
        command, parent=parent, info_name=command.name, **command.context_settings
    )
    for parameter in command.get_params(context):  # with --help itself, which params leaves out
        if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
            parameter.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _leave_out_types(below, context)


def _fail(argv: list[str], message: str, code: ExitCode) -> int:
    """Say what went wrong, to people and, with --json, to machines."""
    say(printable(message), "error", "bold red")
    options = argv[: argv.index("--")] if "--" in argv else argv
    if "--json" in options:
        with contextlib.suppress(MarigoldError):  # a full disk under stdout changes nothing now
            put(json.dumps({"error": message, "exit_code": code}))
    return int(code)


def run_and_exit() -> None:
    """Be the process: exit by code, or die by the signal that stopped the work."""
    _open_streams()
    with contextlib.suppress(OSError, ValueError):  # a closed stderr has no descriptor to write to
        faulthandler.enable()
    code = main()
    if code - 128 in STOPPING:
        die_by(code - 128)  # a caller must see the signal itself: a shell loop stops only then
    sys.exit(code)


def _open_streams() -> None:
    """Make both streams usable, also where the caller closed them or speaks no UTF-8."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")
