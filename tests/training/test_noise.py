from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from marigold_cli.training.networks import new_scheduler
from marigold_cli.training.noise import (
    add_noise,
    multi_resolution_noise,
    normalise_depth,
    velocity,
)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_without_strength_is_white() -> None:
    noise = multi_resolution_noise(torch.empty(64, 4, 18, 24), torch.zeros(64), random())

    neighbours = (noise[..., 1:] * noise[..., :-1]).mean()
    assert abs(noise.std() - 1) < 1e-3
    # Level 0 adds a second white field, whatever the strength; both stay white.
    assert abs(neighbours) < 0.02


def test_strength_moves_power_to_coarse_levels_at_unit_deviation() -> None:
    noise = multi_resolution_noise(torch.empty(64, 4, 18, 24), torch.full((64,), 0.9), random())

    coarse = noise.mean((-1, -2)).std()
    assert abs(noise.std() - 1) < 1e-3
    assert coarse > 3 / np.sqrt(18 * 24)


def test_noising_and_velocity_agree_with_diffusers() -> None:
    scheduler: DDIMScheduler = new_scheduler()
    clean, noise = torch.randn(2, 6, 4, 5, 5, generator=random()).unbind()
    timestep = torch.tensor([0, 10, 300, 700, 998, 999])
    alpha_bar = scheduler.alphas_cumprod[timestep].view(-1, 1, 1, 1)

    torch.testing.assert_close(
        add_noise(clean, noise, alpha_bar), scheduler.add_noise(clean, noise, timestep)
    )
    torch.testing.assert_close(
        velocity(clean, noise, alpha_bar), scheduler.get_velocity(clean, noise, timestep)
    )


def test_the_last_timestep_is_pure_noise() -> None:
    scheduler = new_scheduler()

    assert scheduler.alphas_cumprod[-1] == pytest.approx(0, abs=1e-7)


def test_depth_is_spread_between_the_outer_percentiles_of_what_is_not_sky() -> None:
    depth = (
        torch.rand(3, 1, 40, 50, generator=random()) ** 3
        * torch.tensor([1.0, 7, 80])[:, None, None, None]
    )
    depth[1, :, :10] = 80

    spread = normalise_depth(depth, sky=80)

    for before, after in zip(depth.double().numpy(), spread.numpy(), strict=True):
        low, high = np.percentile(before[before < 80], [2, 98])
        np.testing.assert_allclose(
            after, np.clip((before - low) / (high - low) * 2 - 1, -1, 1), atol=1e-5
        )
    assert (spread[1, :, :10] == 1).all()


def test_a_picture_of_nothing_but_sky_is_far() -> None:
    assert (normalise_depth(torch.full((1, 1, 4, 4), 80.0), sky=80) == 1).all()
