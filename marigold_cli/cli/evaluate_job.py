"""What `marigold evaluate` does once its flags are read: predict, measure, write, print."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table as RichTable

from marigold_cli.batch.options import ModelOptions, OutputOptions, Policy, RunOptions
from marigold_cli.checkpoints.card import AnyCard
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.cli import job
from marigold_cli.cli.console import announced, printable, put, say, stdout_console
from marigold_cli.cli.job import Talk
from marigold_cli.errors import ExitCode, UsageError
from marigold_cli.evaluation.alignment import choose_alignment
from marigold_cli.evaluation.baselines import baselines
from marigold_cli.evaluation.comparison import check_truth
from marigold_cli.evaluation.cost import forget_peak, keep_peak, peak_memory
from marigold_cli.evaluation.datasets import DataSet, open_datasets
from marigold_cli.evaluation.measure import Result, measure
from marigold_cli.evaluation.options import Alignment, EvaluateOptions
from marigold_cli.evaluation.predictions import Predictions, open_run
from marigold_cli.evaluation.sheet import draw_sheet
from marigold_cli.evaluation.staging import stage
from marigold_cli.evaluation.tables import (
    Table,
    make_overview,
    make_tables,
    to_csv,
    to_json,
    to_markdown,
)
from marigold_cli.files.disk import write_whole
from marigold_cli.inference.options import PredictOptions

__all__ = ["Talk", "Wanted", "carry_out"]


@dataclass(frozen=True)
class Wanted:
    """Everything that `marigold evaluate` was asked."""

    asked: EvaluateOptions
    models: tuple[ModelOptions, ...]
    recipe: PredictOptions
    policy: Policy


def carry_out(wanted: Wanted, talk: Talk) -> int:
    """Measure everything, write and print the tables, and return the exit code.

    Raises:
        typer.Exit: a run of a model came to no end; its code is that of the evaluation.
    """
    asked, console = wanted.asked, talk.console()
    sets = open_datasets(asked)
    if asked.predictions and len(asked.predictions) != len(sets):
        raise UsageError("--predictions needs one OUT for each --dataset, in the same order")
    _check_names(wanted)
    results = [
        _measure(data, predictions, how, asked.out, console)
        for place, data in enumerate(sets)
        for predictions, how in _predictions(wanted, data, place, talk, console)
    ]
    _write(asked.out / "results.json", to_json(results) + "\n")
    tables = [make_overview(results), *make_tables(results)]
    _write(asked.out / "tables.md", to_markdown(tables))
    if talk.json:
        put(to_json(results))
    else:
        for table in tables[1:]:
            _print(table)
    if not talk.quiet:
        say(f"tables and sheets: {printable(asked.out)}", console=console)
    return ExitCode.PARTIAL if any(result.skips for result in results) else ExitCode.OK


def _check_names(wanted: Wanted) -> None:
    """See that each model's results have a place of their own, before hours go into them.

    Raises:
        UsageError: two share a name.
    """
    cards = [resolve(one.name, one.revision, wanted.recipe.fast) for one in wanted.models]
    for name, number in Counter(map(_name_of, cards)).items():
        if number > 1:
            raise UsageError(f"{number} models are called {name}; measure each with its own --out")


def _predictions(
    wanted: Wanted, data: DataSet, place: int, talk: Talk, console: Console
) -> Iterator[tuple[Predictions, Alignment]]:
    """Everything that is measured on one data set, one after the other, and how it is aligned."""
    asked = wanted.asked
    if asked.predictions:
        yield open_run(asked.predictions[place], data, asked.kind), asked.alignment
    else:
        for model in wanted.models:
            yield _predict(wanted, model, data, talk), asked.alignment
    if asked.baselines:
        with announced(console, f"reading the truth of {data.key}"):
            made = baselines(data)
        yield from ((one, Alignment.AUTO) for one in made)


def _predict(wanted: Wanted, model: ModelOptions, data: DataSet, talk: Talk) -> Predictions:
    """Run a model on a data set's pictures, as `marigold run` would, and go on where it stopped."""
    card = resolve(model.name, model.revision, wanted.recipe.fast)
    choose_alignment(card.kind, wanted.asked.alignment)
    check_truth(data, card.kind)
    folder = wanted.asked.out / _slug(data.key)
    pictures, out = folder / "pictures", folder / _name_of(card) / "predictions"
    stage(data, pictures)
    forget_peak()
    run = RunOptions(
        inputs=(str(pictures),),
        out=out,
        predict=_at_size(wanted.recipe, data),
        model=model,
        # Small maps take little room, and become full size by the very steps of a run.
        output=OutputOptions(formats=("npy",), size="processing"),
        policy=wanted.policy,
    )
    summary = job.run(run, replace(talk, json=False))
    if (code := job.code_of(summary)) not in (ExitCode.OK, ExitCode.PARTIAL):
        raise typer.Exit(code)
    if summary.done:
        keep_peak(out, peak_memory())
    return open_run(out, data)


def _name_of(card: AnyCard) -> str:
    """What a model's results are called."""
    return _slug(Path(card.name).name)


def _at_size(recipe: PredictOptions, data: DataSet) -> PredictOptions:
    """The protocol's processing size, unless the user chose one."""
    if recipe.resolution is not None or data.protocol.resolution is None:
        return recipe
    return replace(recipe, resolution=data.protocol.resolution)


def _measure(
    data: DataSet, predictions: Predictions, how: Alignment, out: Path, console: Console
) -> Result:
    """Measure, and write what belongs to one method on one data set."""
    with announced(console, f"measuring {predictions.title} on {data.key}"):
        result = measure(data, predictions, how)
        sheet = draw_sheet(data, predictions, result)
    name = out / _slug(data.key) / _slug(predictions.title)
    _write(name.with_name(name.name + ".csv"), to_csv(result))
    if sheet:
        _write(name.with_name(name.name + ".png"), sheet)
    return result


def _write(path: Path, content: str | bytes) -> None:
    write_whole(path, content if isinstance(content, bytes) else content.encode(), fsync=False)


def _print(table: Table) -> None:
    drawn = RichTable(title=printable(table.title), box=None, pad_edge=False, title_justify="left")
    for place, word in enumerate(table.header):
        drawn.add_column(word, justify="right" if place else "left", no_wrap=place > 0)
    for row in table.rows:
        drawn.add_row(*map(printable, row))
    console = stdout_console()
    console.print(drawn)
    for note in table.foot:
        console.print(f"  {printable(note)}", soft_wrap=True)
    console.print()


def _slug(text: str) -> str:
    """A file name of a title."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "unnamed"
