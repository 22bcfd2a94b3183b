"""Results as text: a table for people, Markdown for a paper, CSV per picture, JSON for programs."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import StringIO

from marigold_cli.evaluation.comparison import Skip
from marigold_cli.evaluation.measure import BOUNDARY, ORDER, Result
from marigold_cli.evaluation.published import PUBLISHED
from marigold_cli.metrics import METRICS

_TITLES = {
    **{metric.key: metric.title for metric in METRICS},
    BOUNDARY: "F1 edge↑",
    ORDER: "order↑",
    "mean": "mean°↓",
    "median": "median°↓",
    "below_11_25": "11.25°↑",
    "below_22_5": "22.5°↑",
    "below_30": "30°↑",
}
_ANGLES = ("mean", "median")  # [degrees]
_HEADLINES = ("abs_rel", "delta1", ORDER, "mean", "below_11_25")  # of a table over several sets
_NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """Cells of text, one row a method.

    Attributes:
        title: What was measured on.
        header: One word for each column.
        rows: Cells, as many as the header has.
        foot: Notes, a sentence each.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    foot: tuple[str, ...]


def make_tables(results: Sequence[Result]) -> list[Table]:
    """One table with every metric for each data set, the papers' numbers in their own rows."""
    sets = dict.fromkeys(result.data for result in results)
    return [_make_table([one for one in results if one.data == name]) for name in sets]


def make_overview(results: Sequence[Result]) -> Table:
    """One table over all data sets as papers print it: in percent, and angles in degrees."""
    sets = {result.data: result for result in results}
    measured = {(result.data, key) for result in results for key in result.keys}
    columns = [
        (name, result.title, key)
        for name, result in sets.items()
        for key in _HEADLINES
        if (name, key) in measured
    ]
    methods = dict.fromkeys(result.method for result in results)
    means = {(one.method, one.data, key): one.mean(key) for one in results for key in one.keys}
    rows = [
        (method, *(_headline(key, means.get((method, name, key))) for name, _, key in columns))
        for method in methods
    ]
    theirs = [
        (
            _published(row.method),
            *(_headline(key, row.scores.get(title, {}).get(key)) for _, title, key in columns),
        )
        for row in PUBLISHED
        if any(title in row.scores for _, title, _ in columns)
    ]
    header = ("method", *(f"{_name(sets[name])} {_TITLES[key]}" for name, _, key in columns))
    foot = [f"{row.method}: {row.source}" for row in PUBLISHED] if theirs else []
    has_angles = any(key in _ANGLES for *_, key in columns)
    title = "percent; angles in degrees" if has_angles else "percent"
    return Table(title, header, (*rows, *theirs), tuple(foot))


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables as Markdown."""
    return "\n".join(line for table in tables for line in _markdown_lines(table))


def to_csv(result: Result) -> str:
    """Write one line for each picture, those that do not count with the reason."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    keys = result.keys
    writer.writerow(["picture", "group", *keys, "scale", "shift", "coverage", "weight", "skipped"])
    for row in result.rows:
        scores = [repr(row.scores[key]) for key in keys]
        fitted = [repr(row.scale), repr(row.shift), repr(row.coverage), row.weight]
        writer.writerow([_ascii(row.name), row.group, *scores, *fitted, ""])
    for skip in result.skips:
        empty = [""] * (len(keys) + 5)
        writer.writerow([_ascii(skip.name), *empty, _ascii(skip.reason)])
    return file.getvalue()


def to_json(results: Sequence[Result]) -> str:
    """Write all results as one JSON object, with the papers' numbers; undefined scores are null."""
    facts = {
        "results": [_facts(result) for result in results],
        "published": [
            asdict(row)
            for row in PUBLISHED
            if any(result.title in row.scores for result in results)
        ],
    }
    return json.dumps(facts, allow_nan=False)


def _make_table(results: Sequence[Result]) -> Table:
    keys = tuple(dict.fromkeys(key for result in results for key in result.keys))
    header = ("method", *(_TITLES[key] for key in keys), "s/picture", "memory", "passes", "n")
    rows = [
        (
            result.method,
            *(_number(key, result.mean(key)) for key in keys),
            *_cost_cells(result),
            f"{len(result.rows):,}",
        )
        for result in results
    ]
    theirs = [
        (
            _published(row.method),
            *(_number(key, row.scores[title].get(key)) for key in keys),
            *[_NOTHING] * 4,
        )
        for title in {result.title for result in results}
        for row in PUBLISHED
        if title in row.scores
    ]
    first = results[0]
    title = f"{_name(first)}, {_alignments(results)}"
    return Table(title, header, (*rows, *theirs), tuple(_foot(results)))


def _name(result: Result) -> str:
    return result.title if result.title.lower() == result.data else result.data


def _published(method: str) -> str:
    return f"{method} (published)"


def _alignments(results: Sequence[Result]) -> str:
    words = dict.fromkeys(str(result.alignment) for result in results)
    return f"alignment: {', '.join(words)}"


def _cost_cells(result: Result) -> tuple[str, str, str]:
    cost = result.cost
    return (
        _NOTHING if cost.seconds is None else f"{cost.seconds:.2f}",
        _NOTHING if cost.peak_bytes is None else f"{cost.peak_bytes / 2**30:.2f} GiB",
        _NOTHING if cost.evaluations is None else f"{cost.evaluations}",
    )


def _foot(results: Sequence[Result]) -> Iterator[str]:
    shared = [note for note in results[0].notes if all(note in one.notes for one in results)]
    yield from shared
    for result in results:
        yield from (f"{result.method}: {note}" for note in result.notes if note not in shared)
        yield from (f"{result.method}: {line}" for line in _skips(result.skips))
    sources = dict.fromkeys(
        f"{row.method}: published in {row.source}"
        for row in PUBLISHED
        if results[0].title in row.scores
    )
    yield from sources


def _skips(skips: Sequence[Skip]) -> Iterator[str]:
    for reason, count in Counter(skip.reason for skip in skips).items():
        first = next(skip.name for skip in skips if skip.reason == reason)
        others = f" and {count - 1} more" if count > 1 else ""
        yield f"{count} not counted ({reason}): {first}{others}"


def _number(key: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return _NOTHING
    return f"{value:.3g}" if abs(value) >= 1000 else f"{value:.{2 if key == 'silog' else 3}f}"


def _headline(key: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return _NOTHING
    return f"{value if key in _ANGLES else 100 * value:.1f}"


def _markdown_lines(table: Table) -> Iterator[str]:
    yield f"### {_cell(table.title)}"
    yield ""
    yield f"| {' | '.join(map(_cell, table.header))} |"
    yield f"|---|{'---:|' * (len(table.header) - 1)}"
    for row in table.rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""
    for note in table.foot:
        yield f"- {_cell(note)}"
    if table.foot:
        yield ""


def _cell(text: str) -> str:
    """Text that neither ends a cell nor begins markup."""
    plain = _ascii(text).replace("\n", " ")
    return "".join(f"\\{letter}" if letter in "\\|`*_<>[]" else letter for letter in plain)


def _ascii(text: str) -> str:
    """Text that any file takes: bytes of names that are not UTF-8 are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _facts(result: Result) -> dict[str, object]:
    means = {key: result.mean(key) for key in result.keys}
    return {
        "data": result.data,
        "title": result.title,
        "method": result.method,
        "alignment": str(result.alignment),
        "pictures": len(result.rows),
        "means": {key: None if math.isnan(mean) else mean for key, mean in means.items()},
        "skipped": [asdict(skip) for skip in result.skips],
        "cost": asdict(result.cost),
        "notes": list(result.notes),
    }
