"""What each tool reads: a layout names and makes its files, nothing more.

all       layout (what they share)
scenes    colmap (and OpenMVS by it), splats (3D Gaussian Splatting), nerfstudio, meshroom, open3d
maps      arrays (OpenMVS, DN-Splatter, Metashape: one depth map an image)
points    clouds (PLY)
"""

from marigold_cli.scene3d.exports.arrays import DnSplatterLayout, MetashapeLayout, OpenmvsLayout
from marigold_cli.scene3d.exports.clouds import CloudLayout
from marigold_cli.scene3d.exports.colmap import ColmapLayout
from marigold_cli.scene3d.exports.layout import Layout
from marigold_cli.scene3d.exports.meshroom import MeshroomLayout
from marigold_cli.scene3d.exports.nerfstudio import NerfstudioLayout
from marigold_cli.scene3d.exports.open3d import Open3dLayout
from marigold_cli.scene3d.exports.splats import SplatLayout

__all__ = ["LAYOUTS", "Layout"]

LAYOUTS: dict[str, type[Layout]] = {
    "colmap": ColmapLayout,
    "3dgs": SplatLayout,
    "nerfstudio": NerfstudioLayout,
    "openmvs": OpenmvsLayout,
    "metashape": MetashapeLayout,
    "meshroom": MeshroomLayout,
    "dn-splatter": DnSplatterLayout,
    "open3d": Open3dLayout,
    "ply": CloudLayout,
}
