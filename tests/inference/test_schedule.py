from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from marigold_cli.errors import ModelError, UsageError
from marigold_cli.inference.options import Noise, Spacing
from marigold_cli.inference.schedule import make_schedule

TRAILING = {
    1: [999],
    2: [999, 499],
    4: [999, 749, 499, 249],
    10: list(range(999, 0, -100)),
    50: list(range(999, 0, -20)),
}
LEADING = {
    1: [1],
    2: [501, 1],
    4: [751, 501, 251, 1],
    10: list(range(901, 0, -100)),
    50: list(range(981, 0, -20)),
}


@pytest.mark.parametrize("steps", TRAILING)
def test_trailing_timesteps_begin_at_pure_noise(steps, schedulers, recipe) -> None:
    recipe = replace(recipe, steps=steps, timesteps=Spacing.TRAILING)

    assert make_schedule(schedulers["leading"], recipe).timesteps == TRAILING[steps]


@pytest.mark.parametrize("steps", LEADING)
def test_leading_timesteps_are_those_of_the_first_release(steps, schedulers, recipe) -> None:
    recipe = replace(recipe, steps=steps, timesteps=Spacing.LEADING)

    assert make_schedule(schedulers["trailing"], recipe).timesteps == LEADING[steps]


@pytest.mark.parametrize("scheduler", ["trailing", "leading", "lcm", "e2e"])
def test_the_model_is_told_the_timestep_whose_noise_level_it_is_given(
    scheduler, schedulers, recipe
) -> None:
    levels = schedulers[scheduler].alphas_cumprod.tolist()
    for count in range(1, 51):
        schedule = make_schedule(schedulers[scheduler], replace(recipe, steps=count))

        left_behind = [step.alpha_next for step in schedule.steps]

        assert left_behind[:-1] == [levels[timestep] for timestep in schedule.timesteps[1:]]
        assert [step.alpha for step in schedule.steps] == [
            levels[timestep] for timestep in schedule.timesteps
        ]


def test_one_trailing_step_is_told_that_it_starts_from_pure_noise(schedulers, recipe) -> None:
    (step,) = make_schedule(schedulers["trailing"], replace(recipe, steps=1)).steps

    assert (step.timestep, step.alpha) == (999, 0)


@pytest.mark.parametrize("target", ["v_prediction", "epsilon", "sample"])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("scheduler", ["leading", "lcm", "e2e"])
def test_every_step_equals_diffusers(scheduler, target, clip, schedulers, recipe) -> None:
    own = schedulers[scheduler]
    spacing = None if scheduler == "lcm" else Spacing(own.config.timestep_spacing)
    changes = {"prediction_type": target, "clip_sample": clip}
    if scheduler == "lcm":
        changes["timestep_scaling"] = 1e-3  # far from the default, which hides the boundary terms
    reference = type(own).from_config(own.config, **changes)
    schedule = make_schedule(reference, replace(recipe, steps=4, timesteps=spacing))
    reference.set_timesteps(4)
    latent = expected = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    ours, theirs = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    for step in schedule.steps:
        answer = torch.tanh(latent) * 1.5
        choices = {"generator": theirs} if scheduler == "lcm" else {}

        noise = torch.randn(2, 4, 6, 6, generator=ours) if schedule.needs_noise(step) else None
        latent = schedule.advance(step, latent, answer, noise)
        expected = reference.step(answer, step.timestep, expected, **choices).prev_sample

        assert (latent - expected).abs().max() < 1e-5


def test_without_any_signal_the_clean_estimate_is_the_answer_turned_around(
    schedulers, recipe
) -> None:
    schedule = make_schedule(schedulers["trailing"], replace(recipe, steps=1, noise=Noise.ZEROS))
    latent, answer = torch.randn(2, 1, 4, 3, 3, generator=torch.Generator().manual_seed(3))

    clean = schedule.advance(schedule.steps[0], latent, answer, None)

    assert torch.equal(clean, -answer)


def test_one_step_from_gaussian_noise_keeps_the_published_remainder(schedulers, recipe) -> None:
    schedule = make_schedule(schedulers["trailing"], replace(recipe, steps=1))
    noise = torch.ones(1, 4, 2, 2)

    left = schedule.advance(schedule.steps[0], noise, torch.zeros_like(noise), None)

    assert left.mean().item() == pytest.approx(0.02916, abs=1e-5)


def test_one_step_from_zeros_keeps_none(schedulers, recipe) -> None:
    (step,) = make_schedule(schedulers["e2e"], replace(recipe, steps=1, noise=Noise.ZEROS)).steps

    assert step.alpha_next == 1


def test_the_shared_scheduler_is_left_as_it_was(schedulers, recipe) -> None:
    shared = DDIMScheduler.from_config(schedulers["leading"].config)
    before = shared.timesteps.clone()

    make_schedule(shared, replace(recipe, steps=3))

    assert torch.equal(shared.timesteps, before)
    assert shared.config.timestep_spacing == "leading"


@pytest.mark.parametrize("steps", [61, 103, 402])
def test_step_counts_at_which_diffusers_adds_a_negative_timestep(steps, schedulers, recipe) -> None:
    schedule = make_schedule(schedulers["trailing"], replace(recipe, steps=steps))

    assert len(schedule.steps) == steps
    assert min(schedule.timesteps) >= 0
    assert schedule.timesteps == sorted(schedule.timesteps, reverse=True)


def test_no_spacing_means_the_schedulers_own(schedulers, recipe) -> None:
    recipe = replace(recipe, steps=2, timesteps=None)

    assert make_schedule(schedulers["leading"], recipe).timesteps == [501, 1]


@pytest.mark.parametrize(
    ("scheduler", "steps", "spacing"),
    [("lcm", 51, None), ("trailing", 1001, "trailing"), ("leading", 1000, "leading")],
)
def test_more_steps_than_there_are_is_a_usage_error(
    scheduler, steps, spacing, schedulers, recipe
) -> None:
    recipe = replace(recipe, steps=steps, timesteps=spacing and Spacing(spacing))

    with pytest.raises(UsageError, match=f"--steps {steps}"):
        make_schedule(schedulers[scheduler], recipe)


def test_noise_cannot_be_predicted_where_there_is_nothing_else(schedulers, recipe) -> None:
    config = schedulers["trailing"].config
    scheduler = DDIMScheduler.from_config(config, prediction_type="epsilon")
    recipe = replace(recipe, steps=1, timesteps=Spacing.TRAILING)

    with pytest.raises(ModelError, match="--timesteps leading"):
        make_schedule(scheduler, recipe)

    (step,) = make_schedule(scheduler, replace(recipe, timesteps=Spacing.LEADING)).steps
    assert step.alpha > 0


def test_many_steps_stay_finite_under_zero_terminal_snr(schedulers, recipe) -> None:
    schedule = make_schedule(schedulers["trailing"], replace(recipe, steps=1000))
    latent = torch.ones(1, 4, 2, 2)
    for step in schedule.steps:
        latent = schedule.advance(step, latent, torch.zeros_like(latent), None)

    assert np.isfinite(latent.numpy()).all()
