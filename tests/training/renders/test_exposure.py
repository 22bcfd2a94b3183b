from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import xyz2rgb

from marigold_cli.training.renders.exposure import (
    encode_srgb,
    expose,
    exposure_of,
    tone_curve,
    white_balance,
)

LUMINANCE = [0.2126, 0.7152, 0.0722]


def some_light(seed: int = 0, spread: float = 1.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.lognormal(0, spread, (24, 32, 3)).astype(np.float32)


def test_the_same_picture_comes_out_of_any_amount_of_light() -> None:
    light = some_light()

    assert np.abs(expose(light).astype(int) - expose(light * 3000).astype(int)).max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_no_picture_is_black_or_burnt(seed: int) -> None:
    picture = expose(some_light(seed, spread=3.0))

    assert 20 < picture.mean() < 235
    assert (picture == 255).all(-1).mean() < 0.15


def test_the_log_mean_becomes_the_key() -> None:
    light = some_light()

    exposed = light * exposure_of(light, key=0.18)

    assert np.exp(np.log(exposed @ LUMINANCE).mean()) == pytest.approx(0.18, rel=1e-3)


def test_a_window_of_light_in_a_dark_room_is_not_burnt_all_over() -> None:
    light = np.full((20, 20, 3), 0.001, np.float32)
    light[:6] = 100.0

    assert (light * exposure_of(light, 0.18)).max() < 10


def test_darkness_stays_dark_without_a_fault() -> None:
    assert expose(np.zeros((8, 8, 3), np.float32)).max() == 0


def test_a_full_balance_makes_the_mean_of_even_light_grey() -> None:
    light = some_light() * np.array([1.0, 0.7, 0.4], np.float32)

    gains = white_balance(light, 1.0)

    mean = light.reshape(-1, 3).mean(0) * gains
    assert mean == pytest.approx(np.full(3, mean.mean()), rel=0.15)


def test_no_balance_leaves_the_colours() -> None:
    assert white_balance(some_light(), 0.0) == pytest.approx(np.ones(3))


def test_the_curve_rises_from_black_to_white() -> None:
    levels = tone_curve(np.linspace(0, 20, 500, dtype=np.float32))

    assert (np.diff(levels) >= 0).all()
    assert (levels[0], levels[-1]) == (0, 1)


def test_srgb_is_that_of_the_standard() -> None:
    grey = np.linspace(0, 1, 64, dtype=np.float64)
    white = np.array([0.95047, 1.0, 1.08883])

    expected = xyz2rgb(grey[:, None] * white)

    ours = encode_srgb(np.repeat(grey[:, None], 3, 1).astype(np.float32))
    assert np.abs(ours - expected * 255).max() < 1
