"""A contact sheet: picture, truth, prediction and error, the worst pictures first."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from marigold_cli.depth import Mask
from marigold_cli.evaluation.comparison import (
    Comparison,
    NormalsComparison,
    compare,
    compare_normals,
)
from marigold_cli.evaluation.datasets import DataSet
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.evaluation.measure import Result, Row
from marigold_cli.evaluation.predictions import Predictions
from marigold_cli.files.colormap import palette
from marigold_cli.files.orientation import Kind, turn_stored
from marigold_cli.files.raster import full_scale
from marigold_cli.metrics import Array, angular_errors

_ROWS = 12
_TILE = 280  # width of one picture [px]
_GAP, _LINE = 6, 18  # between pictures; height of the words above a row [px]
_WORST = 0.5  # relative error of the last colour
_WORST_ANGLE = 60.0  # error of normals of the last colour [degrees]
_UNKNOWN = np.array([90, 90, 90], np.uint8)

Picture = NDArray[np.uint8]  # [H, W, 3] sRGB


def draw_sheet(data: DataSet, predictions: Predictions, result: Result) -> bytes | None:
    """Draw the worst pictures by AbsRel or mean angle as a PNG; None: there are only point pairs.

    Raises:
        DataSetError: a picture that cannot be read.
    """
    key = next((key for key in _SORTS if key in result.keys), None)
    if key is None:
        return None
    strip, header = _SORTS[key]
    samples = {sample.image: sample for sample in data.samples}
    worst = sorted(result.rows, key=lambda row: -row.scores[key])[:_ROWS]
    strips = [strip(data, predictions, result, row, samples[row.name]) for row in worst]
    return _to_png(_stack([_words(header, strips[0].shape[1]), *strips]))


def _strip_of_depth(
    data: DataSet, predictions: Predictions, result: Result, row: Row, sample: Sample
) -> Picture:
    compared = compare(data, predictions, result.alignment, sample)
    assert isinstance(compared, Comparison)  # it was measured a moment ago
    size = _tile_size(compared.truth.depth.shape)
    photo = _photo(data, sample, compared.truth.full_size, size)
    words = f"AbsRel {row.scores['abs_rel']:.3f}  delta1 {row.scores['delta1']:.3f}  {row.name}"
    return _join(words, [photo, *_maps(compared, size)])


def _strip_of_normals(
    data: DataSet, predictions: Predictions, result: Result, row: Row, sample: Sample
) -> Picture:
    compared = compare_normals(data, predictions, sample)
    assert isinstance(compared, NormalsComparison)  # it was measured a moment ago
    full_size = (compared.truth.shape[0], compared.truth.shape[1])
    size = _tile_size(full_size)
    lengths = np.linalg.norm(compared.truth, axis=-1)
    known = np.isfinite(lengths) & (lengths > 0)
    error = np.zeros(full_size)
    error[known] = angular_errors(compared.predicted, compared.truth)
    tiles = [
        _photo(data, sample, full_size, size),
        _directions(compared.truth, size),
        _directions(compared.predicted, size),
        _colour(_pool(error, known, size) / _WORST_ANGLE, "magma"),
    ]
    words = f"mean {row.scores['mean']:.1f}°  median {row.scores['median']:.1f}°  {row.name}"
    return _join(words, tiles)


_SORTS = {  # by what pictures are sorted: how one is drawn, and what stands above all of them
    "abs_rel": (
        _strip_of_depth,
        "picture, truth, aligned prediction, relative error from 0 (dark) to 50 % (bright)",
    ),
    "mean": (
        _strip_of_normals,
        "picture, truth, prediction, error from 0 (dark) to 60 degrees (bright)",
    ),
}


def _join(words: str, tiles: list[Picture]) -> Picture:
    """One picture's tiles under a line of words."""
    size = tiles[0].shape
    gap = np.full((size[0], _GAP, 3), 255, np.uint8)
    pictures = np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], 1)
    return np.concatenate([_words(words, pictures.shape[1]), pictures])


def _tile_size(shape: tuple[int, ...]) -> tuple[int, int]:
    height, width = shape[:2]
    return max(1, round(_TILE * height / width)), _TILE


def _photo(
    data: DataSet, sample: Sample, full_size: tuple[int, int], size: tuple[int, int]
) -> Picture:
    """The picture in the truth's frame."""
    full_height, full_width = full_size
    photo = data.read_photo(sample)
    pixels = turn_stored(photo.pixels, photo.orientation)
    if pixels.shape[:2] == full_size:
        pixels = pixels[data.protocol.frame(full_height, full_width)]
    unit = full_scale(pixels.dtype)
    picture: Picture = (_nearest(pixels, size) * (255 / unit)).astype(np.uint8)
    return picture


def _maps(compared: Comparison, size: tuple[int, int]) -> tuple[Picture, Picture, Picture]:
    """Truth and prediction in the same colours, and the relative error."""
    truth, depth = compared.truth, compared.aligned.depth
    measured = truth.valid & ~np.isnan(depth)
    low, high = np.percentile(truth.depth[truth.valid], (2, 98))
    span = max(float(high - low), 1e-12)
    error = np.zeros(depth.shape)
    error[measured] = np.abs(depth[measured] / truth.depth[measured] - 1)
    return (
        _colour((_pool(truth.depth, truth.valid, size) - low) / span, "spectral"),
        _colour((_nearest(depth, size) - low) / span, "spectral"),
        _colour(_pool(error, measured, size) / _WORST, "magma"),
    )


def _directions(normals: Array, size: tuple[int, int]) -> Picture:
    """Normals as they are usually drawn; grey where nothing is known."""
    vectors = _nearest(normals, size)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    known = np.isfinite(lengths) & (lengths > 0)
    unit = np.where(known, vectors, 0) / np.where(known, lengths, 1)
    return np.where(known, ((unit + 1) * 127.5).round().astype(np.uint8), _UNKNOWN)


def _colour(share: Array, name: str) -> Picture:
    """Colours of shares in [0, 1]; grey where there is none (NaN)."""
    known = ~np.isnan(share)
    indices = (np.clip(np.where(known, share, 0), 0, 1) * 255).astype(np.uint8)
    return np.where(known[..., None], palette(name)[indices], _UNKNOWN)


def _pool(values: Array, known: Mask, size: tuple[int, int]) -> Array:
    """Mean of what is known in each cell, so that single points remain to be seen; else NaN."""
    if values.shape[0] < size[0] or values.shape[1] < size[1]:
        return np.where(_nearest(known, size), _nearest(values, size), np.nan)
    rows, columns = np.nonzero(known)
    rows, columns = rows * size[0] // values.shape[0], columns * size[1] // values.shape[1]
    cells, total = rows * size[1] + columns, size[0] * size[1]
    count = np.bincount(cells, minlength=total)
    sums = np.bincount(cells, values[known].astype(np.float64), total)
    means = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    return means.reshape(size)


def _nearest(values: NDArray[Kind], size: tuple[int, int]) -> NDArray[Kind]:
    rows, columns = (
        (np.arange(length) * there) // length
        for length, there in zip(size, values.shape[:2], strict=True)
    )
    chosen: NDArray[Kind] = values[rows[:, None], columns]
    return chosen


def _words(text: str, width: int) -> Picture:
    line = Image.new("RGB", (width, _LINE), "white")
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    ImageDraw.Draw(line).text((0, 2), plain, "black", ImageFont.load_default(12))
    return np.asarray(line)


def _stack(strips: list[Picture]) -> Picture:
    gap = np.full((_GAP, strips[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for strip in strips for part in (strip, gap)][:-1])


def _to_png(picture: Picture) -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=3)
    return file.getvalue()
