from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from marigold_cli.training.codec import Codec
from marigold_cli.training.datasets.synthetic import HELD_OUT, render_samples
from marigold_cli.training.networks import LATENT_CHANNELS, new_autoencoder
from marigold_cli.training.patches import fold_trunk, set_patch_encoder
from marigold_cli.training.truth import depth_image, rgb_image


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    drawn = render_samples(range(12), (96, 96), "cpu")
    depth, _ = depth_image(drawn.depth, drawn.valid)
    return torch.cat((rgb_image(drawn.rgb), depth.expand(-1, 3, -1, -1)))


@pytest.fixture(scope="module")
def autoencoder(pictures: Tensor) -> AutoencoderKL:
    made = new_autoencoder()
    set_patch_encoder(made, pictures)
    return made


@torch.no_grad()
def encode(autoencoder: AutoencoderKL, pictures: Tensor) -> Tensor:
    return autoencoder.encode(pictures).latent_dist.mean


def residual(latent: Tensor, pictures: Tensor) -> float:
    """Power that no linear decoder brings back, of the patches' whole power."""
    patches = functional.pixel_unshuffle(pictures, 8).movedim(1, -1).flatten(0, 2).numpy()
    known = latent.movedim(1, -1).flatten(0, 2).numpy()
    weights = np.linalg.lstsq(known, patches, rcond=None)[0]
    return float(np.square(known @ weights - patches).mean() / np.square(patches).mean())


def test_latents_keep_nearly_what_the_best_linear_encoder_keeps(
    autoencoder: AutoencoderKL, pictures: Tensor
) -> None:
    patches = functional.pixel_unshuffle(pictures, 8).movedim(1, -1).flatten(0, 2).numpy()
    powers = np.linalg.svd(patches, compute_uv=False) ** 2
    best = powers[LATENT_CHANNELS:].sum() / powers.sum()

    found = residual(encode(autoencoder, pictures), pictures)

    assert best <= found < 1.5 * best


def test_colour_survives(autoencoder: AutoencoderKL) -> None:
    fresh = rgb_image(render_samples(range(HELD_OUT, HELD_OUT + 6), (96, 96), "cpu").rgb)
    colour = fresh - fresh.mean(1, keepdim=True)
    known = encode(autoencoder, fresh).movedim(1, -1).flatten(0, 2).numpy()
    mean = functional.avg_pool2d(colour, 8).movedim(1, -1).flatten(0, 2).numpy()

    weights = np.linalg.lstsq(known, mean, rcond=None)[0]

    assert np.square(known @ weights - mean).mean() < 0.05 * np.square(mean).mean()


def test_latents_have_unit_deviation(autoencoder: AutoencoderKL, pictures: Tensor) -> None:
    latent = encode(autoencoder, pictures)

    assert latent.std() == pytest.approx(1, abs=0.02)
    assert autoencoder.config.scaling_factor == 1


def test_the_folded_encoder_gives_the_same_latents(
    autoencoder: AutoencoderKL, pictures: Tensor
) -> None:
    assert fold_trunk(autoencoder) is not None

    folded = Codec(autoencoder).encode(pictures)

    torch.testing.assert_close(folded, encode(autoencoder, pictures), atol=1e-4, rtol=1e-4)


def test_an_encoder_whose_blocks_do_something_is_not_folded(pictures: Tensor) -> None:
    taught = new_autoencoder()
    set_patch_encoder(taught, pictures)
    with torch.no_grad():
        taught.encoder.mid_block.resnets[0].conv2.weight += 0.01

    assert fold_trunk(taught) is None
    torch.testing.assert_close(Codec(taught).encode(pictures), encode(taught, pictures))


def test_weights_that_come_late_are_the_ones_that_encode(
    autoencoder: AutoencoderKL, pictures: Tensor
) -> None:
    late = new_autoencoder()
    codec = Codec(late)

    late.load_state_dict(autoencoder.state_dict())

    torch.testing.assert_close(
        codec.encode(pictures), encode(autoencoder, pictures), atol=1e-4, rtol=1e-4
    )
