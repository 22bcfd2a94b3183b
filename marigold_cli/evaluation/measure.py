"""Every picture of a data set against its truth, and the mean over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from marigold_cli.batch.ahead import map_ahead
from marigold_cli.depth import DepthKind
from marigold_cli.errors import DataSetError
from marigold_cli.evaluation.alignment import choose_alignment
from marigold_cli.evaluation.comparison import (
    UNMEASURED,
    Skip,
    check_truth,
    compare,
    compare_normals,
)
from marigold_cli.evaluation.cost import NO_COST, Cost
from marigold_cli.evaluation.datasets import DataSet
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.evaluation.options import Alignment
from marigold_cli.evaluation.predictions import Predictions
from marigold_cli.metrics import (
    METRICS,
    Array,
    angular_errors,
    boundary_f1,
    normal_scores,
    order_accuracy,
    select,
)

BOUNDARY, ORDER = "boundary_f1", "order"  # scores that are not of `METRICS`

_THREADS = 2


@dataclass(frozen=True)
class Row:
    """What came of one picture.

    Attributes:
        name: The picture's.
        group: The picture's; may be empty.
        scores: By metric; NaN: not defined here.
        weight: 1, or the number of point pairs.
        scale: Fitted; negative: the prediction was upside down.
        shift: Fitted.
        coverage: Share of the measured pixels that were predicted.
    """

    name: str
    group: str
    scores: Mapping[str, float]
    weight: int = 1
    scale: float = 1.0
    shift: float = 0.0
    coverage: float = 1.0


@dataclass(frozen=True)
class Result:
    """What came of one data set.

    Attributes:
        data: The set's key.
        title: The set's title.
        method: Whose predictions.
        alignment: How they were brought to the truth's unit.
        rows: Pictures that count.
        skips: Pictures that do not.
        cost: What one prediction took.
        notes: What a reader of the table must know, in words.
    """

    data: str
    title: str
    method: str
    alignment: Alignment
    rows: tuple[Row, ...]
    skips: tuple[Skip, ...]
    cost: Cost = NO_COST
    notes: tuple[str, ...] = ()

    def mean(self, key: str) -> float:
        """The mean over pictures, or over all point pairs; NaN where no picture has the score."""
        rows = [row for row in self.rows if not np.isnan(row.scores.get(key, np.nan))]
        if not rows:
            return float("nan")
        weights = [row.weight for row in rows]
        return float(np.average([row.scores[key] for row in rows], weights=weights))

    @property
    def keys(self) -> tuple[str, ...]:
        """Metrics that were measured, in the order of tables."""
        return tuple(self.rows[0].scores) if self.rows else ()


def measure(
    data: DataSet,
    predictions: Predictions,
    asked: Alignment = Alignment.AUTO,
    tell: Callable[[int], None] = lambda _: None,
) -> Result:
    """Measure every picture.

    Args:
        data: The pictures and their truth.
        predictions: Of these pictures.
        asked: How to align.
        tell: Hears how many pictures are done.

    Raises:
        UsageError: an alignment that means nothing for these predictions.
        DataSetError: truth or prediction that is broken or of another size, or nothing to measure.
    """
    how = choose_alignment(predictions.kind, asked)
    check_truth(data, predictions.kind)
    score = partial(score_picture, data, predictions, how)
    outcomes: list[Row | Skip] = []
    for outcome in map_ahead(score, data.samples, lambda _: 0, _THREADS, _THREADS, 1):
        outcomes.append(outcome)
        tell(len(outcomes))
    rows = tuple(one for one in outcomes if isinstance(one, Row))
    skips = tuple(one for one in outcomes if isinstance(one, Skip))
    if not rows:
        raise DataSetError(_explain_nothing(data, skips))
    return Result(
        data=data.key,
        title=data.protocol.title,
        method=predictions.title,
        alignment=how,
        rows=rows,
        skips=skips,
        cost=predictions.cost,
        notes=(*data.notes, *_notes(rows, how), *_notes_on_pixels(data)),
    )


def score_picture(
    data: DataSet, predictions: Predictions, how: Alignment, sample: Sample
) -> Row | Skip:
    """Measure one picture."""
    if sample.pairs:
        return _score_pairs(data, predictions, sample)
    if predictions.kind is DepthKind.NORMALS:
        return _score_normals(data, predictions, sample)
    compared = compare(data, predictions, how, sample)
    if isinstance(compared, Skip):
        return compared
    truth, depth, fit = compared.truth, compared.aligned.depth, compared.aligned.fit
    ours, theirs = select(depth, truth.depth, truth.valid)
    if not ours.size:
        return Skip(sample.image, "no pixel that was measured is predicted")
    scores = {metric.key: metric.formula(ours, theirs) for metric in METRICS}
    scores[BOUNDARY] = boundary_f1(depth, truth.depth, truth.valid)
    coverage = ours.size / int(np.count_nonzero(truth.valid))
    return Row(sample.image, sample.group, scores, 1, fit.scale, fit.shift, coverage)


def _score_pairs(data: DataSet, predictions: Predictions, sample: Sample) -> Row | Skip:
    truth = data.read_size(sample)
    values = predictions.read(data, sample, truth)
    if isinstance(values, str):
        return Skip(sample.image, values)
    depth = -values if predictions.kind is DepthKind.AFFINE_DISPARITY else values
    nearer = _at([pair.nearer for pair in sample.pairs], depth, sample)
    farther = _at([pair.farther for pair in sample.pairs], depth, sample)
    scores = {ORDER: order_accuracy(nearer, farther)}
    return Row(sample.image, sample.group, scores, len(sample.pairs))


def _score_normals(data: DataSet, predictions: Predictions, sample: Sample) -> Row | Skip:
    compared = compare_normals(data, predictions, sample)
    if isinstance(compared, Skip):
        return compared
    errors = angular_errors(compared.predicted, compared.truth)
    if not errors.size:
        return Skip(sample.image, "no pixel of its normals is measured")
    weight = errors.size if data.protocol.counts_pixels else 1
    return Row(sample.image, sample.group, asdict(normal_scores(errors)), weight)


def _at(points: list[tuple[int, int]], depth: Array, sample: Sample) -> Array:
    rows, columns = np.array(points).T
    inside = (rows >= 0) & (rows < depth.shape[0]) & (columns >= 0) & (columns < depth.shape[1])
    if not inside.all():
        height, width = depth.shape
        raise DataSetError(f"{sample.image}: a point lies outside of its {width} x {height} px")
    values: Array = depth[rows, columns]
    return values


def _notes(rows: tuple[Row, ...], how: Alignment) -> list[str]:
    notes = []
    if turned := sum(row.scale < 0 for row in rows):
        notes.append(f"{turned} predictions fit best upside down (negative scale)")
    if partial_ones := sum(row.coverage < 1 for row in rows):
        share = np.mean([row.coverage for row in rows])
        notes.append(
            f"{partial_ones} predictions leave measured pixels out, which do not count "
            f"({share:.1%} are predicted)"
        )
    if how is Alignment.NONE and all(row.scores.get("abs_rel", 0) > 0.9 for row in rows):
        notes.append("every picture is far off without alignment: is the unit metres?")
    return notes


def _notes_on_pixels(data: DataSet) -> list[str]:
    if not data.protocol.counts_pixels:
        return []
    return ["means are over all pixels of the set; the median is that mean of picture medians"]


def _explain_nothing(data: DataSet, skips: tuple[Skip, ...]) -> str:
    reasons = {skip.reason for skip in skips}
    where, bounds = data.storage.root, data.protocol
    if reasons == {UNMEASURED}:
        return (
            f"{where}: no picture has depth between {bounds.min_depth:g} and "
            f"{bounds.max_depth:g}; is the scale of the depth files right?"
        )
    return f"{where}: none of {len(skips)} pictures can be measured: {sorted(reasons)[0]}"
