"""Which pixels of a depth map to believe: not at edges, not where the ensemble was torn."""

from __future__ import annotations

import numpy as np

from marigold_cli.depth import Floats, Mask
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.options import TrustOptions

_FINEST = 768  # long edge of what networks predict; larger maps are blurred to as many pixels
_STEEPEST = 50.0  # slope against the image plane; the ground 80 m ahead of a walker has as much


def trust(depth: Floats, camera: Camera, uncertainty: Floats | None, options: TrustOptions) -> Mask:
    """Tell which pixels to believe.

    Args:
        depth: [H, W]; NaN where unknown.
        camera: Of the map's grid; its size may be another.
        uncertainty: Relative standard deviation of the depth [H, W]; None: not known.
        options: Which tests are made.
    """
    trusted = np.isfinite(depth)
    if options.edges is not None:
        trusted &= ~find_edges(depth, camera, options.edges)
    if options.uncertainty is not None and uncertainty is not None:
        trusted &= ~(uncertainty > options.uncertainty)
    return trusted


def find_edges(depth: Floats, camera: Camera, jump: float) -> Mask:
    """Find where depth jumps, and surfaces so steep that they join near and far.

    On a plane, inverse depth is linear in the pixels, however it is tilted: its second difference
    there is 0, and at an edge it is the jump. The step between pixels grows with the map, since
    networks see no finer.

    Args:
        depth: [H, W]; NaN where unknown.
        camera: Of the map's grid.
        jump: Relative jump that makes an edge.
    """
    step = max(1, round(max(depth.shape) / _FINEST))
    inverse = np.nan_to_num(1 / depth, nan=0.0).astype(np.float32)
    focal = camera.focal * np.array([depth.shape[1] / camera.width, depth.shape[0] / camera.height])
    edges = np.zeros(depth.shape, bool)
    for axis, length in ((0, focal[1]), (1, focal[0])):
        if depth.shape[axis] <= 2 * step:
            continue
        first, middle, last = _thirds(inverse, step, axis)
        bent = np.abs(first - 2 * middle + last) > jump * middle
        # dz / z over step / focal is the tangent of the slope against the image plane
        steep = np.abs(last - first) * length > 2 * step * _STEEPEST * middle
        inner = [slice(None), slice(None)]
        inner[axis] = slice(step, depth.shape[axis] - step)
        found = np.zeros(depth.shape, bool)
        found[tuple(inner)] = bent | steep
        edges |= _grow(found, step, axis)
    return edges


def _thirds(values: Floats, step: int, axis: int) -> tuple[Floats, Floats, Floats]:
    """The values a step before, at, and a step behind every inner pixel."""
    size = values.shape[axis]
    parts = (slice(0, size - 2 * step), slice(step, size - step), slice(2 * step, size))
    before, here, behind = (values[part] if axis == 0 else values[:, part] for part in parts)
    return before, here, behind


def _grow(mask: Mask, step: int, axis: int) -> Mask:
    """Spread a mask by less than a step both ways."""
    grown = mask.copy()
    for shift in range(1, step):
        ahead = [slice(None), slice(None)]
        back = [slice(None), slice(None)]
        ahead[axis], back[axis] = slice(shift, None), slice(None, -shift)
        grown[tuple(ahead)] |= mask[tuple(back)]
        grown[tuple(back)] |= mask[tuple(ahead)]
    return grown
