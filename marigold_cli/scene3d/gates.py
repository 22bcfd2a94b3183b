"""What a fit must pass before its depth is called metric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marigold_cli.depth import DepthKind, Doubles, Floats
from marigold_cli.fit import Affine
from marigold_cli.scene3d.alignment import PhotoAlignment
from marigold_cli.scene3d.observations import Anchors, Observations
from marigold_cli.scene3d.options import Gates
from marigold_cli.scene3d.robust import fit_robust, relative_residuals

_CELLS = 8  # along each side of the picture
_FLAT = 0.02  # relative error that is good enough even where there is hardly any relief


def fit_photo(
    photo: PhotoAlignment, anchors: Anchors, values: Floats, kind: DepthKind, gates: Gates
) -> PhotoAlignment:
    """Fit one photo's line to its points, and judge it.

    Args:
        photo: What is known of it so far.
        anchors: Its points.
        values: Its map, of any size.
        kind: Whether depth or disparity is on the line.
        gates: The limits.
    """
    count = anchors.values.size
    photo = replace(photo, points=count)
    if count < gates.min_points:
        return photo.refuse(f"only {_count(count)}, {gates.min_points} are needed")
    fit = fit_robust(anchors.values, targets(anchors.depth, kind), gates.tolerance)
    if fit is None:
        return photo.refuse("no line meets even two of its points")
    return judge(photo, fit.affine, anchors, values, kind, gates)


def judge(
    photo: PhotoAlignment,
    affine: Affine,
    anchors: Anchors,
    values: Floats,
    kind: DepthKind,
    gates: Gates,
) -> PhotoAlignment:
    """Measure a line against the photo's points and its map, and refuse it where it fails."""
    residuals = relative_residuals(affine, anchors.values, targets(anchors.depth, kind))
    met = np.abs(residuals) <= gates.tolerance
    error = float(np.median(np.abs(_depth_errors(residuals, kind))))
    photo = replace(
        photo,
        accepted=True,
        scale=affine.scale,
        shift=affine.shift,
        inliers=int(met.sum()),
        coverage=round(_coverage(anchors.keep(met)), 4),
        error=error if np.isfinite(error) else None,
        nearest=float(np.percentile(anchors.depth[met], 1)) if met.any() else None,
        farthest=float(np.percentile(anchors.depth[met], 99)) if met.any() else None,
    )
    # disparity below 0 is no more than very far away
    is_depth = kind is not DepthKind.AFFINE_DISPARITY
    behind = float(np.mean(affine(values) <= 0)) if is_depth else 0.0
    for reason in _objections(photo, _relief(anchors.depth), behind, gates):
        return photo.refuse(reason)
    return photo


def targets(depth: Doubles, kind: DepthKind) -> Doubles:
    """What is on the line: depth, or its inverse for disparity."""
    return 1 / depth if kind is DepthKind.AFFINE_DISPARITY else depth


def _depth_errors(residuals: Doubles, kind: DepthKind) -> Doubles:
    """Relative errors of depth, from those of what is on the line."""
    if kind is not DepthKind.AFFINE_DISPARITY:
        return residuals
    known = residuals > -1
    return np.divide(1, 1 + residuals, out=np.full_like(residuals, np.inf), where=known) - 1


def _relief(depth: Doubles) -> float:
    """Median relative error of one depth for all points."""
    return float(np.median(np.abs(depth / np.median(depth) - 1)))


def _objections(photo: PhotoAlignment, relief: float, behind: float, gates: Gates) -> list[str]:
    """Everything against a line, the plainest first.

    Where a scene is nearly flat, almost any line stays near to its points: what counts is how much
    better it does than no relief at all.
    """
    scale, error = photo.scale or 0.0, np.inf if photo.error is None else photo.error
    share = photo.inliers / max(photo.points, 1)
    found = (
        (scale <= 0, f"depth runs the wrong way (scale {scale:.3g})"),
        (not np.isfinite([scale, error]).all(), "scale or error is not a number"),
        (
            photo.inliers < gates.min_points,
            f"the line meets only {_count(photo.inliers)}, {gates.min_points} are needed",
        ),
        (share < gates.min_inliers, f"the line meets only {share:.0%} of {_count(photo.points)}"),
        (
            photo.coverage < gates.min_coverage,
            f"its points lie in {photo.coverage:.0%} of the picture only",
        ),
        (error > gates.max_error, f"median error {error:.1%} at its points"),
        (
            error > max(_FLAT, (1 - gates.min_gain) * relief),
            f"median error {error:.1%} where no relief at all would have {relief:.1%}",
        ),
        (
            behind > gates.max_behind,
            f"{behind:.0%} of the picture would lie behind the camera",
        ),
    )
    return [reason for is_so, reason in found if is_so]


def _coverage(observed: Observations) -> float:
    """Share of the cells of the picture that hold a point."""
    height, width = observed.size
    cells = np.floor(observed.pixels * _CELLS / [width, height]).clip(0, _CELLS - 1)
    return len(np.unique(cells, axis=0)) / _CELLS**2


def _count(points: int) -> str:
    return f"{points:,} point" if points == 1 else f"{points:,} points"
