"""Meshroom (AliceVision): maps as its DepthMapFilter writes them, for Meshing.

meshroom_depths/VIEWID_depthMap.exr    distance along the ray, not z; -1 where unknown
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import OpenEXR

from marigold_cli.depth import Floats
from marigold_cli.errors import NoInputError
from marigold_cli.scene3d.exports.layout import Frame, Layout, Stage
from marigold_cli.scene3d.names import match_names

_UNKNOWN = -1.0


class MeshroomLayout(Layout):
    """Files are named by the view's number in the scene's .sfm."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.numbers = _read_numbers(stage)

    def paths(self, name: str) -> Sequence[str]:
        """The map; nothing for images that the .sfm does not have."""
        number = self.numbers.get(name)
        return (f"meshroom_depths/{number}_depthMap.exr",) if number else ()

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the map."""
        if frame.name not in self.numbers:
            return
        away = to_distance(frame)
        known = away[frame.trusted]
        turn = frame.camera.matrix @ frame.pose.rotation
        header = {
            "type": OpenEXR.scanlineimage,
            "compression": OpenEXR.ZIP_COMPRESSION,
            "AliceVision:downscale": max(1, round(frame.camera.width / away.shape[1])),
            "AliceVision:CArr": frame.pose.centre,
            "AliceVision:iCamArr": np.linalg.inv(turn),
            "AliceVision:nbDepthValues": int(known.size),
            "AliceVision:minDepth": float(known.min(initial=np.inf)) if known.size else _UNKNOWN,
            "AliceVision:maxDepth": float(known.max(initial=_UNKNOWN)),
        }
        file = BytesIO()
        values = np.where(frame.trusted, away, np.float32(_UNKNOWN))
        OpenEXR.File(header, {"Y": np.ascontiguousarray(values, np.float32)}).write(file)
        yield file.getvalue()

    def advice(self) -> list[str]:
        """Where the folder goes."""
        folder = self.stage.scene / "meshroom_depths"
        return [f"in Meshroom set depthMapsFolder of Meshing to {folder}"]


def to_distance(frame: Frame) -> Floats:
    """Distance from the camera's centre along each pixel's ray [H, W], from depth along z."""
    distance = np.empty_like(frame.depth)
    for rows, pixels in frame.camera.strips(*frame.depth.shape):
        distance[rows] = frame.depth[rows] * np.linalg.norm(frame.camera.rays(pixels), axis=-1)
    return distance


def _read_numbers(stage: Stage) -> dict[str, str]:
    """By image of the model: its view's number in the .sfm.

    Raises:
        NoInputError: no .sfm, or one of other photos.
    """
    found = sorted(stage.scene.glob("*.sfm"))
    if not found:
        raise NoInputError(
            f"{stage.scene}: no .sfm here; put the cameras.sfm of Meshroom's StructureFromMotion "
            "or PrepareDenseScene beside the sparse model"
        )
    numbers = _numbers_of(found[0])
    names = match_names(stage.views, numbers)
    if not names:
        raise NoInputError(f"{found[0]}: none of its views is an image of the sparse model")
    return {name: numbers[path] for name, path in names.items()}


def _numbers_of(path: Path) -> dict[str, str]:
    try:
        views = json.loads(path.read_bytes())["views"]
        return {str(view["path"]): str(view["viewId"]) for view in views}
    except (ValueError, KeyError, TypeError) as error:
        raise NoInputError(f"{path}: cannot be read ({error})") from error
