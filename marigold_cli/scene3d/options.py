"""What a user may ask of an alignment and of an export. Knows no more than numbers and paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from marigold_cli.errors import UsageError


@dataclass(frozen=True)
class PointFilter:
    """Which sparse points are believed."""

    min_track: int = 3  # images that saw the point; 2 where a photo has fewer than 100 such points
    max_error_px: float = 2.0  # its mean reprojection error; in one image it may be twice that


@dataclass(frozen=True)
class Gates:
    """The limits; a photo outside of one is named and not exported.

    Attributes:
        min_points: Points that the line meets.
        min_inliers: Their share among all points.
        min_coverage: Share of 8 x 8 cells of the picture that hold one of them.
        max_error: Median relative error at the points.
        min_gain: Share of the error of one depth for the whole picture that the line must take
            away; where the error is below 2 %, the relief is too flat to tell.
        max_behind: Share of the map that the line puts behind the camera.
        min_agreement: Share of the pixels that neighbouring views confirm.
        tolerance: Relative error that a point the line meets may have.
    """

    min_points: int = 30
    min_inliers: float = 0.5
    min_coverage: float = 0.1
    max_error: float = 0.1
    min_gain: float = 0.3
    max_behind: float = 0.1
    min_agreement: float = 0.4
    tolerance: float = 0.15


@dataclass(frozen=True)
class ReferenceOptions:
    """A folder of measured depth, named after the photos.

    Attributes:
        folder: Where the files are; sub-folders as those of the photos.
        step: What one step of a PNG is, in the unit that the depth shall have.
        intrinsics: Focal lengths and principal point [px of the depth map], for PLY; None: of the
            sparse model.
    """

    folder: Path
    step: float = 0.001
    intrinsics: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.step < float("inf"):
            raise UsageError(f"--png-step {self.step}: say what one step of a PNG is, above 0")
        if self.intrinsics and not min(self.intrinsics[:2]) > 0:
            raise UsageError(f"--intrinsics {self.intrinsics}: focal lengths are above 0")


@dataclass(frozen=True)
class AlignOptions:
    """What a user may ask of an alignment.

    Attributes:
        out: The output folder of a finished run.
        colmap: Folder of a sparse model, for cameras and, without references, for points.
        reference: Measured depth to fit to.
        metres: How many metres one unit of that depth is; None: not known.
        points: Which sparse points are believed.
        gates: What a fit must pass.
        refine: Whether all lines are refined together by what neighbouring views both see.
        maps: Whether metric depth maps are written beside the run's.
        masks: Whether masks of what neighbouring views confirm are written too.
        fsync: False trades safety at power loss for speed.
    """

    out: Path
    colmap: Path | None = None
    reference: ReferenceOptions | None = None
    metres: float | None = None
    points: PointFilter = field(default_factory=PointFilter)
    gates: Gates = field(default_factory=Gates)
    refine: bool = True
    maps: bool = True
    masks: bool = False
    fsync: bool = True

    def __post_init__(self) -> None:
        if self.colmap is None and self.reference is None:
            raise UsageError("say what to align to: --colmap DIR or --align-to DIR")
        if self.masks and self.colmap is None:
            raise UsageError("--masks compares views, so it needs their cameras: add --colmap DIR")
        if self.metres is not None and not 0 < self.metres < float("inf"):
            raise UsageError(f"--scale {self.metres}: say how many metres one unit is, above 0")

    @property
    def source(self) -> Path:
        """Where cameras and unit come from: the sparse model, else the references."""
        if self.colmap:
            return self.colmap
        assert self.reference is not None
        return self.reference.folder


@dataclass(frozen=True)
class TrustOptions:
    """Which pixels an export believes; None leaves a test out.

    Attributes:
        edges: Relative jump of depth that makes an edge.
        uncertainty: Relative spread of the ensemble that is too much.
        consistent: Whether to leave out what other views contradict, where masks were written.
    """

    edges: float | None = 0.04
    uncertainty: float | None = 0.1
    consistent: bool = True


@dataclass(frozen=True)
class ExportOptions:
    """What a user may ask of an export.

    Attributes:
        out: The output folder of an aligned run.
        layout: One of `exports.LAYOUTS`.
        scene: The scene folder of the tool: with a sparse model, and images where they are needed.
        trust: Which pixels are believed.
        normals: Folder of NAME_normals.npy; None: they are made from the depth.
        most_points: Of one photo's point cloud.
        overwrite: Whether files may be replaced that no export of ours wrote.
        fsync: False trades safety at power loss for speed.
    """

    out: Path
    layout: str
    scene: Path
    trust: TrustOptions = field(default_factory=TrustOptions)
    normals: Path | None = None
    most_points: int = 1_000_000
    overwrite: bool = False
    fsync: bool = True
