"""What an export sees of a photo: metric depth in the scene's pixels, and which to believe."""

from __future__ import annotations

import numpy as np

from marigold_cli.depth import DepthKind, Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.readers import read_plane
from marigold_cli.scene3d.alignment import CONSISTENT_SUFFIX, PhotoAlignment, slope, to_depth
from marigold_cli.scene3d.exports.layout import Frame, Stage
from marigold_cli.scene3d.maps import CONTRADICTED
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.resample import resample, size_in
from marigold_cli.scene3d.results import Results
from marigold_cli.scene3d.sparse import View
from marigold_cli.scene3d.trust import trust

_HALF = 0.5  # of a mask that was brought to another camera


def make_frame(view: View, photo: PhotoAlignment, results: Results, stage: Stage) -> Frame:
    """Make one accepted photo's depth metric and bring it to the camera of its image in the scene.

    Raises:
        ImageError: a file of it is missing or damaged.
    """
    options, source = stage.options.trust, photo.camera or view.camera
    own = _load(photo, results, stage.kind)
    height, width = own["depth"].shape
    if options.consistent:
        consistent = read_consistent(results, photo, (height, width))
        own |= {} if consistent is None else {"consistent": consistent}
    seen = resample(own, source, view.camera, size_in(view.camera, (height, width), source))
    depth = seen["depth"]
    trusted = trust(depth, view.camera, seen.get("spread"), options)
    if "consistent" in seen:
        trusted &= seen["consistent"] > _HALF
    return Frame(view.name, photo.name, view.camera, source, view.pose, depth, trusted)


def _load(photo: PhotoAlignment, results: Results, kind: DepthKind) -> dict[str, Floats]:
    """Its depth, and the ensemble's spread relative to it."""
    assert photo.affine is not None
    result = results.photos[photo.name]
    values, spread = results.load_depth(result), results.load_uncertainty(result)
    depth = to_depth(values, photo.affine, kind)
    if spread is None:
        return {"depth": depth}
    return {
        "depth": depth,
        "spread": spread * np.abs(slope(values, depth, photo.affine, kind)) / depth,
    }


def read_consistent(
    results: Results, photo: PhotoAlignment, shape: tuple[int, ...]
) -> Floats | None:
    """1 where other views do not contradict, else 0; None where `align --masks` wrote nothing.

    Raises:
        ImageError: the file is damaged.
    """
    path = results.out / (stem_of(photo.name) + CONSISTENT_SUFFIX)
    if not path.is_file():
        return None
    try:
        marks = read_plane(path.read_bytes())
        if marks.shape != shape:
            raise ValueError(f"of shape {marks.shape}, the depth is {shape}")
    except (OSError, ValueError) as error:
        raise ImageError(
            Kind.FORMAT, f"{path}: cannot be read ({error}); align again with --masks"
        ) from error
    return np.where(marks == CONTRADICTED, np.float32(0), np.float32(1))
