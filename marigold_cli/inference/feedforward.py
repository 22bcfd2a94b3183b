"""Photos in, depth out in a single pass: the depth models of transformers, to compare with.

Their numbers are brought to this program's conventions: affine disparity spans [0, 1] with 1 near,
metric depth is in metres, and what a model does not know is masked out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.files.raster import Pixels, full_scale
from marigold_cli.inference.ensemble import stretch
from marigold_cli.inference.framing import Family, Framing
from marigold_cli.inference.members import unusable
from marigold_cli.inference.options import Resample

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

_LEAST_INVERSE, _MOST_INVERSE = 1e-4, 1e4  # Depth Pro's inverse depths are held between [1/m]


@dataclass(frozen=True)
class FeedForwardModel:
    """A network of transformers on its device, and what its numbers mean.

    Attributes:
        network: [1, 3, h, w] normalised -> `predicted_depth` [1, h', w'].
        family: Whose conventions it follows.
        framing: Its rules for the frame.
        kind: Affine disparity, or metric depth.
    """

    network: torch.nn.Module
    family: Family
    framing: Framing
    kind: DepthKind

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in."""
        return next(self.network.parameters()).dtype


@torch.inference_mode()
def predict(model: FeedForwardModel, photo: Photo) -> DepthMap:
    """Predict one photo's depth, upright, at the size of its pixels.

    Raises:
        ImageError: the network gave no number that means anything.
    """
    source = photo.pixels.shape[0], photo.pixels.shape[1]

    # 1. Pixels to the network's frame, by the checkpoint's own rules.
    frame = to_frame(photo.pixels, model.framing)  # [1, 3, h, w]

    # 2. One pass; everything behind it is float32.
    answer = model.network(frame.to(model.device, model.dtype))
    raw = answer.predicted_depth.float()[:, None]  # [1, 1, h', w']

    # 3. Back to the photo, by the family's own rules.
    depth = _POSTPROCESSING[model.family](raw, answer, model.framing, source)  # [1, 1, H, W]
    masked = _mask(depth[0, 0].cpu().numpy(), model.kind)
    if masked is None:
        raise unusable(model.dtype)
    return masked


def to_frame(pixels: Pixels, framing: Framing) -> Tensor:
    """Pixels [H, W, 3] -> normalised frame [1, 3, h, w] float32.

    Args:
        pixels: sRGB; integers span their full range, floats are in [0, 1].
        framing: The checkpoint's rules.
    """
    values = torch.from_numpy(pixels.astype(np.float32))  # a copy, and the only one of this size
    image = values.permute(2, 0, 1)[None].div_(full_scale(pixels.dtype))
    down, right = framing.border(pixels.shape[:2])
    if down or right:
        image = functional.pad(image, (right, right, down, down), mode="reflect")
    size = framing.frame_size((image.shape[-2], image.shape[-1]))
    mean, deviation = (
        torch.tensor(three).view(1, 3, 1, 1) for three in (framing.mean, framing.deviation)
    )
    return (_resize(image, size, framing) - mean) / deviation


def _resize(image: Tensor, size: tuple[int, int], framing: Framing) -> Tensor:
    mode = str(framing.resample)
    if framing.resample is Resample.NEAREST:
        return functional.interpolate(image, size, mode="nearest-exact")
    if framing.has_border:  # ZoeDepth lays corner on corner
        return functional.interpolate(image, size, mode=mode, align_corners=True)
    resized = functional.interpolate(image, size, mode=mode, antialias=framing.is_antialiased)
    return resized.clamp_(0, 1)  # bicubic overshoots, and the networks have only seen pixels


def _to_photo(raw: Tensor, answer: object, framing: Framing, size: tuple[int, int]) -> Tensor:
    return _enlarge(raw, size, "bicubic")


def _cut_border(raw: Tensor, answer: object, framing: Framing, size: tuple[int, int]) -> Tensor:
    """ZoeDepth: enlarge with the mirrored border, then cut it off."""
    (height, width), (down, right) = size, framing.border(size)
    whole = _enlarge(raw, (height + 2 * down, width + 2 * right), "bicubic")
    return whole[..., down : down + height, right : right + width]


def _invert(raw: Tensor, answer: object, framing: Framing, size: tuple[int, int]) -> Tensor:
    """Depth Pro: canonical inverse depth, which its field of view [degrees] brings to metres."""
    angle = getattr(answer, "field_of_view", None)
    if angle is not None:
        raw = raw * 2 * torch.tan(torch.deg2rad(angle.float()) / 2).view(-1, 1, 1, 1)
    return 1 / _enlarge(raw, size, "bilinear").clamp(_LEAST_INVERSE, _MOST_INVERSE)


_POSTPROCESSING: dict[Family, Callable[[Tensor, object, Framing, tuple[int, int]], Tensor]] = {
    Family.DEPTH_ANYTHING: _to_photo,
    Family.DPT: _to_photo,
    Family.ZOEDEPTH: _cut_border,
    Family.DEPTH_PRO: _invert,
}


def _enlarge(depth: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    if depth.shape[-2:] == size:
        return depth
    return functional.interpolate(depth, size, mode=mode, align_corners=False)


def _mask(values: Floats, kind: DepthKind) -> DepthMap | None:
    """Affine values in [0, 1], without what is no number or no distance; None: nothing is left."""
    known = np.isfinite(values)
    if kind is DepthKind.METRIC:
        known &= values > 0
    if not known.any():
        return None
    if kind is not DepthKind.METRIC:
        values, _ = stretch(np.where(known, values, values[known].min()))
    valid = None if known.all() else known
    return DepthMap(np.where(known, values, np.float32(0)), kind, valid)
