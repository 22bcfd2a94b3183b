"""Predictions that look at no picture: what a model must beat to have seen anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marigold_cli.depth import DepthKind
from marigold_cli.evaluation.datasets import DataSet, Truth
from marigold_cli.evaluation.layouts import Sample
from marigold_cli.evaluation.predictions import Predictions, Reader
from marigold_cli.metrics import Array

_GRID = (48, 64)  # rows and columns of the mean map


def baselines(data: DataSet) -> list[Predictions]:
    """Every baseline that makes sense on a data set; for one of them, all truth is read.

    Raises:
        DataSetError: truth that is missing or broken.
    """
    if any(sample.normals and not sample.truth for sample in data.samples):
        return [Predictions("towards the viewer", DepthKind.NORMALS, towards_viewer)]
    readers: dict[str, Reader] = {"vertical ramp": ramp}
    if not any(sample.pairs for sample in data.samples):
        readers = {"constant": constant, **readers, "best plane, knowing the truth": plane}
        if len(data.samples) > 1:
            readers["mean map of the others"] = gather_mean_map(data).read
    return [Predictions(title, DepthKind.AFFINE_DEPTH, read) for title, read in readers.items()]


def towards_viewer(data: DataSet, sample: Sample, truth: Truth) -> Array | str:
    """Normals of a wall that faces the camera, everywhere."""
    return np.broadcast_to((0.0, 0.0, 1.0), (*truth.depth.shape, 3))


def constant(data: DataSet, sample: Sample, truth: Truth) -> Array | str:
    """The same depth everywhere, which alignment makes the picture's mean."""
    return np.ones(truth.depth.shape)


def ramp(data: DataSet, sample: Sample, truth: Truth) -> Array | str:
    """Far at the top and near at the bottom, from 1 to 0."""
    height, width = truth.depth.shape
    return np.repeat(np.linspace(1, 0, height)[:, None], width, 1)


def plane(data: DataSet, sample: Sample, truth: Truth) -> Array | str:
    """The best a + b * row + c * column by least squares; it knows the truth."""
    height, width = truth.depth.shape
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    design = np.stack((np.ones_like(rows), rows, columns), -1)
    known = truth.depth[truth.valid].astype(np.float64)
    factors, *_ = np.linalg.lstsq(design[truth.valid], known, rcond=None)
    return np.asarray(design @ factors)


@dataclass(frozen=True)
class MeanMap:
    """The mean of the other pictures' depth, each brought to mean 0 and deviation 1 before.

    Attributes:
        maps: By the picture's name, float64 [48, 64]; NaN: nothing measured there.
    """

    maps: dict[str, Array]

    def read(self, data: DataSet, sample: Sample, truth: Truth) -> Array | str:
        """The mean over all other pictures, as large as this one."""
        stack = np.stack([one for name, one in self.maps.items() if name != sample.image])
        known = ~np.isnan(stack)
        total, count = np.where(known, stack, 0).sum(0), known.sum(0)
        return _enlarge(total / np.maximum(count, 1), truth.depth.shape)


def gather_mean_map(data: DataSet) -> MeanMap:
    """Read every truth once."""
    return MeanMap({sample.image: _shrink(data.read_truth(sample)) for sample in data.samples})


def _shrink(truth: Truth) -> Array:
    """Mean of the known depth in each cell of a grid, normalised; NaN where there is none."""
    rows, columns = np.nonzero(truth.valid)
    height, width = truth.depth.shape
    cells = (rows * _GRID[0] // height) * _GRID[1] + columns * _GRID[1] // width
    known = truth.depth[truth.valid].astype(np.float64)
    count, total = (np.bincount(cells, by, _GRID[0] * _GRID[1]) for by in (None, known))
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(_GRID)
    if not known.size:
        return means
    return np.asarray((means - known.mean()) / max(known.std(), 1e-12))


def _enlarge(values: Array, size: tuple[int, ...]) -> Array:
    """Bilinear, between the centres of cells."""
    for axis, length in enumerate(size):
        cells = values.shape[axis]
        at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
        low = np.minimum(at.astype(np.intp), cells - 2)
        share = np.expand_dims(at - low, 1 - axis)
        first, second = values.take(low, axis), values.take(low + 1, axis)
        values = first + share * (second - first)
    return values
