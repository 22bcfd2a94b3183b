from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from marigold_cli.checkpoints.card import Card
from marigold_cli.depth import DepthKind
from marigold_cli.errors import UsageError
from marigold_cli.inference.options import Noise, PredictOptions, Spacing

CARD = Card(
    name="mine",
    folder=Path("mine"),
    identity="0",
    kind=DepthKind.AFFINE_DEPTH,
    scheduler="ddim",
    steps=10,
    resolution=768,
    timesteps=Spacing.LEADING,
)
NORMALS = replace(CARD, kind=DepthKind.NORMALS)
LCM = replace(CARD, scheduler="lcm", steps=1, timesteps=None)


def test_what_is_left_open_is_decided_by_the_card() -> None:
    recipe = CARD.decide(PredictOptions())

    assert (recipe.steps, recipe.ensemble, recipe.resolution) == (10, 1, 768)
    assert (recipe.timesteps, recipe.noise) == (Spacing.LEADING, Noise.GAUSSIAN)


def test_zero_resolution_is_the_photo_s_own() -> None:
    assert CARD.decide(PredictOptions(resolution=0)).resolution == 0


def test_fast_is_one_trailing_step_whatever_the_card_says() -> None:
    recipe = CARD.decide(PredictOptions(fast=True))

    assert (recipe.steps, recipe.ensemble, recipe.timesteps) == (1, 1, Spacing.TRAILING)


@pytest.mark.parametrize(
    ("card", "options", "says"),
    [
        (CARD, PredictOptions(fast=True, steps=4), "--fast"),
        (CARD, PredictOptions(fast=True, ensemble=2), "--fast"),
        (CARD, PredictOptions(fast=True, timesteps=Spacing.LEADING), "trailing"),
        (LCM, PredictOptions(timesteps=Spacing.TRAILING), "--timesteps"),
        (LCM, PredictOptions(steps=51), "--steps 50"),
        (CARD, PredictOptions(steps=1000), "--steps 999"),
        (CARD, PredictOptions(noise=Noise.ZEROS, ensemble=2), "the same"),
        (LCM, PredictOptions(noise=Noise.ZEROS, ensemble=2), "the same"),
        (CARD, PredictOptions(tile=500), "--tile 500 is less than the 768 px"),
        (CARD, PredictOptions(tile=0, resolution=0), "--resolution"),
        (NORMALS, PredictOptions(tile=0), "depth only"),
        (NORMALS, PredictOptions(refine=True), "depth only"),
    ],
)
def test_contradictions_are_refused(card: Card, options: PredictOptions, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        card.decide(options)


def test_an_lcm_draws_noise_between_its_steps_and_so_makes_an_ensemble_from_zeros() -> None:
    assert LCM.decide(PredictOptions(noise=Noise.ZEROS, ensemble=2, steps=2)).ensemble == 2
