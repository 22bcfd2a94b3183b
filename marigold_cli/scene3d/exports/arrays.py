"""Tools that take one plain depth map for each image: OpenMVS, DN-Splatter, Metashape.

openmvs_depths/NAME.npy          for OpenMVS's ImportDMAPs.py
mono_depth/NAME_aligned.npy      for DN-Splatter's coolermap reader, in the order of the images
metashape_depths/NAME.tif        float32, for Metashape's importDepthImages

Depth is along z in the scene's unit, 0 where unknown.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import PurePosixPath

import tifffile

from marigold_cli.files.npy import encode_npy
from marigold_cli.scene3d.exports.layout import Frame, Layout, blank
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.sparse import View


class OpenmvsLayout(Layout):
    """Files are found by the image's name without folder and suffix."""

    def paths(self, name: str) -> Sequence[str]:
        """The map."""
        return (f"openmvs_depths/{PurePosixPath(stem_of(name)).name}.npy",)

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the map."""
        yield encode_npy(frame.known_or(0))

    def advice(self) -> list[str]:
        """The importer's line."""
        return [
            f"python ImportDMAPs.py --scene scene.mvs --input {self.stage.quoted}/openmvs_depths"
            " --ext .npy --output .",
        ]


class DnSplatterLayout(Layout):
    """Files are found by their order, so every image has one."""

    needs_pinhole = False

    def paths(self, name: str) -> Sequence[str]:
        """The map."""
        return (f"mono_depth/{PurePosixPath(stem_of(name)).name}_aligned.npy",)

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the map."""
        yield encode_npy(frame.known_or(0))

    def encode_unknown(self, view: View) -> Iterator[bytes]:
        """Make a map without depth."""
        yield encode_npy(blank(view.camera))

    def advice(self) -> list[str]:
        """The trainer's line."""
        return [
            f"ns-train dn-splatter coolermap --data {self.stage.quoted}"
            f" --colmap-path {shlex.quote(self.stage.model)}"
        ]


class MetashapeLayout(Layout):
    """Files bear the name of their image; the suffix may differ."""

    needs_pinhole = False

    def paths(self, name: str) -> Sequence[str]:
        """The map."""
        return (f"metashape_depths/{stem_of(name)}.tif",)

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the map."""
        file = BytesIO()
        tifffile.imwrite(
            file, frame.known_or(0), photometric="minisblack", metadata=None, software=False
        )
        yield file.getvalue()

    def advice(self) -> list[str]:
        """Where to click."""
        return [
            "in Metashape run import_depth.py of its scripts: choose"
            f" {self.stage.scene}/metashape_depths, then the colour images of the same names"
        ]
