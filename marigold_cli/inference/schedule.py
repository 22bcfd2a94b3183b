"""The steps from noise to a clean latent, as plain numbers and one formula. Knows no network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from diffusers import DDIMScheduler, LCMScheduler
from torch import Tensor

from marigold_cli.errors import ModelError, UsageError
from marigold_cli.inference.options import Noise, Recipe, Spacing

Scheduler: TypeAlias = DDIMScheduler | LCMScheduler

TARGETS = ("v_prediction", "epsilon", "sample")  # what networks predict

_SIGMA_DATA = 0.5  # boundary condition of consistency models, Song et al. 2023, appendix C


@dataclass(frozen=True)
class Step:
    """One denoising step.

    Attributes:
        timestep: What the network is told; `alpha` is the noise level of this very timestep.
        alpha: Share of signal power in the latent that goes in (alpha bar in the papers), 0 to 1.
        alpha_next: The same share in the latent that comes out; 1: no noise is left.
        skip: Weight of the latent itself in the clean estimate; 0 except in consistency models.
        gain: Weight of the network's clean estimate.
    """

    timestep: int
    alpha: float
    alpha_next: float
    skip: float = 0.0
    gain: float = 1.0


@dataclass(frozen=True)
class Schedule:
    """All steps of one sampling run, and how to read the network's answers.

    Attributes:
        steps: In the order of denoising.
        target: What the network predicts: one of `TARGETS`.
        clip: Largest magnitude of a clean estimate; None: unlimited.
        is_stochastic: True when every step but the last brings fresh noise (LCM).
    """

    steps: tuple[Step, ...]
    target: str
    clip: float | None = None
    is_stochastic: bool = False

    @property
    def timesteps(self) -> list[int]:
        """What the network is told, step by step."""
        return [step.timestep for step in self.steps]

    def needs_noise(self, step: Step) -> bool:
        """Whether this step mixes in noise of its own."""
        return self.is_stochastic and step.alpha_next < 1

    def advance(self, step: Step, latent: Tensor, answer: Tensor, noise: Tensor | None) -> Tensor:
        """Bring the latent from one noise level to the next.

        DDIM (Song et al. 2021, eq. 12, eta 0) and the multi-step consistency sampler (Luo et al.
        2023, algorithm 3) differ only in whose noise is put back.

        Args:
            step: Where in the schedule we are.
            latent: [B, 4 N, h, w] float32 at noise level `step.alpha`.
            answer: [B, 4 N, h, w] float32, what the network said about it.
            noise: [B, 4 N, h, w] fresh noise where `needs_noise`, else None.
        """
        clean, inherent = _split(self.target, step.alpha, latent, answer)
        if self.clip is not None:
            clean = clean.clamp(-self.clip, self.clip)
        clean = step.gain * clean + step.skip * latent if step.skip else clean
        if step.alpha_next == 1:
            return clean
        rest = inherent if noise is None else noise
        return math.sqrt(step.alpha_next) * clean + math.sqrt(1 - step.alpha_next) * rest


def _split(target: str, alpha: float, latent: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
    """Take the latent apart into its clean part and its noise, both of unit power."""
    signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
    if target == "v_prediction":  # Salimans & Ho 2022; defined even where alpha is 0
        return signal * latent - noise * answer, signal * answer + noise * latent
    if target == "epsilon":
        return (latent - noise * answer) / signal, answer
    return answer, (latent - signal * answer) / noise


def make_schedule(scheduler: Scheduler, recipe: Recipe) -> Schedule:
    """Lay out the recipe's steps on a checkpoint's noise schedule.

    Raises:
        UsageError: more steps than the scheduler has.
        ModelError: noise is to be predicted where there is nothing but noise.
    """
    timesteps = _timesteps(scheduler, recipe.steps, recipe.timesteps)
    if isinstance(scheduler, LCMScheduler):
        steps = _consistency_steps(scheduler, timesteps)
    else:
        steps = _ddim_steps(scheduler, timesteps, recipe.noise)
    config = scheduler.config
    if config.prediction_type == "epsilon" and any(step.alpha <= 0 for step in steps):
        raise ModelError(
            "this checkpoint predicts noise, and a timestep that holds nothing but noise tells it "
            "nothing; try --timesteps leading"
        )
    clip = float(config.clip_sample_range) if config.clip_sample else None
    return Schedule(steps, config.prediction_type, clip, isinstance(scheduler, LCMScheduler))


def _timesteps(scheduler: Scheduler, count: int, spacing: Spacing | None) -> list[int]:
    """The timesteps by diffusers' own rounding, on a copy: set_timesteps changes its owner."""
    own = scheduler.config.timestep_spacing
    sampler = type(scheduler).from_config(scheduler.config, timestep_spacing=spacing or own)
    try:
        sampler.set_timesteps(count)
    except ValueError as error:
        raise UsageError(f"--steps {count}: too many for this checkpoint's scheduler") from error
    timesteps: list[int] = sampler.timesteps.tolist()[:count]  # 61 trailing steps come as 62
    if max(timesteps) >= scheduler.config.num_train_timesteps:  # leading, its offset pushes it out
        raise UsageError(f"--steps {count}: too many for {spacing or own} timesteps")
    return timesteps


def _ddim_steps(scheduler: DDIMScheduler, timesteps: list[int], noise: Noise) -> tuple[Step, ...]:
    """Every step ends exactly at the noise level that the next one is told.

    diffusers ends it at `t - 1000 // steps`, which misses by one when steps do not divide 1000.
    Models that were trained to start from zeros are trained on the clean estimate itself, so
    theirs ends without noise; the others keep the schedule's last remainder, as published.
    """
    last = 1.0 if noise is Noise.ZEROS else float(scheduler.final_alpha_cumprod)
    alphas = [*(float(scheduler.alphas_cumprod[t]) for t in timesteps), last]
    return tuple(Step(t, *pair) for t, pair in zip(timesteps, pairwise(alphas), strict=True))


def _consistency_steps(scheduler: LCMScheduler, timesteps: list[int]) -> tuple[Step, ...]:
    alphas = [*(float(scheduler.alphas_cumprod[t]) for t in timesteps), 1.0]
    steps = []
    for timestep, (alpha, alpha_next) in zip(timesteps, pairwise(alphas), strict=True):
        scaled = timestep * scheduler.config.timestep_scaling
        norm = scaled**2 + _SIGMA_DATA**2
        steps.append(Step(timestep, alpha, alpha_next, _SIGMA_DATA**2 / norm, scaled / norm**0.5))
    return tuple(steps)
