"""What a user may ask of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from marigold_cli.depth import DepthKind


class DataSetName(StrEnum):
    """What `--dataset` takes."""

    NYUV2 = "nyuv2"
    KITTI = "kitti"
    ETH3D = "eth3d"
    SCANNET = "scannet"
    DIODE = "diode"
    DA_2K = "da-2k"  # point pairs instead of depth
    NYUV2_NORMALS = "nyuv2-normals"
    SCANNET_NORMALS = "scannet-normals"
    IBIMS_NORMALS = "ibims-normals"
    SINTEL_NORMALS = "sintel-normals"
    DIODE_NORMALS = "diode-normals"
    OASIS_NORMALS = "oasis-normals"
    FOLDER = "folder"  # one's own pictures with depth or normals


class Alignment(StrEnum):
    """How a prediction is brought to the truth's unit before it is compared."""

    AUTO = "auto"  # by the kind of the prediction: the first two for affine ones, none for metric
    DEPTH = "least-squares"  # scale and shift in depth
    DISPARITY = "least-squares-disparity"  # scale and shift in 1 / depth
    MEDIAN = "median"  # the ratio of medians
    NONE = "none"


@dataclass(frozen=True)
class FolderOptions:
    """How one's own depth files are to be read.

    Attributes:
        depth_scale: Metres (or any unit) of one step of integers; None: of floats only.
        min_depth: What is nearer is no truth, and no prediction is nearer.
        max_depth: The same for what is farther; None: no bound.
    """

    depth_scale: float | None = None
    min_depth: float = 0.0
    max_depth: float | None = None


@dataclass(frozen=True)
class EvaluateOptions:
    """Everything that `marigold evaluate` was asked about data and scores.

    Attributes:
        datasets: What to measure on.
        data: A place for each of them, or one for all: the bundle that holds them.
        predictions: Output folders of finished runs, one for each data set; empty: run a model.
        kind: What the numbers of a folder without marigold.json mean.
        lists: List files for the data sets in order; empty: those beside the data.
        alignment: How predictions are brought to the truth's unit.
        baselines: Whether to add rows of what needs no picture.
        folder: For the data set "folder".
        out: Folder of tables, pictures and predictions.
    """

    datasets: tuple[DataSetName, ...] = ()
    data: tuple[Path, ...] = ()
    predictions: tuple[Path, ...] = ()
    kind: DepthKind | None = None
    lists: tuple[Path, ...] = ()
    alignment: Alignment = Alignment.AUTO
    baselines: bool = False
    folder: FolderOptions = FolderOptions()
    out: Path = Path("evaluation")
