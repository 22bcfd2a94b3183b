from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from marigold_cli.training.foundation import open_foundation
from marigold_cli.training.lesson import Chance, draw_chance
from marigold_cli.training.noise import (
    LEVELS,
    STRENGTH,
    add_noise,
    clean_of,
    count_normals,
    level_sizes,
    multi_resolution_noise,
    velocity,
)

SIZE = (12, 16)


def chance_of(pictures: int, channels: int, ratios: tuple[float, ...]) -> Chance:
    return draw_chance(ratios, range(pictures), count_normals(channels, SIZE, ratios))


def spread(full: int, coarse: int) -> NDArray[np.float64]:
    """The matrix of linear interpolation of `coarse` cells to `full`, centres on centres."""
    places = ((np.arange(full) + 0.5) * coarse / full - 0.5).clip(0, coarse - 1)
    return np.stack([np.interp(places, np.arange(coarse), row) for row in np.eye(coarse)], axis=1)


def test_levels_shrink_by_growing_powers_of_a_ratio_drawn_for_each() -> None:
    ratios = (0.9, 0.0, 0.5, *[0.5] * 7)

    sizes = level_sizes((480, 640), ratios)

    # level 0: / 3.8**0, level 1: / 2**1, level 2: / 3**2, level 3: / 3**3, each of the last one
    assert sizes == [(480, 640), (240, 320), (26, 35), (1, 1)]


def test_there_are_ten_levels_at_most() -> None:
    assert len(level_sizes((10**15, 10**15), (0.0,) * LEVELS)) == LEVELS


@pytest.mark.parametrize("strength", [0.0, 0.5, STRENGTH])
def test_every_level_brings_the_power_and_the_grain_that_it_should(strength: float) -> None:
    ratios = (0.3, 0.25, 0.6, *[0.5] * 7)
    pictures, channels = 24, 200
    like = torch.empty(pictures, channels, *SIZE)

    noise = multi_resolution_noise(
        like, torch.full((pictures,), strength), chance_of(pictures, channels, ratios)
    )

    cells = SIZE[0] * SIZE[1]
    expected = np.eye(cells)
    for level, (height, width) in enumerate(level_sizes(SIZE, ratios)):
        matrix = np.kron(spread(SIZE[0], height), spread(SIZE[1], width))
        expected += strength ** (2 * level) * matrix @ matrix.T
    expected /= np.trace(expected) / cells
    fields = noise.reshape(-1, cells).double().numpy()
    found = fields.T @ fields / len(fields)
    np.testing.assert_allclose(found, expected, atol=6 * np.sqrt(2 / len(fields)))


def test_each_picture_has_unit_deviation_whatever_its_strength() -> None:
    ratios = (0.5,) * LEVELS
    strength = torch.tensor([0.0, 0.3, 0.9])

    noise = multi_resolution_noise(torch.empty(3, 8, *SIZE), strength, chance_of(3, 8, ratios))

    torch.testing.assert_close(noise.std((1, 2, 3)), torch.ones(3))


def test_a_picture_has_the_same_noise_in_every_company() -> None:
    ratios = (0.5,) * LEVELS
    strength = torch.tensor([0.2, 0.7])

    both = multi_resolution_noise(torch.empty(2, 4, *SIZE), strength, chance_of(2, 4, ratios))

    numbers = count_normals(4, SIZE, ratios)
    alone = multi_resolution_noise(
        torch.empty(1, 4, *SIZE), strength[1:], draw_chance(ratios, [1], numbers)
    )
    torch.testing.assert_close(both[1:], alone)


def test_noising_and_velocity_agree_with_diffusers() -> None:
    scheduler = open_foundation(None).make_scheduler(zero_snr=True, trailing=True)
    clean, noise = torch.randn(2, 6, 4, 5, 5).unbind()
    timestep = torch.tensor([0, 10, 300, 700, 998, 999])
    alpha_bar = scheduler.alphas_cumprod[timestep].view(-1, 1, 1, 1)

    noisy, target = add_noise(clean, noise, alpha_bar), velocity(clean, noise, alpha_bar)

    torch.testing.assert_close(noisy, scheduler.add_noise(clean, noise, timestep))
    torch.testing.assert_close(target, scheduler.get_velocity(clean, noise, timestep))
    torch.testing.assert_close(clean_of(noisy, target, alpha_bar), clean, atol=1e-5, rtol=0)
