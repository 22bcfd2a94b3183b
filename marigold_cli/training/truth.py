"""Pictures and their truth as images that a VAE sees, in [-1, 1], and where they are known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from marigold_cli.errors import DataSetError
from marigold_cli.training.samples import Samples

_OUTER = (0.02, 0.98)  # quantiles that bound a depth image
_SHORT = 0.5  # normals below this length are none; the others have unit length


def rgb_image(rgb: Tensor) -> Tensor:
    """Pictures uint8 [B, 3, H, W] as float32 in [-1, 1]."""
    return rgb.float() / 127.5 - 1


def depth_image(depth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Spread depth between its outer percentiles; what lies beyond them or is unknown is clipped.

    Args:
        depth: [B, 1, H, W], any linear unit.
        valid: bool [B, 1, H, W]; the rest does not count, and is put at the far end.

    Returns:
        float32 [B, 1, H, W] in [-1, 1], -1 near, and [B] how much depth a step of 1 is, in the
        unit of depth.
    """
    known = depth.float().masked_fill(~valid, torch.nan).flatten(1)
    quantiles = known.new_tensor(_OUTER)
    # One by one: torch takes no more than 16 million values at a time.
    bounds = torch.stack([torch.nanquantile(row, quantiles) for row in known]).nan_to_num()
    low, high = bounds[:, 0], bounds[:, 1]
    step = (high - low).clamp_min(torch.finfo(torch.float32).tiny) / 2
    spread = (depth.float() - low.view(-1, 1, 1, 1)) / step.view(-1, 1, 1, 1) - 1
    return spread.clamp(-1, 1).masked_fill(~valid, 1.0), step


def is_known(depth: Tensor, valid: Tensor) -> Tensor:
    """Where a depth image is right, bool [B, 1, H, W]: also in the sky, which is at its far end."""
    return valid | torch.isinf(depth)


def known_normals(samples: Samples) -> Tensor:
    """Where normals are known, bool [B, 1, H, W]: not everywhere where depth is.

    Raises:
        DataSetError: The source has none.
    """
    length: Tensor = torch.linalg.vector_norm(normals_of(samples), dim=1, keepdim=True)
    return length > _SHORT


def normals_of(samples: Samples) -> Tensor:
    """Normals [B, 3, H, W], zero where they are not known or depth is not.

    Raises:
        DataSetError: The source has none.
    """
    if samples.normals is None:
        raise DataSetError("these pictures come without normals; take other --data")
    return samples.normals.masked_fill(~samples.valid, 0.0)


def known_cells(known: Tensor, multiple: int) -> Tensor:
    """Latent cells bool [B, 1, h, w] all of whose pixels are known.

    Args:
        known: bool [B, 1, H, W].
        multiple: Pixels per cell along a side.
    """
    return F.max_pool2d((~known).float(), multiple) == 0
