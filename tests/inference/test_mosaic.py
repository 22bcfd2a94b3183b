from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from marigold_cli.depth import DepthKind, DepthMap, Floats
from marigold_cli.inference.mosaic import Mosaic, take_means, take_means_enlarged
from marigold_cli.inference.tiling import Axis, Tiling
from marigold_cli.scenes.render import SKY_DEPTH, render

SIZE, TILE = (150, 200), (54, 72)
TILING = Tiling(Axis.of(SIZE[0], TILE[0]), Axis.of(SIZE[1], TILE[1]))
HELD_OUT = 1_000_000_000  # seeds from here on are never trained on


def stretched(values: Floats) -> Floats:
    return ((values - values.min()) / max(np.ptp(values), 1e-9)).astype(np.float32)


def plane() -> Floats:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return stretched(3.0 * x - 2.0 * y)


def ramp() -> Floats:
    """Depth of a floor that goes away from the camera: steep near, flat far."""
    y = np.linspace(0.2, 1, SIZE[0])[:, None]
    return stretched(np.repeat(1 / y, SIZE[1], axis=1))


def scene(seed: int) -> Floats:
    depth = render([HELD_OUT + seed], *SIZE).depth[0, 0].numpy()
    return stretched(np.minimum(depth, 0.5 * SKY_DEPTH))


def reduced(values: Floats, by: int = 4) -> Floats:
    """What a network says of the whole at a lower resolution."""
    size = values.shape[0] // by, values.shape[1] // by
    whole = torch.from_numpy(values)[None, None]
    return functional.interpolate(whole, size, mode="bilinear", antialias=True)[0, 0].numpy()


def cut_and_shuffle(values: Floats, spread: Floats | None = None) -> Mosaic:
    """Tiles of a map, each stretched to [0, 1] and then given a line of its own."""
    mosaic, rng = Mosaic(TILING), np.random.default_rng(0)
    for tile in TILING.tiles():
        part, scale = stretched(values[tile.rows, tile.columns]), rng.uniform(0.3, 1)
        own = None if spread is None else spread[tile.rows, tile.columns] * scale
        mosaic.add(tile, DepthMap(scale * part + rng.uniform(0, 0.3), uncertainty=own))
    return mosaic


def seams(found: Floats, truth: Floats) -> float:
    """The largest jump of what is wrong across the ends of tiles, where truth itself is smooth."""
    is_smooth = ndimage.maximum_filter(truth, 9) - ndimage.minimum_filter(truth, 9) < 0.05
    assert is_smooth.mean() > 0.3
    jumps = []
    for axis, ends in ((0, TILING.down), (1, TILING.across)):
        steps = np.abs(np.diff(found - truth, axis=axis))
        steps *= is_smooth.take(range(steps.shape[axis]), axis=axis)
        at = {place for part in ends.slices() for place in (part.start, part.stop)}
        lines = [place - 1 for place in at if 0 < place < ends.length]
        jumps.append(steps.take(lines, axis=axis).max())
    return max(jumps)


@pytest.mark.parametrize(
    "make",
    [plane, ramp, *(lambda seed=seed: scene(seed) for seed in range(4))],
    ids=["plane", "ramp", *(f"scene {seed}" for seed in range(4))],
)
def test_a_map_cut_into_tiles_of_shuffled_scale_and_shift_is_whole_again(
    make: Callable[[], Floats],
) -> None:
    truth = make()

    found = cut_and_shuffle(truth).merge(DepthMap(reduced(truth))).values

    assert found.shape == SIZE
    assert seams(found, truth) < 0.01
    assert np.abs(found - truth).mean() < 0.01


def test_detail_comes_back_that_the_whole_has_lost() -> None:
    truth = scene(0)
    small = reduced(truth, by=8)
    enlarged = functional.interpolate(torch.from_numpy(small)[None, None], SIZE, mode="bilinear")

    found = cut_and_shuffle(truth).merge(DepthMap(small)).values

    lost = np.abs(enlarged[0, 0].numpy() - truth).mean()
    assert np.abs(found - truth).mean() < 0.25 * lost


def test_where_tiles_are_noise_the_whole_is_left_as_it_is() -> None:
    truth, rng, mosaic = scene(1), np.random.default_rng(1), Mosaic(TILING)
    for tile in TILING.tiles():
        mosaic.add(tile, DepthMap(rng.random(TILE, np.float32)))

    found = mosaic.merge(DepthMap(truth)).values

    assert np.abs(found - truth).mean() < 0.005


def test_where_tiles_say_the_opposite_the_whole_is_left_as_it_is() -> None:
    truth = plane()

    found = cut_and_shuffle(1 - truth).merge(DepthMap(truth)).values

    assert np.abs(found - truth).max() < 1e-5


def test_a_wall_of_noise_does_not_show_beside_what_has_structure() -> None:
    """A flat wall's tile is its own noise, stretched to [0, 1]."""
    truth, rng, mosaic = ramp(), np.random.default_rng(2), Mosaic(TILING)
    truth[:, :100] = 0.5
    for tile in TILING.tiles():
        part = truth[tile.rows, tile.columns]
        is_flat = np.ptp(part) == 0
        mosaic.add(tile, DepthMap(rng.random(TILE, np.float32) if is_flat else stretched(part)))

    found = mosaic.merge(DepthMap(truth)).values

    assert np.ptp(found[:, :80]) < 0.02


def test_the_ensembles_spread_is_brought_into_the_same_frame() -> None:
    truth = plane()
    spread = np.full(SIZE, 0.1, np.float32)
    mosaic, rng = Mosaic(TILING), np.random.default_rng(0)
    for tile in TILING.tiles():
        scale = rng.uniform(0.3, 4)
        own = truth[tile.rows, tile.columns] * scale
        mosaic.add(tile, DepthMap(own, uncertainty=spread[tile.rows, tile.columns] * scale))

    found = mosaic.merge(DepthMap(reduced(truth), uncertainty=reduced(spread)))

    assert found.uncertainty is not None
    assert np.abs(found.uncertainty - 0.1).max() < 0.005


def test_metric_depth_keeps_its_unit() -> None:
    truth = 2 + 5 * plane()

    found = cut_and_shuffle(truth).merge(DepthMap(reduced(truth), DepthKind.METRIC))

    assert found.kind is DepthKind.METRIC
    assert np.abs(found.values - truth).max() < 0.05


def test_cells_are_means_over_a_lattice_that_all_tiles_share() -> None:
    truth, cell = scene(2), TILING.cell
    whole = truth[: 150 // cell * cell, : 200 // cell * cell]
    lattice = whole.reshape(150 // cell, cell, -1, cell).mean(axis=(1, 3))

    for tile in TILING.tiles():
        cells = take_means(truth[tile.rows, tile.columns], tile, cell)

        top, left, bottom, right = cells.box
        assert tile.rows.start <= top * cell < tile.rows.start + cell
        assert tile.columns.stop - cell < right * cell <= tile.columns.stop
        assert np.abs(cells.values - lattice[top:bottom, left:right]).max() < 1e-6


def test_means_of_the_enlarged_whole_are_those_of_the_map_that_torch_makes() -> None:
    small = reduced(scene(3))
    enlarged = functional.interpolate(torch.from_numpy(small)[None, None], SIZE, mode="bilinear")
    cell = TILING.cell
    whole = enlarged[0, 0, : 150 // cell * cell, : 200 // cell * cell].numpy()

    found = take_means_enlarged(small, TILING)

    expected = whole.reshape(150 // cell, cell, -1, cell).mean(axis=(1, 3))
    assert np.abs(found.values - expected).max() < 1e-6


def test_tiles_are_kept_in_two_bytes_a_pixel_and_given_up_as_they_are_laid() -> None:
    truth = plane()
    mosaic = cut_and_shuffle(truth)
    before = [weakref.ref(kept.depth.codes) for kept in mosaic._kept]
    assert {codes().nbytes for codes in before} == {2 * TILE[0] * TILE[1]}

    mosaic.merge(DepthMap(reduced(truth)))

    assert not any(codes() is not None for codes in before)
