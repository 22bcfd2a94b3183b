"""What all exports share: a photo as they see it, and what each of them must tell."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import DepthKind, Floats, Mask
from marigold_cli.files.disk import Buffer
from marigold_cli.files.png import encode_grey16
from marigold_cli.scene3d.alignment import PhotoAlignment
from marigold_cli.scene3d.camera import Camera, Pose
from marigold_cli.scene3d.options import ExportOptions
from marigold_cli.scene3d.sparse import View

MOST_STEPS = 65_000  # of a 16-bit PNG, with some room

Content = bytes | Iterable[Buffer]  # of a file; large ones are made piece by piece


@dataclass(frozen=True)
class Frame:
    """One accepted photo in its scene.

    Attributes:
        name: Of the image in the scene's model.
        photo: Name of the photo in the run.
        camera: In the scene; of the depth's grid.
        source: The photo's own, of what other maps there are of it.
        pose: In the scene.
        depth: [H, W] along z in the scene's unit; NaN where unknown.
        trusted: [H, W]; False where the depth should not be used.
    """

    name: str
    photo: str
    camera: Camera
    source: Camera
    pose: Pose
    depth: Floats
    trusted: Mask

    def known_or(self, unknown: float) -> Floats:
        """Depth where it is trusted, and a number elsewhere."""
        return np.where(self.trusted, self.depth, np.float32(unknown)).astype(np.float32)


@dataclass(frozen=True)
class Stage:
    """What is to be exported where.

    Attributes:
        options: What was asked.
        views: The images of the scene's model, by name.
        accepted: Those of them that have metric depth, with their lines.
        kind: Of the lines.
        model: Where in the scene its sparse model is, relative.
    """

    options: ExportOptions
    views: Mapping[str, View]
    accepted: Mapping[str, PhotoAlignment]
    kind: DepthKind
    model: str

    @property
    def scene(self) -> Path:
        """The scene folder."""
        return self.options.scene

    @property
    def quoted(self) -> str:
        """The scene folder as a shell takes it."""
        return shlex.quote(str(self.scene))

    @property
    def deepest(self) -> float:
        """A depth that hardly any pixel exceeds, without looking at one."""
        return max((_deepest(photo, self.kind) for photo in self.accepted.values()), default=1.0)

    @property
    def nearest(self) -> float:
        """Half the depth of the nearest points of any photo."""
        near = [photo.nearest for photo in self.accepted.values() if photo.nearest]
        return min(near, default=1.0) / 2


class Layout:
    """One tool's file contract. Files are named first, so that none is replaced by accident."""

    needs_pinhole = True  # whether the tool wants undistorted images
    left_to_tool = frozenset[str]()  # summaries that stay as they are where the tool wrote them

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def paths(self, name: str) -> Sequence[str]:
        """The files of one image, POSIX, relative to the scene."""
        raise NotImplementedError

    def encode(self, frame: Frame) -> Iterator[Content]:
        """Make the files of one accepted image, in the order of `paths`."""
        raise NotImplementedError

    def encode_unknown(self, view: View) -> Iterator[Content] | None:
        """Make the files of an image without metric depth; None: the tool can do without."""

    def summaries(self, known: Collection[str]) -> dict[str, bytes]:
        """Files that are of all images together, by path.

        Args:
            known: The images that have depth.
        """
        return {}

    def advice(self) -> list[str]:
        """Lines that a user can run or should know."""
        return []


def encode_steps(depth: Floats, step: float) -> bytes:
    """Make a 16-bit PNG of depth in steps; 0 where it is not positive or too large."""
    steps = np.round(np.nan_to_num(depth) / step)
    steps[(steps < 0) | (steps > 65535)] = 0
    return encode_grey16(steps.astype(np.uint16), "", 1)


def encode_mask(mask: Mask) -> bytes:
    """Make an 8-bit PNG: white where the mask is True."""
    white: NDArray[np.uint8] = mask.astype(np.uint8) * np.uint8(255)
    return bytes(imagecodecs.png_encode(white))


def choose_step(deepest: float) -> float:
    """The unit of a 16-bit PNG: a thousandth, or the next power of ten that holds all."""
    step = 0.001
    while deepest / step > MOST_STEPS and step < 1000:
        step *= 10
    return round(step, 6)


def blank(camera: Camera) -> Floats:
    """A map of a camera's size in which nothing is known."""
    return np.zeros((camera.height, camera.width), np.float32)


def _deepest(photo: PhotoAlignment, kind: DepthKind) -> float:
    """The far end of a line over values in [0, 1]; disparity has none, so it is guessed."""
    scale, shift, far = photo.scale or 0.0, photo.shift or 0.0, photo.farthest or 1.0
    if kind is DepthKind.AFFINE_DEPTH:
        return max(shift, scale + shift)
    return 10 * far
