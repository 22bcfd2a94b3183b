from __future__ import annotations

import shutil
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from marigold_cli.checkpoints.capacity import suitable_units
from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.predictor import LoadedPredictor, open_predictor
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.errors import DeviceError, ImageError
from marigold_cli.files.decode import Photo
from marigold_cli.inference.compiling import Wish
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import PredictOptions
from marigold_cli.inference.predict import predict

OPTIONS = PredictOptions(steps=1, ensemble=2, resolution=32)


class Cramped(DepthModel):
    """A real model on a device that holds only so many units at once."""

    def __init__(self, model: DepthModel, room: int, error: Exception) -> None:
        super().__init__(model.vae, model.unet, model.scheduler, model.empty_text)
        self.room, self.error = room, error
        self.sizes: list[int] = []
        self.first: weakref.ref[Tensor] | None = None

    def denoise(self, image_latent: Tensor, latent: Tensor, *rest: object) -> Tensor:
        self.sizes.append(len(latent))
        self.first = self.first or weakref.ref(latent)
        if len(latent) > self.room:
            raise type(self.error)(*self.error.args)  # a fresh one, which nobody else holds
        return super().denoise(image_latent, latent, *rest)


class Watched(Cramped):
    """Looks in the second try whether the first one's latent is gone."""

    was_freed = False

    def denoise(self, image_latent: Tensor, latent: Tensor, *rest: object) -> Tensor:
        if self.first is not None:
            self.was_freed = self.was_freed or self.first() is None
        return super().denoise(image_latent, latent, *rest)


@pytest.fixture(scope="session")
def model(whole: Path) -> DepthModel:
    return load(resolve(str(whole)))


@pytest.fixture
def photos(photo: Photo) -> list[Photo]:
    return [replace(photo, digest=str(number) * 64) for number in range(2)]


def ignore(step: int, steps: int) -> None:
    pass


def predictor_of(model: DepthModel, whole: Path, units: int) -> LoadedPredictor:
    recipe = resolve(str(whole)).decide(OPTIONS)
    return LoadedPredictor(model, recipe, units, "tiny", "cpu", "float32")


def test_an_opened_predictor_gives_the_models_depth(whole: Path, photos: Sequence[Photo]) -> None:
    card = resolve(str(whole))
    recipe = card.decide(OPTIONS)
    steps: list[tuple[int, int]] = []

    predictor = open_predictor(card, recipe, "cpu", "float32")
    depths = predictor.predict(photos, lambda done, total: steps.append((done, total)))

    expected = predict(load(card), photos, recipe, predictor.units)
    assert all(np.array_equal(a.values, b.values) for a, b in zip(depths, expected, strict=True))
    assert steps[-1] == (4, 4)


def test_a_predictor_says_what_it_is_and_why(whole: Path) -> None:
    card = resolve(str(whole))

    predictor = open_predictor(card, card.decide(OPTIONS), "cpu", "bfloat16")

    assert (predictor.name, predictor.device, predictor.dtype) == (card.name, "cpu", "bfloat16")
    assert "asked for" in predictor.reason


def test_a_device_that_is_not_there_is_told_before_anything_is_read(folder: Path) -> None:
    card = resolve(str(folder))
    shutil.rmtree(folder)

    with pytest.raises(DeviceError, match=r"there is: .*cpu"):
        open_predictor(card, card.decide(OPTIONS), "cuda:99")


def test_depth_is_restored_to_the_photos_size(whole: Path, photos: Sequence[Photo]) -> None:
    card = resolve(str(whole))
    predictor = open_predictor(card, card.decide(OPTIONS), "cpu")

    [depth] = predictor.predict(photos[:1], ignore)

    assert depth.shape == (24, 32)
    assert predictor.restored(depth, (48, 64)).shape == (48, 64)


@pytest.mark.parametrize(("resolution", "edge"), [(0, None), (32, 32)])
def test_the_long_edge_is_unknown_where_photos_keep_their_own(
    model: DepthModel, whole: Path, resolution: int, edge: int | None
) -> None:
    predictor = predictor_of(model, whole, units=1)

    recipe = replace(predictor.recipe, resolution=resolution)

    assert replace(predictor, recipe=recipe).long_edge == edge


@pytest.mark.parametrize(("units", "photos_each"), [(1, 1), (2, 1), (5, 2), (8, 4)])
def test_so_many_photos_are_asked_for_as_fill_the_network(
    model: DepthModel, whole: Path, units: int, photos_each: int
) -> None:
    predictor = predictor_of(model, whole, units)

    assert predictor.photos_per_call == photos_each


@pytest.mark.parametrize(
    ("resolution", "ensemble", "units"),
    [(192, 10, 10), (192, 3, 3), (192, 1, 1), (768, 10, 1), (4, 10, 10)],
)
def test_a_cpu_takes_members_of_one_small_photo_together(
    model: DepthModel, whole: Path, resolution: int, ensemble: int, units: int
) -> None:
    options = PredictOptions(resolution=resolution, ensemble=ensemble)
    recipe = resolve(str(whole)).decide(options)

    wide = model.multiple / 8  # a latent cell of the tests' network may be smaller than usual
    recipe = replace(recipe, resolution=int(recipe.resolution * wide))

    assert suitable_units(model, recipe) == units


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("full"), RuntimeError("can't allocate memory: 9 GB")]
)
def test_a_lack_of_memory_halves_the_batch_and_loses_no_photo(
    model: DepthModel, whole: Path, photos: Sequence[Photo], error: Exception
) -> None:
    cramped = Cramped(model, room=3, error=error)
    predictor = predictor_of(cramped, whole, units=4)

    depths = predictor.predict(photos, ignore)

    assert cramped.sizes == [4, 2, 2]
    assert predictor.units == 2
    calm = predictor_of(model, whole, units=2)
    expected = calm.predict(photos, ignore)
    assert all(np.array_equal(a.values, b.values) for a, b in zip(depths, expected, strict=True))


def test_a_smaller_batch_is_kept_for_the_photos_that_follow(
    model: DepthModel, whole: Path, photos: Sequence[Photo]
) -> None:
    cramped = Cramped(model, 3, torch.OutOfMemoryError("full"))
    predictor = predictor_of(cramped, whole, units=4)
    predictor.predict(photos, ignore)
    cramped.sizes.clear()

    predictor.predict(photos, ignore)

    assert cramped.sizes == [2, 2]


def test_where_not_even_one_unit_fits_the_photo_fails_by_name(
    model: DepthModel, whole: Path, photos: Sequence[Photo]
) -> None:
    cramped = Cramped(model, 0, torch.OutOfMemoryError("full"))
    predictor = predictor_of(cramped, whole, units=2)

    with pytest.raises(ImageError, match="64 x 48 px; lower --resolution") as caught:
        predictor.predict(photos[:1], ignore)

    assert caught.value.kind == "memory"
    assert cramped.sizes == [2, 1]


def test_no_memory_is_held_by_the_error_while_a_smaller_batch_is_tried(
    model: DepthModel, whole: Path, photos: Sequence[Photo]
) -> None:
    """The exception's traceback would keep every tensor of the failed try alive."""
    watched = Watched(model, 2, torch.OutOfMemoryError("full"))

    predictor_of(watched, whole, units=4).predict(photos, ignore)

    assert watched.was_freed


def test_other_errors_are_not_hidden(
    model: DepthModel, whole: Path, photos: Sequence[Photo]
) -> None:
    cramped = Cramped(model, 0, RuntimeError("a bug"))

    with pytest.raises(RuntimeError, match="a bug"):
        predictor_of(cramped, whole, units=4).predict(photos, ignore)


def test_a_dead_device_ends_the_run_and_is_no_photos_fault(
    model: DepthModel, whole: Path, photos: Sequence[Photo]
) -> None:
    dying = Cramped(model, 0, RuntimeError("CUDA error: an illegal memory access"))
    predictor = replace(predictor_of(dying, whole, units=4), device="cuda:99")

    with pytest.raises(DeviceError, match="cuda:99 does not work any more"):
        predictor.predict(photos, ignore)
    with pytest.raises(DeviceError, match="cuda:99 does not work any more"):
        predictor.predict_members(photos[0], range(2), 2, ignore)


@pytest.mark.gpu
def test_a_real_device_that_is_too_small_is_filled_with_smaller_batches(
    whole: Path, photos: Sequence[Photo]
) -> None:
    card = resolve(str(whole))
    recipe = card.decide(PredictOptions(steps=1, resolution=768))
    predictor = open_predictor(card, recipe, "cuda", "float32", batch_size=64)
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(1.5e9 / total)
    try:
        depths = predictor.predict(photos * 32, ignore)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert len(depths) == 64
    assert predictor.units < 64


@pytest.mark.gpu
@pytest.mark.parametrize("compiling", ["off", "on"])
def test_a_gpu_gives_the_depth_of_a_cpu(
    whole: Path, photos: Sequence[Photo], compiling: Wish
) -> None:
    card = resolve(str(whole))
    recipe = card.decide(OPTIONS)
    here = open_predictor(card, recipe, "cpu", "float32", None, 2)
    there = open_predictor(card, recipe, "cuda", "float32", None, 2, compiling)

    pairs = zip(here.predict(photos, ignore), there.predict(photos, ignore), strict=True)

    assert all(np.abs(one.values - other.values).max() < 1e-3 for one, other in pairs)
