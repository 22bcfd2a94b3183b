"""What an alignment writes beside a run: metric depth, and masks of what other views confirm."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from marigold_cli.batch.folder import Workplace
from marigold_cli.errors import NoInputError
from marigold_cli.files.atomic import write_durably
from marigold_cli.files.disk import output_errors
from marigold_cli.files.npy import stream_npy
from marigold_cli.scene3d.alignment import (
    CONSISTENT_SUFFIX,
    METRIC_SUFFIX,
    Alignment,
    PhotoAlignment,
    load_alignment,
    to_depth,
)
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.overlap import AGREES, Sight, look, shrink
from marigold_cli.scene3d.resample import resize
from marigold_cli.scene3d.results import Results

Marks = NDArray[np.uint8]

CONFIRMED, UNSEEN, CONTRADICTED = 255, 128, 0  # by other views; black is to be left out

_THREADS = 2  # each holds a whole depth map
_LONG_EDGE = 768  # of maps while they are compared [px]
_KEPT = 256  # reduced maps in memory, 2 MB each: two strips of a flight that lie side by side


def discard_maps(results: Results) -> None:
    """Remove what an earlier alignment wrote beside a run: it is of other lines.

    Photos that have lost their depth since are in its record only.

    Raises:
        OutputError: a file cannot be removed.
    """
    names = set(results.photos)
    with suppress(NoInputError):
        names |= {photo.name for photo in load_alignment(results.out).photos}
    for name in names:
        for suffix in (METRIC_SUFFIX, CONSISTENT_SUFFIX):
            path = results.out / (stem_of(name) + suffix)
            with output_errors(path), suppress(FileNotFoundError):
                path.unlink()


def write_metric(alignment: Alignment, results: Results, place: Workplace) -> None:
    """Write NAME_metric.npy for every accepted photo: float32 [H, W], NaN where unknown.

    In metres where the alignment knows them, else in the unit of what it was fitted to.

    Raises:
        OutputError: the folder takes no more files.
    """

    def write(photo: PhotoAlignment) -> None:
        assert photo.affine is not None
        values = results.load_depth(results.photos[photo.name])
        depth = to_depth(values, photo.affine, alignment.kind) * np.float32(alignment.metres or 1)
        files = [(stem_of(photo.name) + METRIC_SUFFIX, stream_npy(depth.shape, [depth]))]
        write_durably(place.root, files, place.temporary, place.fsync)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(write, alignment.accepted.values()))


def write_consistency(
    alignment: Alignment,
    results: Results,
    sights: Sequence[Sight | None],
    pairs: Sequence[tuple[int, int]],
    place: Workplace,
) -> None:
    """Write NAME_consistent.png for every photo that can be compared: 8-bit grey, as large.

    255 where another view confirms the depth, 0 where others look through it, 128 where none sees.

    Args:
        alignment: Its photos are in the order of the sights.
        results: Where the depth is.
        sights: The photos with their lines; None: left out.
        pairs: Ordered pairs of neighbours.
        place: Where to write.
    """

    @lru_cache(_KEPT)
    def load(index: int) -> tuple[Sight, tuple[int, int]]:
        sight = sights[index]
        assert sight is not None
        values = results.load_depth(results.photos[alignment.photos[index].name])
        height, width = values.shape
        return replace(sight, values=shrink(values, _LONG_EDGE)), (height, width)

    beside: dict[int, list[int]] = {}
    for first, second in pairs:
        beside.setdefault(first, []).append(second)
    for index, photo in enumerate(alignment.photos):
        if sights[index] is None:
            continue
        sight, shape = load(index)
        others = [load(second)[0] for second in beside.get(index, ())]
        marks = resize(confirm(sight, others), *shape)
        files = [(stem_of(photo.name) + CONSISTENT_SUFFIX, bytes(imagecodecs.png_encode(marks)))]
        write_durably(place.root, files, place.temporary, place.fsync)


def confirm(sight: Sight, others: Sequence[Sight]) -> Marks:
    """Tell for every pixel of a photo's reduced map what other views say of its depth."""
    votes = np.zeros((2, *sight.values.shape), np.int32)  # for, against
    for other in others:
        overlap = look([sight, other], 0, 1)
        ratio = overlap.log_ratio
        for side, mask in enumerate((np.abs(ratio) <= AGREES, ratio < -AGREES)):
            votes[side, overlap.rows[mask], overlap.columns[mask]] += 1
    marks = np.full(sight.values.shape, UNSEEN, np.uint8)
    marks[votes[0] > 0] = CONFIRMED
    marks[votes[1] > votes[0]] = CONTRADICTED
    return marks
