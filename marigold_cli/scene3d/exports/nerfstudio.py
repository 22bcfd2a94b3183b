"""nerfstudio: `nerfstudio-data` where there is a transforms.json, else the `colmap` data parser.

nerfstudio_depths/NAME.png    16-bit z-depth in thousandths of the scene's unit, 0 where unknown
nerfstudio_depths/NAME.npy    the same as float32, where a PNG would overflow
transforms_depth.json         transforms.json with "depth_file_path" on every frame

Beside images_2/ and so on there are smaller ones: in depths_2/ for the first reader, which drops
their folders, in nerfstudio_depths_2/ for the second.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from marigold_cli.depth import Floats
from marigold_cli.errors import NoInputError
from marigold_cli.files.npy import encode_npy
from marigold_cli.scene3d.exports.layout import (
    MOST_STEPS,
    Frame,
    Layout,
    Stage,
    blank,
    choose_step,
    encode_steps,
)
from marigold_cli.scene3d.names import match_names, stem_of
from marigold_cli.scene3d.sparse import View

TRANSFORMS, WITH_DEPTH = "transforms.json", "transforms_depth.json"
_THOUSANDTH = 0.001  # nerfstudio's own unit, for PNG and npy alike
_FOLDER = "nerfstudio_depths"
_NOTHING = "unknown"  # for frames that the sparse model does not have


class NerfstudioLayout(Layout):
    """Depth for both of nerfstudio's readers; it follows the photo's own, distorted pixels."""

    needs_pinhole = False

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.transforms = _read(stage)
        overflows = stage.deepest / _THOUSANDTH > MOST_STEPS
        self.suffix = ".npy" if self.transforms and overflows else ".png"
        self.step = _THOUSANDTH if self.transforms else choose_step(stage.deepest)
        found = (by for by in (2, 4, 8) if (stage.scene / f"images_{by}").is_dir())
        self.reductions = (1, *found)

    def paths(self, name: str) -> Sequence[str]:
        """Full size first, then the reduced ones."""
        return [self._path(stem_of(name), by) for by in self.reductions]

    def _path(self, stem: str, by: int) -> str:
        if by == 1:
            return f"{_FOLDER}/{stem}{self.suffix}"
        if self.transforms:
            return f"depths_{by}/{PurePosixPath(stem).name}{self.suffix}"
        return f"{_FOLDER}_{by}/{stem}{self.suffix}"

    def encode(self, frame: Frame) -> Iterator[bytes]:
        """Make the maps."""
        return self._encode(frame.known_or(0))

    def encode_unknown(self, view: View) -> Iterator[bytes]:
        """Make maps without any depth: every frame needs one."""
        return self._encode(blank(view.camera))

    def _encode(self, depth: Floats) -> Iterator[bytes]:
        for by in self.reductions:
            reduced = depth[by // 2 :: by, by // 2 :: by]
            if self.suffix == ".npy":
                yield encode_npy(reduced / np.float32(self.step))
            else:
                yield encode_steps(reduced, self.step)

    def summaries(self, known: Collection[str]) -> dict[str, bytes]:
        """The frames with their depth."""
        if self.transforms is None:
            return {}
        frames = [dict(frame) for frame in self.transforms["frames"]]
        names = match_names([frame["file_path"] for frame in frames], self.stage.views)
        nothing = next(self._encode(np.zeros((2, 2), np.float32)))
        files: dict[str, bytes] = {}
        for frame in frames:
            name = names.get(frame["file_path"])
            if name is None:
                files |= {self._path(_NOTHING, by): nothing for by in self.reductions}
            frame["depth_file_path"] = self._path(stem_of(name) if name else _NOTHING, 1)
        content = json.dumps(self.transforms | {"frames": frames}, indent=2)
        return {**files, WITH_DEPTH: content.encode() + b"\n"}

    def advice(self) -> list[str]:
        """The trainer's lines."""
        scene = self.stage.quoted
        if self.transforms is not None:
            return [f"ns-train depth-nerfacto --data {scene}/{WITH_DEPTH}"]
        unit = "" if self.step == _THOUSANDTH else f" --depth-unit-scale-factor {self.step:g}"
        return [
            f"ns-train depth-nerfacto --data {scene} colmap --depths-path {_FOLDER}"
            f" --colmap-path {self.stage.model}{unit}"
        ]


def _read(stage: Stage) -> dict[str, Any] | None:
    path = stage.scene / TRANSFORMS
    try:
        transforms = json.loads(path.read_bytes())
        if any(not isinstance(frame["file_path"], str) for frame in transforms["frames"]):
            raise TypeError("a frame's file_path is no text")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise NoInputError(f"{path}: cannot be read ({error})") from error
    return dict(transforms)
