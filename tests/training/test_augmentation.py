from __future__ import annotations

import pytest
import torch

from marigold_cli.training.augmentation import augment, draw_flips, mirror
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


def test_about_half_are_mirrored() -> None:
    flips = draw_flips(range(1000))

    assert flips.float().mean() == pytest.approx(0.5, abs=0.06)
    assert torch.equal(flips[3:5], draw_flips([3, 4]))


def make_ramp(count: int, height: int = 48, width: int = 64) -> Samples:
    """Pictures whose red says the column and whose depth says the same, as do their normals."""
    column = torch.arange(width).float().expand(count, 1, height, width)
    red = (column * 4).to(torch.uint8)
    depth = 1 + column.floor()
    normals = torch.cat((column, torch.zeros_like(column), torch.ones_like(column)), 1)
    normals = torch.nn.functional.normalize(normals)
    return Samples(red.expand(-1, 3, -1, -1).clone(), depth, depth < 60, normals)


def test_a_crop_takes_truth_from_where_it_takes_the_picture() -> None:
    ramp = make_ramp(40)

    changed = augment(ramp, range(40))

    for image, depth in zip(changed.rgb.float(), changed.depth, strict=True):
        grey = image.mean(0).flatten()  # colours change, but what was brighter stays brighter
        both = torch.stack((grey, depth.flatten()))
        assert torch.corrcoef(both)[0, 1] > 0.9


def test_depth_is_never_between_two_surfaces_and_stays_what_it_was() -> None:
    ramp = make_ramp(20)

    changed = augment(ramp, range(20))

    assert set(changed.depth.unique().tolist()) <= set(ramp.depth.unique().tolist())
    assert torch.equal(changed.valid, changed.depth < 60)
    assert changed.normals is not None
    torch.testing.assert_close(
        changed.normals[:, 0] / changed.normals[:, 2], changed.depth[:, 0] - 1
    )


def test_crops_are_of_many_sizes_and_places() -> None:
    changed = augment(make_ramp(200), range(200))

    first, last = changed.depth[:, 0, 0, 0], changed.depth[:, 0, 0, -1]
    width = last - first + 1
    assert width.min() < 43  # 64 / 1.6 = 40
    assert width.max() > 61
    assert first.unique().numel() > 15
    assert last.max() == 64


def test_all_that_is_random_depends_on_the_seed_alone(samples: Samples) -> None:
    seeds = [5, 6, 7, 8, 9, 10, 11, 12]

    together = augment(samples, seeds)

    one = Samples(samples.rgb[2:3], samples.depth[2:3], samples.valid[2:3])
    alone = augment(one, [7])
    assert torch.equal(alone.rgb, together.rgb[2:3])
    assert torch.equal(alone.depth, together.depth[2:3])
    assert not torch.equal(augment(one, [8]).rgb, alone.rgb)


def test_colours_change_as_far_as_they_should(samples: Samples) -> None:
    grey = Samples(
        torch.full((300, 3, 16, 24), 128, dtype=torch.uint8),
        torch.ones(300, 1, 16, 24),
        torch.ones(300, 1, 16, 24, dtype=torch.bool),
    )

    means = augment(grey, range(300)).rgb.float().mean((1, 2, 3))

    assert 60 < means.min() < 90  # 0.5 ** 1.42 * 0.78 = 0.29
    assert 170 < means.max() < 210  # 0.5 ** 0.70 * 1.28 = 0.78
    assert means.mean() == pytest.approx(128, abs=6)
