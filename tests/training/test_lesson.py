from __future__ import annotations

import torch

from marigold_cli.training.lesson import UNIFORMS, draw_chance, mirror
from marigold_cli.training.samples import Samples


def test_pictures_and_truth_are_mirrored_together_where_asked(samples: Samples) -> None:
    flip = torch.tensor([True, False] * 4)

    turned = mirror(samples, flip)

    for before, after in (
        (samples.rgb, turned.rgb),
        (samples.depth, turned.depth),
        (samples.valid, turned.valid),
    ):
        assert torch.equal(after[0], before[0].flip(-1))
        assert torch.equal(after[1], before[1])


def test_a_normal_that_points_right_points_left_in_the_mirror(samples: Samples) -> None:
    turned = mirror(samples, torch.ones(8, dtype=torch.bool))

    assert samples.normals is not None
    assert turned.normals is not None
    x, y, z = samples.normals.flip(-1).unbind(1)
    torch.testing.assert_close(turned.normals, torch.stack((-x, y, z), 1))


def test_mirrored_twice_is_as_before(samples: Samples) -> None:
    flip = torch.tensor([True] * 8)

    twice = mirror(mirror(samples, flip), flip)

    assert torch.equal(twice.rgb, samples.rgb)
    assert samples.normals is not None
    assert twice.normals is not None
    assert torch.equal(twice.normals, samples.normals)


def test_what_was_rendered_without_gradients_can_be_learned_from(samples: Samples) -> None:
    with torch.inference_mode():
        rendered = Samples(samples.rgb.clone(), samples.depth.clone(), samples.valid.clone())

    turned = mirror(rendered, torch.zeros(8, dtype=torch.bool))

    weight = torch.ones(1, requires_grad=True)
    (weight * turned.depth).masked_fill(~turned.valid, 0).sum().backward()
    assert weight.grad is not None


def test_a_picture_has_the_same_numbers_in_every_company() -> None:
    many = draw_chance((0.5,), [3, 4, 5], 7)

    alone = draw_chance((0.5,), [4], 7)

    assert torch.equal(many.uniform[1:2], alone.uniform)
    assert torch.equal(many.normal[1:2], alone.normal)
    assert many.uniform.shape == (3, UNIFORMS)
    assert many.normal.shape == (3, 7)
