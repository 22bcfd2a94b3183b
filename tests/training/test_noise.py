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


def test_depth_is_spread_between_its_outer_percentiles() -> None:
    depth = (
        torch.rand(3, 1, 40, 50, generator=random()) ** 3
        * torch.tensor([1.0, 7, 80])[:, None, None, None]
    )

    spread = normalise_depth(depth)

    for before, after in zip(depth.numpy(), spread.numpy(), strict=True):
        low, high = np.percentile(before.astype(np.float64), [2, 98])
        np.testing.assert_allclose(
            after, np.clip((before - low) / (high - low) * 2 - 1, -1, 1), atol=1e-5
        )
