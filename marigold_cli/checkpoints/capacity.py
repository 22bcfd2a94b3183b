"""How much of a model's work fits a device at a time."""

from __future__ import annotations

import torch

from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Recipe

# One member of a 768 px photo through Stable Diffusion's U-Net in float16 [bytes]: what the batch
# sizes of upstream Marigold for GPUs of 11 to 80 GB come to, which count the VAE's share too.
_UNIT_BYTES = 1.25 * 2**30
_UNIT_PX = 768
_UNIT_CHANNELS = 320  # width of that U-Net's first block
_MAX_UNITS = 32  # beyond it a GPU gains nothing more

# Latent cells in one pass that keep a CPU busy: a pass over 24 x 18 cells took half as long per
# member with five members as with one, one over 96 x 72 was not faster with more.
_CPU_CELLS = 6000


def suitable_units(model: DepthModel, recipe: Recipe) -> int:
    """How many members of photos go through the network together.

    On a CPU, as many of one photo's members as make a small latent worth a pass; never those of
    two photos, so that the result is the same to the bit however photos are grouped. On a GPU,
    what its free memory holds; a first guess, halved when it fails.
    """
    if recipe.resolution == 0:
        return 1
    if model.device.type != "cuda":
        cells = max(1, recipe.resolution // model.multiple) ** 2
        return max(1, min(recipe.ensemble, _CPU_CELLS // cells))
    free, _ = torch.cuda.mem_get_info(model.device)
    width = model.unet.config.block_out_channels[0] / _UNIT_CHANNELS
    bytes_each = model.unet.dtype.itemsize / torch.float16.itemsize
    unit = _UNIT_BYTES * width * bytes_each * (recipe.resolution / _UNIT_PX) ** 2
    return max(1, min(_MAX_UNITS, int(free / unit)))
