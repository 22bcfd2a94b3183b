"""A model, a recipe and a device as the one thing that a batch run asks for depth."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from marigold_cli.checkpoints.card import AnyCard, FeedForwardCard
from marigold_cli.checkpoints.device import choose_device, choose_dtype, is_out_of_memory
from marigold_cli.checkpoints.load import load, load_feedforward
from marigold_cli.depth import DepthMap
from marigold_cli.errors import ImageError, Kind
from marigold_cli.inference import feedforward
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Recipe, Resample
from marigold_cli.inference.predict import predict
from marigold_cli.inference.preprocess import restore
from marigold_cli.inference.tiling import decoded_edge

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

# One member of a 768 px photo through Stable Diffusion's U-Net in float16 [bytes]: what the batch
# sizes of upstream Marigold for GPUs of 11 to 80 GB come to, which count the VAE's share too.
_UNIT_BYTES = 1.25 * 2**30
_UNIT_PX = 768
_UNIT_CHANNELS = 320  # width of that U-Net's first block
_MAX_UNITS = 32  # beyond it a GPU gains nothing more

# Latent cells in one pass that keep a CPU busy: a pass over 24 x 18 cells took half as long per
# member with five members as with one, one over 96 x 72 was not faster with more.
_CPU_CELLS = 6000


@dataclass
class LoadedPredictor:
    """A loaded model that predicts by one recipe; what it learns of the memory, it keeps.

    Attributes:
        model: On its device.
        recipe: What is done to every photo.
        units: Members of photos that go through the network together; halved when memory ends.
        name: The checkpoint's.
        device: Where it computes.
        dtype: Precision of the networks.
        reason: Why this device and this precision.
        long_edge: Long edge that photos' pixels are needed at [px]; None: their own.
        batch_size: Photos per call that fill the network; one where its members or its tiles fill
            it alone, or where the photo's own pixels are kept.
    """

    model: DepthModel
    recipe: Recipe
    units: int
    name: str
    device: str
    dtype: str
    reason: str = ""
    long_edge: int | None = field(init=False)
    batch_size: int = field(init=False)

    def __post_init__(self) -> None:
        self.long_edge = decoded_edge(self.recipe)
        self.batch_size = self._photos_per_call()

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        """Depth of each photo, upright, at processing size or larger.

        Raises:
            ImageError: Too little memory even for one member at a time, or no finite depth.
        """
        while (depths := self._try(photos, on_step)) is None:
            # Here and not in the except block, whose exception would keep every tensor alive.
            self._shrink(photos)
        return depths

    def restore(self, depth: DepthMap, size: tuple[int, int]) -> DepthMap:
        """Bring depth to the photo's upright (height, width) [px]; may be called in any thread."""
        return restore(depth, size, self.recipe.resample)

    def _try(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap] | None:
        """Depth of each photo, or None where memory ended."""
        try:
            return predict(self.model, photos, self.recipe, self.units, on_step)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                return None
            raise

    def _shrink(self, photos: Sequence[Photo]) -> None:
        gc.collect()
        if self.model.device.type != "cpu":
            torch.accelerator.empty_cache()
        if self.units == 1:
            height, width = photos[0].size
            raise ImageError(
                Kind.MEMORY,
                f"{self.device} has too little memory for this photo of {width} x {height} px; "
                "lower --resolution, or take --dtype float16 or --device cpu",
            )
        self.units //= 2
        self.batch_size = self._photos_per_call()

    def _photos_per_call(self) -> int:
        if self.recipe.tile is not None or self.recipe.refine:
            return 1
        return max(1, self.units // self.recipe.ensemble)


@dataclass
class FeedForwardPredictor:
    """A loaded depth model of transformers: one photo, one pass, at the photo's own size.

    Attributes:
        model: On its device.
        name: The checkpoint's.
        device: Where it computes.
        dtype: Precision of the network.
        reason: Why this device and this precision.
        long_edge: None: its own rules say how photos are made smaller, from their full size.
        batch_size: 1: photos of a folder rarely share a frame, and one fills the network.
    """

    model: feedforward.FeedForwardModel
    name: str
    device: str
    dtype: str
    reason: str = ""
    long_edge: int | None = None
    batch_size: int = 1

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        """Depth of each photo, upright, at its own size.

        Raises:
            ImageError: Too little memory, or no depth at all.
        """
        depths = []
        for photo in photos:
            depths.append(self._predict(photo))
            on_step(len(depths), len(photos))
        return depths

    def restore(self, depth: DepthMap, size: tuple[int, int]) -> DepthMap:
        """Bring depth to the photo's upright (height, width) [px]; may be called in any thread."""
        return restore(depth, size, Resample.BILINEAR)

    def _predict(self, photo: Photo) -> DepthMap:
        try:
            return feedforward.predict(self.model, photo)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        raise ImageError(
            Kind.MEMORY,
            f"{self.device} has too little memory for this photo; "
            "take --dtype float16 or --device cpu",
        )


def open_predictor(
    card: AnyCard,
    recipe: Recipe,
    device: str = "auto",
    dtype: str = "auto",
    vae: str | None = None,
    batch_size: int | None = None,
) -> LoadedPredictor | FeedForwardPredictor:
    """Load a checkpoint and make it ready for a batch run.

    Args:
        card: What `resolve` found.
        recipe: What `card.decide` made of the user's options.
        device: "auto" or a device's name.
        dtype: "auto", "float32", "float16" or "bfloat16".
        vae: Folder or cached hub id of another VAE; None: the checkpoint's own.
        batch_size: Members of photos that go through the network together; None: what suits.

    Raises:
        ModelError: Incomplete, damaged or unsafe files.
        DeviceError: No such device, or too little memory on it.
    """
    place = choose_device(device)
    precision = choose_dtype(dtype, place.device)
    reason = f"{place.reason}; {precision.name}: {precision.reason}"
    if isinstance(card, FeedForwardCard):
        return FeedForwardPredictor(
            load_feedforward(card, device, dtype),
            card.name,
            str(place.device),
            precision.name,
            reason,
        )
    model = load(card, device, dtype, vae)
    return LoadedPredictor(
        model=model,
        recipe=recipe,
        units=batch_size or suitable_units(model, recipe),
        name=card.name,
        device=str(place.device),
        dtype=precision.name,
        reason=reason,
    )


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
