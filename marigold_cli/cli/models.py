"""`marigold models`: what is on this machine, and getting more."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from marigold_cli.checkpoints.scores import Score
from marigold_cli.cli import options as flags
from marigold_cli.cli.console import is_live, printable, put, say, stderr_console, stdout_console
from marigold_cli.cli.wording import size
from marigold_cli.depth import Intrinsic

models = typer.Typer(
    help="Models on this machine, and getting more.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Half = Annotated[
    bool, typer.Option("--half", help="Only the float16 files, where there are any: half the size.")
]

Each = Annotated[bool, typer.Option("--each", help="Scores picture by picture.")]


@models.command("list")
def list_models(json: flags.Json = False) -> None:
    """List embedded, cached and published models.

    Example: marigold models list
    """
    from marigold_cli.checkpoints import hub

    listed = hub.list_models()
    if json:
        put(json_format.dumps([asdict(one) for one in listed]))
        return
    rows = [
        (
            printable(one.name),
            one.alias or "-",
            one.state,
            size(one.size_bytes) if one.size_bytes else "-",
        )
        for one in listed
    ]
    titles = ("name", "short", "state", "size")
    for line in lay_out([titles, *rows], ["about", *(printable(one.about) for one in listed)]):
        put(line)
    if is_live(stderr_console()) and any(one.state == "absent" for one in listed):
        say("what is absent can be had: marigold models pull NAME")


@models.command()
def pull(
    name: flags.ModelName,
    revision: flags.Revision = None,
    half: Half = False,
    quiet: flags.Quiet = False,
    json: flags.Json = False,
) -> None:
    """Download a model from the Hugging Face hub into its cache; safetensors only.

    Example: marigold models pull prs-eth/marigold-depth-v1-1
    """
    from marigold_cli.checkpoints import hub

    if not quiet:
        say(f"pulling {printable(name)} ...")
    pulled = hub.pull(name, revision, half, None if quiet else _bar())
    if pulled.endpoint:
        say(f"it came from {printable(pulled.endpoint)} (HF_ENDPOINT)", "warning", "yellow")
    if json:
        put(json_format.dumps({**asdict(pulled), "folder": str(pulled.folder)}))
    else:
        put(printable(pulled.folder))


@models.command("show")
def show_model(
    name: flags.ModelName,
    revision: flags.Revision = None,
    each: Each = False,
    json: flags.Json = False,
) -> None:
    """Show what is known of a model on this machine.

    Example: marigold models show tiny
    """
    from marigold_cli.checkpoints import hub, scores

    shown = hub.show(name, revision)
    measured = scores.read_scores(shown.card.folder)
    facts = {**asdict(shown.card), "folder": str(shown.card.folder)}
    if json:
        scored = [asdict(one) for one in measured]
        more = {"files": shown.files, "size_bytes": shown.size_bytes, "scores": scored}
        put(json_format.dumps({**facts, **more}))
        return
    facts["intrinsics"] = ", ".join(map(_describe_intrinsic, shown.card.intrinsics))
    for key, value in facts.items():
        if key != "intrinsics" or value:
            put(f"{key:<11} {printable(value)}")
    if shown.is_of_hub:
        put("checked     no: the hub's commit is all that is known of its bytes")
    put(f"size        {size(shown.size_bytes)}")
    for number, file in enumerate(shown.files):
        put(f"{'' if number else 'files':<11} {printable(file)}")
    if measured:
        _show_scores(measured, each)


def lay_out(
    rows: Sequence[tuple[str, ...]], about: Sequence[str], width: int | None = None
) -> Iterator[str]:
    """Lines of columns, none cut, with a remark at the end of each or, without room, below it.

    Args:
        rows: Of equal lengths.
        about: A remark a row.
        width: Of a line; None: of the terminal, without end in a pipe.
    """
    width = width or stdout_console().width
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    has_room = sum(widths) + 2 * len(widths) + max(map(len, about)) <= width
    for row, remark in zip(rows, about, strict=True):
        line = "  ".join(cell.ljust(own) for cell, own in zip(row, widths, strict=True))
        yield f"{line}  {remark}" if has_room else f"{line.rstrip()}\n    {remark}"


def _describe_intrinsic(intrinsic: Intrinsic) -> str:
    """Return an intrinsic image in words: "shading (linear, up to scale)"."""
    said = [intrinsic.space.value]
    if intrinsic.is_up_to_scale:
        said.append("up to scale")
    said += [channel for channel in intrinsic.channels if channel]
    return f"{intrinsic.name} ({', '.join(said)})"


def _show_scores(measured: Sequence[Score], each: bool) -> None:
    """Print the mean of each set, or each picture's own."""
    from marigold_cli.checkpoints.scores import average

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("scores")
    table.add_column("picture" if each else "pictures", justify="left" if each else "right")
    for title in ("AbsRel", "delta1"):
        table.add_column(title, justify="right")
    for one in measured if each else average(measured):
        what = printable(one.picture) if isinstance(one, Score) else f"{one.count}"
        table.add_row(printable(one.set), what, f"{one.abs_rel:.3f}", f"{one.delta1:.3f}")
    put("")
    stdout_console().print(table)


def _bar() -> type[object] | None:
    """Return what draws a download's progress; None where nothing can be redrawn."""
    if not is_live(stderr_console()):
        return None
    from huggingface_hub.utils import tqdm

    bar: type[object] = tqdm
    return bar
