"""A model, a recipe and a device as the one thing that a batch run asks for depth."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import torch

from marigold_cli.checkpoints.capacity import suitable_units
from marigold_cli.checkpoints.card import AnyCard, FeedForwardCard
from marigold_cli.checkpoints.device import (
    check_alive,
    choose_device,
    choose_dtype,
    is_out_of_memory,
)
from marigold_cli.checkpoints.load import load, load_feedforward
from marigold_cli.depth import DepthMap, Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.inference import feedforward
from marigold_cli.inference.compiling import Wish
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import Recipe, Resample
from marigold_cli.inference.predict import merge_members, predict, predict_members
from marigold_cli.inference.restoring import Restored
from marigold_cli.inference.tiling import decoded_edge

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

_Result = TypeVar("_Result")


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
        photos_per_call: So many fill the network; one where its members or its tiles fill
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
    photos_per_call: int = field(init=False)

    def __post_init__(self) -> None:
        self.long_edge = decoded_edge(self.recipe)
        self.photos_per_call = self._count_photos()

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        """Depth of each photo, upright, at processing size or larger.

        Raises:
            ImageError: too little memory even for one member at a time, or no finite depth.
            DeviceError: the device does not work any more.
        """
        return self._compute(
            lambda: predict(self.model, photos, self.recipe, self.units, on_step), photos
        )

    def predict_members(
        self, photo: Photo, members: range, batch: int, on_step: Callable[[int, int], None]
    ) -> Floats:
        """Some members of a photo [N, C, PH, PW] float32, `batch` of them in one go.

        Raises:
            ImageError: too little memory even for one member at a time.
            DeviceError: the device does not work any more.
        """

        def attempt() -> Floats:
            units = min(batch, self.units)
            return predict_members(self.model, photo, self.recipe, members, units, on_step)

        return self._compute(attempt, [photo])

    def merge(self, photo: Photo, members: Floats) -> DepthMap:
        """Depth of a photo out of all its members [E, C, PH, PW].

        Raises:
            ImageError: no finite depth.
        """
        return merge_members(self.model, photo, members, self.recipe)

    def restored(self, depth: DepthMap, size: tuple[int, int]) -> Restored:
        """Depth at the photo's upright (height, width) [px], made part by part in any thread."""
        return Restored(depth, size, self.recipe.resample)

    def _compute(self, attempt: Callable[[], _Result], photos: Sequence[Photo]) -> _Result:
        """Attempt it with fewer and fewer units, as long as memory ends."""
        while (result := self._try(attempt)) is None:
            # Here and not in the except block, whose exception would keep every tensor alive.
            self._shrink(photos)
        return result

    def _try(self, attempt: Callable[[], _Result]) -> _Result | None:
        """What comes of it, or None where memory ended."""
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                return None
            check_alive(self.device)
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
        self.photos_per_call = self._count_photos()

    def _count_photos(self) -> int:
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
        photos_per_call: 1: photos of a folder rarely share a frame, and one fills the network.
    """

    model: feedforward.FeedForwardModel
    name: str
    device: str
    dtype: str
    reason: str = ""
    long_edge: int | None = None
    photos_per_call: int = 1

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        """Depth of each photo, upright, at its own size.

        Raises:
            ImageError: too little memory, or no depth at all.
            DeviceError: the device does not work any more.
        """
        depths = []
        for photo in photos:
            depths.append(self._predict(photo))
            on_step(len(depths), len(photos))
        return depths

    def restored(self, depth: DepthMap, size: tuple[int, int]) -> Restored:
        """Depth at the photo's upright (height, width) [px], made part by part in any thread."""
        return Restored(depth, size, Resample.BILINEAR)

    def _predict(self, photo: Photo) -> DepthMap:
        try:
            return feedforward.predict(self.model, photo)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                check_alive(self.device)
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
    compiling: Wish = "off",
) -> LoadedPredictor | FeedForwardPredictor:
    """Load a checkpoint and make it ready for a batch run.

    Args:
        card: What `resolve` found.
        recipe: What `card.decide` made of the user's options.
        device: "auto" or a device's name.
        dtype: "auto", "float32", "float16" or "bfloat16".
        vae: Folder or cached hub id of another VAE; None: the checkpoint's own.
        batch_size: Members of photos that go through the network together; None: what suits.
        compiling: Whether the U-Net is compiled: "auto", "on" or "off".

    Raises:
        ModelError: incomplete, damaged or unsafe files.
        DeviceError: no such device, or too little memory on it.
    """
    place = choose_device(device)
    precision = choose_dtype(dtype, place.device, card.cpu_dtype)
    reason = f"{place.reason}; {precision.name}: {precision.reason}"
    if isinstance(card, FeedForwardCard):
        return FeedForwardPredictor(
            load_feedforward(card, place.device, precision.dtype),
            card.name,
            str(place.device),
            precision.name,
            reason,
        )
    model = load(card, place.device, precision.dtype, vae, compiling)
    return LoadedPredictor(
        model=model,
        recipe=recipe,
        units=batch_size or suitable_units(model, recipe),
        name=card.name,
        device=str(place.device),
        dtype=precision.name,
        reason=reason,
    )
