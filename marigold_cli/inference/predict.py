"""Photos in, depth maps out. Opens no file and prints nothing."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor

from marigold_cli.depth import DepthMap, Floats
from marigold_cli.inference.guided import refine
from marigold_cli.inference.members import combine
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.mosaic import Mosaic
from marigold_cli.inference.options import Noise, Recipe
from marigold_cli.inference.preprocess import (
    pad,
    processing_size,
    resize_photo,
    to_model_frame,
    unpad,
)
from marigold_cli.inference.schedule import Schedule, make_schedule
from marigold_cli.inference.tiling import Tiling, plan_tiling

if TYPE_CHECKING:
    from marigold_cli.files.decode import Photo

OnStep = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True)
class _Call:
    """What stays the same throughout one call of `predict`."""

    model: DepthModel
    recipe: Recipe
    schedule: Schedule
    batch_size: int
    members: range  # of each photo's ensemble
    count: Callable[[int], None]  # told how many denoising steps were just done


@dataclass(frozen=True)
class _Unit:
    """One member of one image: what a batch is made of.

    Attributes:
        latent: [1, 4, h, w], the image's.
        stream: All randomness of this unit, so that it does not depend on its neighbours.
    """

    latent: Tensor
    stream: Generator


def predict(
    model: DepthModel,
    photos: Sequence[Photo],
    recipe: Recipe,
    batch_size: int = 1,
    on_step: OnStep = lambda done, total: None,
) -> list[DepthMap]:
    """Predict every photo's depth, upright, in the order given.

    Maps have processing size; tiled ones their mosaic's size, refined ones that of `photo.pixels`.
    A result depends on model, recipe and photo alone, not on the photos or the batch beside it.

    Args:
        model: The network.
        photos: Those of equal processing size share batches.
        recipe: What to do.
        batch_size: Units, that is members of an image, in one go.
        on_step: Told the denoising steps done and to do, summed over all units of this call.

    Raises:
        ImageError: a photo for which the network gave no finite number.
        UsageError: a recipe that the model's scheduler cannot follow.
    """
    schedule = make_schedule(model.scheduler, recipe)
    tilings = [plan_tiling(photo.size, recipe) for photo in photos]
    passes = len(photos) + sum(len(tiling.tiles()) for tiling in tilings if tiling)
    count = _counter(passes * recipe.ensemble * len(schedule.steps), on_step)
    call = _Call(model, recipe, schedule, batch_size, range(recipe.ensemble), count)
    depths: dict[int, DepthMap] = {}
    for size, indices in _by_size(photos, recipe.resolution).items():
        members = _predict_group(call, [photos[index] for index in indices], size)
        for index, own in zip(indices, members, strict=True):
            depths[index] = combine(model, own, recipe)
    for index, (photo, tiling) in enumerate(zip(photos, tilings, strict=True)):
        if tiling:
            depths[index] = _predict_tiles(call, photo, tiling, depths[index])
        depths[index] = _refined(depths[index], photo, model, recipe)
    return [depths[index] for index in range(len(photos))]


def predict_members(
    model: DepthModel,
    photo: Photo,
    recipe: Recipe,
    members: range,
    batch_size: int = 1,
    on_step: OnStep = lambda done, total: None,
) -> Floats:
    """Some members of one photo's ensemble [N, C, PH, PW] float32, as predicted.

    They are those that `predict` merges, to the bit where they are as many to a batch there. It
    has no use for tiles, whose members are merged tile by tile.

    Args:
        model: The network.
        photo: Predicted in one piece.
        recipe: What to do.
        members: Which, counted from 0.
        batch_size: Members in one go.
        on_step: Told the denoising steps done and to do, summed over these members.
    """
    schedule = make_schedule(model.scheduler, recipe)
    count = _counter(len(members) * len(schedule.steps), on_step)
    call = _Call(model, recipe, schedule, batch_size, members, count)
    predicted: Floats = _predict_group(
        call, [photo], processing_size(photo.size, recipe.resolution)
    )[0]
    return predicted


def merge_members(model: DepthModel, photo: Photo, members: Floats, recipe: Recipe) -> DepthMap:
    """What `predict` makes of all members [E, C, PH, PW] of a photo, upright.

    Raises:
        ImageError: none of them is finite.
    """
    return _refined(combine(model, members, recipe), photo, model, recipe)


def _refined(depth: DepthMap, photo: Photo, model: DepthModel, recipe: Recipe) -> DepthMap:
    """Depth along the photo's edges where that was asked for; else as it is."""
    return refine(depth, photo, model.device) if recipe.refine else depth


def _predict_tiles(call: _Call, photo: Photo, tiling: Tiling, whole: DepthMap) -> DepthMap:
    """Depth of the mosaic's size.

    An ensemble's members are merged tile by tile: each has a line of its own in every tile anyway,
    and a mosaic of every member would take as many times the memory.
    """
    big, mosaic = resize_photo(photo, tiling.size, call.recipe.resample), Mosaic(tiling)
    for tiles in _batches(tiling.tiles(), max(1, call.batch_size // call.recipe.ensemble)):
        members = _predict_group(call, [tile.cut(big) for tile in tiles], tiling.tile_size)
        for tile, own in zip(tiles, members, strict=True):
            mosaic.add(tile, combine(call.model, own, call.recipe))
    return mosaic.merge(whole)


def noise_stream(seed: int, digest: str, member: int) -> Generator:
    """The random numbers of one member of one image, the same on every machine and device."""
    key = hashlib.sha256(f"{seed}/{digest}/{member}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "big"))


def _by_size(photos: Sequence[Photo], resolution: int) -> dict[tuple[int, int], list[int]]:
    """Indices of the photos that can share a batch, by processing size."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, photo in enumerate(photos):
        groups[processing_size(photo.size, resolution)].append(index)
    return groups


@torch.inference_mode()
def _predict_group(call: _Call, photos: Sequence[Photo], size: tuple[int, int]) -> Floats:
    """N photos of one processing size -> E of their members [N, E, C, PH, PW] float32 each.

    C is the model's number of planes.
    """
    model, recipe = call.model, call.recipe

    # 1. Pixels to the model's frame, padded to whole latent cells.
    frames = [
        pad(to_model_frame(photo.pixels, size, recipe.resample), model.multiple) for photo in photos
    ]  # N x [1, 3, PPH, PPW]

    # 2. Every image is encoded once, however many members it has. The VAE takes one at a time:
    #    it needs the most memory by far, and gains nothing from company.
    images = [model.encode_image(frame) for frame in frames]  # N x [1, 4, h, w]

    # 3. One unit per image and member, image by image.
    units = [
        _Unit(image, noise_stream(recipe.seed, photo.digest, member))
        for photo, image in zip(photos, images, strict=True)
        for member in call.members
    ]

    # 4. Noise to depth latent, batch by batch; to depth, one by one. Padding goes, float32 stays,
    #    and what is done leaves the device: all members of large photos would fill it.
    latents = (  # [1, 4 N, h, w]
        latent
        for batch in _batches(units, call.batch_size)
        for latent in _denoise(call, batch).unsqueeze(1)
    )
    predicted = np.empty((len(photos), len(call.members), model.planes, *size), np.float32)
    for member, latent in zip(predicted.reshape(-1, *predicted.shape[2:]), latents, strict=True):
        member[:] = unpad(model.decode(latent), size)[0].cpu().numpy()
    return predicted


def _denoise(call: _Call, units: Sequence[_Unit]) -> Tensor:
    """One batch of units -> latents [B, 4 N, h, w] float32."""
    image_latent = torch.cat([unit.latent for unit in units])  # [B, 4, h, w]
    shape = (1, call.model.channels, *image_latent.shape[2:])

    def draw() -> Tensor:
        return torch.cat([torch.randn(shape, generator=unit.stream) for unit in units])

    is_drawn = call.recipe.noise is Noise.GAUSSIAN
    start = draw() if is_drawn else torch.zeros((len(units), *shape[1:]))
    return call.model.denoise(
        image_latent, start, call.schedule, draw, lambda: call.count(len(units))
    )


def _counter(total: int, on_step: OnStep) -> Callable[[int], None]:
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        on_step(done, total)

    return count


def _batches(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
