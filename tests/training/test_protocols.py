from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor, nn

from marigold_cli.depth import Modality
from marigold_cli.errors import DataSetError
from marigold_cli.training.codec import Codec
from marigold_cli.training.foundation import Foundation, open_foundation
from marigold_cli.training.lesson import Batch, draw_chance
from marigold_cli.training.options import Unit
from marigold_cli.training.protocols.autoencoder import AutoencoderProtocol
from marigold_cli.training.protocols.end_to_end import EndToEndProtocol
from marigold_cli.training.protocols.marigold import MarigoldProtocol
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.samples import Samples
from marigold_cli.training.truth import depth_image, rgb_image

SHARED = (0.3, 0.6, *[0.5] * 8)


@pytest.fixture(scope="module")
def base(marigold: Path) -> Foundation:
    return open_foundation(str(marigold))


@pytest.fixture
def parts(base: Foundation) -> tuple[object, ...]:
    scheduler = base.make_scheduler(zero_snr=False, trailing=False)
    return base.read_unet(0), Codec(base.read_vae()), scheduler, base.read_empty_text()


def batch_of(protocol: Protocol, samples: Samples, seeds: list[int]) -> Batch:
    normals = protocol.normals(samples, SHARED)
    return Batch(samples, draw_chance(SHARED, seeds, normals))


def part_of(samples: Samples, index: slice) -> Samples:
    return Samples(samples.rgb[index], samples.depth[index], samples.valid[index])


def fitted(guess: Tensor, truth: Tensor) -> Tensor:
    """A guess [N] after the scale and shift that bring it closest to the truth [N]."""
    matrix = torch.stack((guess, torch.ones_like(guess)), 1)
    line = torch.linalg.lstsq(matrix, truth[:, None]).solution
    if line[0] < 0:  # upside down: not mirrored for free
        scale = truth.std() / guess.std()
        line = torch.stack((scale, truth.mean() - scale * guess.mean()))[:, None]
    return (matrix @ line)[:, 0]


def trained(protocol: Protocol) -> list[Tensor]:
    return [weight for weight in protocol.parameters() if weight.requires_grad]


def test_the_marigold_loss_is_the_papers_by_picture(
    parts: tuple[object, ...], samples: Samples
) -> None:
    protocol = MarigoldProtocol(*parts)
    samples = unevenly_known(samples)
    batch = batch_of(protocol, samples, list(range(8)))

    loss = protocol.loss(batch)

    unet, codec, scheduler, text = parts
    assert isinstance(scheduler, DDIMScheduler)
    timestep = protocol.timesteps(batch.chance)
    image = codec.vae.encode(rgb_image(samples.rgb)).latent_dist.mean * 0.18215
    depth = depth_image(samples.depth, samples.valid)[0].repeat(1, 3, 1, 1)
    clean = codec.vae.encode(depth).latent_dist.mean * 0.18215
    noise = recorded_noise(protocol, batch)
    noisy = scheduler.add_noise(clean, noise, timestep)
    answer = unet(torch.cat((image, noisy), 1), timestep, text.repeat(8, 1, 1)).sample
    error = (answer - scheduler.get_velocity(clean, noise, timestep)) ** 2
    means = [
        torch.stack(
            [
                error[b, :, i, j].mean()
                for i in range(8)
                for j in range(12)
                if samples.valid[b, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].all()
            ]
        ).mean()
        for b in range(8)
    ]
    torch.testing.assert_close(loss, torch.stack(means).mean())


def unevenly_known(samples: Samples) -> Samples:
    """The same pictures, of each of which another part is known."""
    valid = samples.valid.clone()
    for number, picture in enumerate(valid):
        picture[:, : 2 * number] = False
    return replace(samples, valid=valid)


def recorded_noise(protocol: MarigoldProtocol, batch: Batch) -> Tensor:
    from marigold_cli.training.noise import multi_resolution_noise

    like = protocol.encode(batch.content).target
    return multi_resolution_noise(like, 0.9 * protocol.timesteps(batch.chance) / 1000, batch.chance)


def test_timesteps_are_uniform_and_the_last_one_can_have_a_larger_share(
    parts: tuple[object, ...],
) -> None:
    chance = draw_chance(SHARED, range(4000), 0)

    plain = MarigoldProtocol(*parts).timesteps(chance)
    more = MarigoldProtocol(*parts, last_share=0.6).timesteps(chance)

    assert plain.min() < 5
    assert plain.max() > 994
    assert plain.float().mean() == pytest.approx(499.5, abs=20)
    assert (more == 999).float().mean() == pytest.approx(0.6, abs=0.03)


def test_the_end_to_end_loss_is_the_papers(parts: tuple[object, ...], samples: Samples) -> None:
    protocol = EndToEndProtocol(*parts)

    loss = protocol.loss(batch_of(protocol, samples, list(range(8))))

    unet, codec, scheduler, text = parts
    image = codec.vae.encode(rgb_image(samples.rgb)).latent_dist.mean * 0.18215
    steps = torch.full((8,), 999)
    zeros = torch.zeros_like(image)
    answer = unet(torch.cat((image, zeros), 1), steps, text.repeat(8, 1, 1)).sample
    clean = -((1 - scheduler.alphas_cumprod[999]) ** 0.5) * answer
    depth = codec.vae.decode(clean / 0.18215).sample.mean(1).clamp(-1, 1).detach().double()
    errors = []
    for predicted, truth, valid in zip(depth, samples.depth, samples.valid, strict=True):
        known = truth[valid].double()
        low, high = torch.quantile(known, torch.tensor([0.02, 0.98]).double())
        metres = known.clamp(low, high)
        errors.append((fitted(predicted[valid[0]], metres) - metres).abs().mean())
    torch.testing.assert_close(loss.double(), torch.stack(errors).mean(), atol=1e-4, rtol=1e-4)


def test_errors_in_ranges_do_not_depend_on_the_unit_of_depth(
    parts: tuple[object, ...], samples: Samples
) -> None:
    protocol = EndToEndProtocol(*parts, unit=Unit.RANGE)
    in_millimetres = replace(samples, depth=samples.depth * 1000)

    metres = protocol.loss(batch_of(protocol, samples, list(range(8))))
    millimetres = protocol.loss(batch_of(protocol, in_millimetres, list(range(8))))

    torch.testing.assert_close(metres, millimetres)


def test_errors_in_metres_count_far_scenes_more(
    parts: tuple[object, ...], samples: Samples
) -> None:
    protocol = EndToEndProtocol(*parts, unit=Unit.METRE)
    larger = replace(samples, depth=samples.depth * 10)

    near = protocol.loss(batch_of(protocol, samples, list(range(8))))
    far = protocol.loss(batch_of(protocol, larger, list(range(8))))

    torch.testing.assert_close(far, 10 * near)


def test_errors_in_shares_of_depth_are_those_of_absrel(
    parts: tuple[object, ...], samples: Samples
) -> None:
    protocol = EndToEndProtocol(*parts, unit=Unit.DEPTH)
    whole = replace(samples, valid=torch.ones_like(samples.valid))

    loss = protocol.loss(batch_of(protocol, whole, list(range(8))))

    guesses = protocol.answer(protocol.encode(whole).given).detach()
    errors = []
    for guess, depth in zip(guesses.flatten(1).double(), whole.depth.flatten(1), strict=True):
        depth = depth.double()
        low, high = torch.quantile(depth, torch.tensor([0.02, 0.98]).double())
        metres = depth.clamp(low, high)
        errors.append(((fitted(guess, metres) - metres).abs() / depth).mean())
    torch.testing.assert_close(loss.double(), torch.stack(errors).mean(), atol=1e-4, rtol=1e-4)


def test_the_sky_counts_a_little_in_shares_of_depth(
    parts: tuple[object, ...], samples: Samples
) -> None:
    protocol = EndToEndProtocol(*parts, unit=Unit.DEPTH)
    depth = samples.depth.clone()
    depth[..., :4, :] = torch.inf

    lesson = protocol.encode(replace(samples, depth=depth, valid=depth.isfinite()))

    assert (lesson.weight[..., :4, :] == 0.25).all()
    assert lesson.known[..., :4, :].all()


@pytest.mark.parametrize("kind", [MarigoldProtocol, EndToEndProtocol])
@pytest.mark.parametrize("modality", [Modality.DEPTH, Modality.NORMALS])
def test_only_the_unet_learns(
    parts: tuple[object, ...],
    samples: Samples,
    kind: Callable[..., Protocol],
    modality: Modality,
) -> None:
    protocol = kind(*parts, modality=modality)

    protocol.loss(batch_of(protocol, samples, list(range(8)))).backward()

    assert {id(weight) for weight in trained(protocol)} == {
        id(weight) for weight in protocol.network.parameters()
    }
    assert all(weight.grad is not None for weight in trained(protocol))


@pytest.mark.parametrize("kind", [MarigoldProtocol, EndToEndProtocol, AutoencoderProtocol])
def test_the_loss_is_the_mean_of_its_parts(
    base: Foundation,
    parts: tuple[object, ...],
    samples: Samples,
    kind: type[Protocol],
) -> None:
    protocol = kind(base.read_vae()) if kind is AutoencoderProtocol else kind(*parts)

    whole = protocol.loss(batch_of(protocol, samples, list(range(8))))

    first = protocol.loss(batch_of(protocol, part_of(samples, slice(4)), [0, 1, 2, 3]))
    second = protocol.loss(batch_of(protocol, part_of(samples, slice(4, 8)), [4, 5, 6, 7]))
    torch.testing.assert_close(whole, (first + second) / 2)


@pytest.mark.parametrize("kind", [MarigoldProtocol, EndToEndProtocol])
def test_pictures_without_normals_cannot_teach_normals(
    parts: tuple[object, ...], samples: Samples, kind: Callable[..., Protocol]
) -> None:
    protocol = kind(*parts, modality=Modality.NORMALS)

    with pytest.raises(DataSetError, match="normals"):
        protocol.encode(replace(samples, normals=None))


@pytest.mark.parametrize("kind", [MarigoldProtocol, EndToEndProtocol])
def test_normals_that_are_not_known_are_not_taught_even_where_depth_is(
    parts: tuple[object, ...], samples: Samples, kind: Callable[..., Protocol]
) -> None:
    protocol = kind(*parts, modality=Modality.NORMALS)
    assert samples.normals is not None
    holed = samples.normals.clone()
    holed[..., 8:12, 6:18] = 0
    everywhere = torch.ones_like(samples.valid)
    around = everywhere.clone()
    around[..., 8:12, 6:18] = False

    lesson = protocol.encode(replace(samples, normals=holed, valid=everywhere))

    expected = protocol.encode(replace(samples, normals=holed, valid=around))
    assert torch.equal(lesson.known, expected.known)
    assert not lesson.known.all()


def test_angles_are_the_mean_over_known_normals(
    parts: tuple[object, ...], samples: Samples
) -> None:
    protocol = EndToEndProtocol(*parts, modality=Modality.NORMALS)
    normals = torch.tensor([0.0, 0.6, 0.8]).view(1, 3, 1, 1).repeat(8, 1, 16, 24)
    normals[..., ::2, :] = 0  # which would be 90 degrees off, whatever is said
    holed = replace(samples, normals=normals, valid=torch.ones_like(samples.valid))

    loss = protocol.loss(batch_of(protocol, holed, list(range(8))))

    guesses = protocol.answer(protocol.encode(holed).given).detach()[..., 1::2, :]
    cosines = torch.cosine_similarity(guesses, normals[..., 1::2, :], dim=1)
    assert abs(loss - math.pi / 2) > 0.05
    torch.testing.assert_close(loss, cosines.acos().mean(), atol=1e-4, rtol=1e-4)


def saves_memory(network: nn.Module) -> list[bool]:
    """Of all blocks that can compute their activations twice, whether they do."""
    found = [one for one in network.modules() if hasattr(one, "gradient_checkpointing")]
    assert len(found) > 1
    return [one.gradient_checkpointing for one in found]


@pytest.mark.parametrize("kind", [MarigoldProtocol, EndToEndProtocol])
def test_saving_memory_changes_no_loss_and_no_gradient(
    parts: tuple[object, ...], samples: Samples, kind: Callable[..., Protocol]
) -> None:
    protocol = kind(*parts)
    assert not any(saves_memory(protocol))
    batch = batch_of(protocol, samples, list(range(8)))
    plain = torch.autograd.grad(protocol.loss(batch), trained(protocol))

    protocol.save_memory()

    assert all(saves_memory(protocol.network))
    assert all(saves_memory(protocol.codec.vae)) == (kind is EndToEndProtocol)
    saving = torch.autograd.grad(protocol.loss(batch), trained(protocol))
    for one, other in zip(plain, saving, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("modality", [Modality.DEPTH, Modality.NORMALS])
@pytest.mark.parametrize("kind", [MarigoldProtocol, EndToEndProtocol])
def test_there_is_a_prediction_to_look_at(
    parts: tuple[object, ...],
    samples: Samples,
    kind: Callable[..., Protocol],
    modality: Modality,
) -> None:
    predicted = kind(*parts, modality=modality).predict(samples)

    channels = 1 if modality is Modality.DEPTH else 3
    assert predicted.shape == (8, channels, *samples.rgb.shape[2:])
    assert predicted.isfinite().all()


def test_only_the_decoder_of_a_vae_learns(base: Foundation, samples: Samples) -> None:
    vae = base.read_vae()
    protocol = AutoencoderProtocol(vae)

    protocol.loss(batch_of(protocol, samples, list(range(8)))).backward()

    learning = {name.split(".")[0] for name, it in vae.named_parameters() if it.requires_grad}
    assert learning == {"decoder", "post_quant_conv"}
    assert all(weight.grad is None for weight in vae.encoder.parameters())
    assert all(weight.grad is not None for weight in vae.decoder.parameters())


def test_crops_are_small_and_lie_elsewhere_at_every_update(
    base: Foundation, make_samples: Callable[..., Samples]
) -> None:
    protocol = AutoencoderProtocol(base.read_vae())
    large = make_samples(2, height=80, width=96)

    normals = [protocol.normals(large, (shared, shared)) for shared in (0.0, 0.99)]
    losses = [
        protocol.loss(Batch(large, draw_chance((shared, shared), [1, 2], normals[0]))).item()
        for shared in (0.0, 0.99)
    ]

    assert normals == [4 * 32 * 32] * 2  # 64 px crops, 2 px a cell, 4 channels
    assert losses[0] != losses[1]
