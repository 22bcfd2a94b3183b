"""3D Gaussian Splatting (`train.py -d depths`) and its many kin.

depths/NAME.png               16-bit inverse depth, as a share of the scene's largest
sparse/0/depth_params.json    by name without suffix: inverse depth = PNG / 65536 * scale + offset

A scale of 0 tells the trainer to pass over an image; every image needs an entry and a PNG. There is
no mask per pixel and 0 would mean infinitely far, so what is not trusted keeps its prediction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from marigold_cli.depth import DepthKind
from marigold_cli.files.png import encode_grey16
from marigold_cli.scene3d.exports.layout import Frame, Layout, Stage, blank
from marigold_cli.scene3d.names import stem_of
from marigold_cli.scene3d.sparse import View

_MODEL = "sparse/0"
PARAMS = f"{_MODEL}/depth_params.json"


class SplatLayout(Layout):
    """One scale for the whole scene: an image whose scale strays from the median is ignored."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.largest = 1 / stage.nearest  # inverse depth of white

    def paths(self, name: str) -> Sequence[str]:
        """The PNG."""
        return (f"depths/{stem_of(name)}.png",)

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the PNG."""
        # where a line is not positive, depth was too near to be on it, or disparity too far
        beyond = 0.0 if self.stage.kind is DepthKind.AFFINE_DISPARITY else 1.0
        share = np.nan_to_num(1 / (frame.depth * self.largest), nan=beyond).clip(0, 1)
        yield encode_grey16(np.round(share * 65535).astype(np.uint16), "", 1)

    def encode_unknown(self, view: View) -> Iterator[bytes]:
        """Make a black PNG, for the trainer opens all of them."""
        yield encode_grey16(blank(view.camera).astype(np.uint16), "", 1)

    def summaries(self, known: Collection[str]) -> dict[str, bytes]:
        """Scale and offset of every image."""
        scale = self.largest * 65536 / 65535
        params = {
            stem_of(name): {"scale": scale if name in known else 0.0, "offset": 0.0}
            for name in self.stage.views
        }
        return {PARAMS: json.dumps(params, indent=1).encode() + b"\n"}

    def advice(self) -> list[str]:
        """The trainer's line, and the model put where it looks for it."""
        scene, model = self.stage.quoted, self.stage.model
        files = " ".join(f"{scene}/{model}/{name}.*" for name in ("cameras", "images", "points3D"))
        is_there = any((self.stage.scene / _MODEL).glob("images.*"))
        copy = [] if is_there else [f"cp {files} {scene}/{_MODEL}/"]
        return [*copy, f"python train.py -s {scene} -d depths"]
