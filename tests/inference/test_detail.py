"""Tiles and edges through the network, with whole but tiny models."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from marigold_cli.depth import DepthMap
from marigold_cli.files.decode import Photo
from marigold_cli.inference import mosaic as mosaic_module
from marigold_cli.inference.guided import refine
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.mosaic import Mosaic
from marigold_cli.inference.options import AUTO_TILE, Recipe, Resample
from marigold_cli.inference.predict import predict
from marigold_cli.inference.preprocess import resize_photo
from marigold_cli.inference.tiling import Axis, Tiling, plan_tiling

MakePhoto = Callable[..., Photo]


@pytest.fixture
def model(models: dict[str, DepthModel]) -> DepthModel:
    return models["trailing"]


@pytest.fixture
def tiled(recipe: Recipe) -> Recipe:
    return replace(recipe, steps=1, resolution=32, tile=32)


def test_tiles_are_predicted_as_photos_of_their_own_and_merged(
    model: DepthModel, make_photo: MakePhoto, tiled: Recipe
) -> None:
    photo = make_photo(48, 64)
    plain = replace(tiled, tile=None)
    tiling = plan_tiling((48, 64), tiled)
    assert tiling is not None
    mosaic = Mosaic(tiling)
    for tile in tiling.tiles():
        pixels = photo.pixels[tile.rows, tile.columns].copy()
        name = f"{photo.digest}/{tile.row},{tile.column}"
        (depth,) = predict(model, [Photo(pixels, (24, 32), 1, name)], plain)
        mosaic.add(tile, depth)
    expected = mosaic.merge(predict(model, [photo], plain)[0])

    (found,) = predict(model, [photo], tiled)

    assert found.shape == (48, 64)
    assert np.abs(found.values - expected.values).max() < 1e-6
    assert (found.values.min(), found.values.max()) == (0, 1)


def test_neither_batch_nor_neighbours_change_a_tiled_photo(
    model: DepthModel, make_photo: MakePhoto, tiled: Recipe
) -> None:
    big, small = make_photo(48, 64, 1), make_photo(20, 30, 2)
    recipe = replace(tiled, ensemble=2)
    alone = [predict(model, [photo], recipe)[0] for photo in (big, small)]

    together = predict(model, [small, big], recipe, batch_size=5)[::-1]

    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.values - other.values).max() < 1e-3
        assert np.abs(one.uncertainty - other.uncertainty).max() < 1e-3


def test_a_photo_no_larger_than_a_tile_is_predicted_as_without_tiles(
    model: DepthModel, make_photo: MakePhoto, recipe: Recipe
) -> None:
    photo = make_photo(40, 56)

    (plain,) = predict(model, [photo], recipe)

    for tile in (AUTO_TILE, 56):
        (found,) = predict(model, [photo], replace(recipe, tile=tile))
        assert np.array_equal(found.values, plain.values)


def test_tiles_larger_than_the_frame_give_a_mosaic_smaller_than_the_photo(
    model: DepthModel, make_photo: MakePhoto, tiled: Recipe
) -> None:
    (found,) = predict(model, [make_photo(96, 128)], replace(tiled, tile=64))

    assert found.shape == (48, 64)


def test_progress_counts_the_tiles_as_well(
    model: DepthModel, make_photo: MakePhoto, tiled: Recipe
) -> None:
    seen: list[tuple[int, int]] = []
    photos = [make_photo(48, 64, 1), make_photo(24, 32, 2)]  # 9 tiles and none

    predict(
        model,
        photos,
        replace(tiled, ensemble=2),
        batch_size=4,
        on_step=lambda done, total: seen.append((done, total)),
    )

    assert {total for _, total in seen} == {2 * (2 + 9)}
    assert seen[-1] == (22, 22)
    assert [done for done, _ in seen] == [4, 8, 12, 16, 20, 22]


def test_an_ensembles_spread_comes_in_the_mosaics_size(
    model: DepthModel, make_photo: MakePhoto, tiled: Recipe
) -> None:
    (found,) = predict(model, [make_photo(48, 64)], replace(tiled, ensemble=3))

    assert found.uncertainty is not None
    assert found.uncertainty.shape == (48, 64)
    assert 0 <= found.uncertainty.min() < found.uncertainty.max() < 1


@pytest.mark.parametrize("tile", [None, 32])
def test_refined_depth_has_the_photos_size(
    tile: int | None, model: DepthModel, make_photo: MakePhoto, tiled: Recipe
) -> None:
    photo, recipe = make_photo(48, 64), replace(tiled, tile=tile)
    (plain,) = predict(model, [photo], recipe)

    (found,) = predict(model, [photo], replace(recipe, refine=True))

    assert found.shape == (48, 64)
    assert np.array_equal(found.values, refine(plain, photo).values)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_photos_are_resized_within_their_type(dtype: str, make_photo: MakePhoto) -> None:
    photo = make_photo(40, 56, dtype=dtype)

    found = resize_photo(photo, (20, 28), Resample.BILINEAR)

    means = photo.pixels.reshape(20, 2, 28, 2, 3).mean(axis=(1, 3))
    unit = 1 if dtype == "float32" else np.iinfo(dtype).max
    assert found.pixels.dtype == photo.pixels.dtype
    assert np.abs(found.pixels[2:-2, 2:-2] / unit - means[2:-2, 2:-2] / unit).mean() < 0.1
    assert resize_photo(photo, (40, 56), Resample.BILINEAR) is photo


def test_a_mosaic_takes_little_more_memory_than_its_tiles_and_its_map(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mosaic_module, "_BLOCK_BYTES", 1 << 20)
    size, side, rng = (750, 1000), 96, np.random.default_rng(0)
    tiling = Tiling(Axis.of(size[0], side), Axis.of(size[1], side))
    whole = DepthMap(rng.random((75, 100), np.float32))
    tiles = tiling.tiles()
    packed = 2 * len(tiles) * side * side

    tracemalloc.start()
    mosaic = Mosaic(tiling)
    for tile in tiles:
        mosaic.add(tile, DepthMap(rng.random((side, side), np.float32)))
    kept, _ = tracemalloc.get_traced_memory()
    merged = mosaic.merge(whole)
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < packed + 2e6  # whole blocks, and the cells
    assert peak < kept + merged.values.nbytes + 4e6  # the cells at which tiles meet
    assert left < merged.values.nbytes + 1e6
