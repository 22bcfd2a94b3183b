"""Open3D: depth images and the cameras to fuse them with.

depth/NAME.png         16-bit z-depth, 0 where unknown
trajectory.json        PinholeCameraTrajectory of these images, in the order of their names
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from marigold_cli.scene3d.exports.layout import Frame, Layout, Stage, choose_step, encode_steps
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.resample import resize
from marigold_cli.scene3d.sparse import View

TRAJECTORY = "trajectory.json"


class Open3dLayout(Layout):
    """For `RGBDImage.create_from_color_and_depth` and TSDF volumes."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.step = choose_step(stage.deepest)

    def paths(self, name: str) -> Sequence[str]:
        """The PNG."""
        return (f"depth/{stem_of(name)}.png",)

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the PNG, as large as the trajectory says: Open3D takes no other."""
        depth = resize(frame.known_or(0), frame.camera.height, frame.camera.width)
        yield encode_steps(depth, self.step)

    def summaries(self, known: Collection[str]) -> dict[str, bytes]:
        """The cameras."""
        views = [view for name, view in self.stage.views.items() if name in known]
        facts = _versioned("PinholeCameraTrajectory", {"parameters": [_camera(v) for v in views]})
        return {TRAJECTORY: json.dumps(facts, indent=1).encode() + b"\n"}

    def advice(self) -> list[str]:
        """The call; Open3D's own limit of 3 units drops the rest."""
        return [
            "open3d.geometry.RGBDImage.create_from_color_and_depth(color, depth,"
            f" depth_scale={1 / self.step:g}, depth_trunc={self.stage.deepest:.4g},"
            " convert_rgb_to_intensity=False)",
            f'open3d.io.read_pinhole_camera_trajectory("{self.stage.scene / TRAJECTORY}")',
        ]


def _camera(view: View) -> dict[str, object]:
    extrinsic = np.eye(4)
    extrinsic[:3, :3], extrinsic[:3, 3] = view.pose.rotation, view.pose.translation
    camera = view.camera
    intrinsic = {
        "width": camera.width,
        "height": camera.height,
        "intrinsic_matrix": camera.matrix.ravel("F").tolist(),
    }
    return _versioned(
        "PinholeCameraParameters",
        {"extrinsic": extrinsic.ravel("F").tolist(), "intrinsic": intrinsic},
    )


def _versioned(name: str, facts: dict[str, object]) -> dict[str, object]:
    return {"class_name": name, **facts, "version_major": 1, "version_minor": 0}
