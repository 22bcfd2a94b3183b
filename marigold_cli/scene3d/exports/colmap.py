"""COLMAP's dense workspace, for stereo_fusion and the meshers, and for OpenMVS's InterfaceCOLMAP.

stereo/depth_maps/NAME.geometric.bin    z-depth, 0 where unknown
stereo/normal_maps/NAME.geometric.bin   unit normals in the camera's frame, towards the camera
stereo/masks/NAME.png                   black where depth is not to be used
stereo/fusion.cfg                       all images; made only where there is none
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.files.disk import Buffer
from marigold_cli.scene3d.exports.layout import Content, Frame, Layout, encode_mask
from marigold_cli.scene3d.normals import normals_of, read_normals

FUSION = "stereo/fusion.cfg"


class ColmapLayout(Layout):
    """The workspace of undistorted images that `colmap image_undistorter` makes."""

    left_to_tool = frozenset({FUSION})

    def paths(self, name: str) -> Sequence[str]:
        """Depth, normals, mask."""
        return (
            f"stereo/depth_maps/{name}.geometric.bin",
            f"stereo/normal_maps/{name}.geometric.bin",
            f"stereo/masks/{name}.png",
        )

    def encode(self, frame: Frame) -> Iterator[Content]:
        """Make depth, normals, mask."""
        folder, (height, width) = self.stage.options.normals, frame.depth.shape
        if folder:
            size = height, width
            normals = read_normals(folder, frame.photo, frame.source, frame.camera, size)
        else:
            normals = normals_of(frame.depth, frame.camera)
        yield encode_array(frame.known_or(0)[None])
        yield encode_array(np.moveaxis(normals, -1, 0))
        yield encode_mask(frame.trusted)

    def summaries(self, known: Collection[str]) -> dict[str, bytes]:
        """The list of images, for workspaces that the undistorter did not make."""
        names = "".join(f"{name}\n" for name in self.stage.views)
        return {FUSION: names.encode(errors="surrogateescape")}

    def advice(self) -> list[str]:
        """COLMAP's own limits are for stereo and drop most of such depth."""
        scene = self.stage.quoted
        return [
            f"colmap stereo_fusion --workspace_path {scene} --output_path {scene}/fused.ply"
            f" --StereoFusion.mask_path {scene}/stereo/masks --StereoFusion.min_num_pixels 2"
            " --StereoFusion.max_depth_error 0.05 --StereoFusion.max_normal_error 25",
        ]


def encode_array(planes: Floats) -> Iterator[Buffer]:
    """COLMAP's dense maps: "W&H&C&" and then float32, plane by plane, row by row.

    Args:
        planes: [C, H, W].
    """
    channels, height, width = planes.shape
    yield f"{width}&{height}&{channels}&".encode()
    for plane in planes:
        yield np.ascontiguousarray(plane, "<f4").data
