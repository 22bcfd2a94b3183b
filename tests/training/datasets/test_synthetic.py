from __future__ import annotations

from itertools import count

import pytest
import torch

from marigold_cli.errors import UsageError
from marigold_cli.scenes.render import SKY_DEPTH, render
from marigold_cli.training.datasets import HELD_OUT, open_source, open_sources
from marigold_cli.training.samples import Samples

SIZE = (16, 24)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Seeds 9, 5 and 9."""
    return open_source("synthetic:5", SIZE).read([4, 0, 4])


def test_a_picture_is_that_of_the_seed_with_its_number(samples: Samples) -> None:
    views = render([9, 5], *SIZE)

    expected = torch.cat((views.rgb, views.rgb[:1])) * 255
    assert (samples.rgb.float() - expected).abs().max() <= 0.501
    found = samples.depth[:2].clamp_max(SKY_DEPTH)
    assert torch.equal(found, views.depth)
    assert torch.equal(samples.depth[0], samples.depth[2])
    assert torch.equal(samples.rgb[0], samples.rgb[2])


def test_depth_and_normals_are_known_but_for_the_sky() -> None:
    outdoors = next(seed for seed in count() if (render([seed], *SIZE).depth == SKY_DEPTH).any())

    samples = open_source("synthetic", SIZE).read([outdoors])

    is_sky = samples.depth == torch.inf
    assert torch.equal(samples.valid, ~is_sky)
    assert samples.normals is not None
    length = samples.normals.norm(dim=1, keepdim=True)
    assert torch.allclose(length[~is_sky], torch.tensor(1.0), atol=1e-4)
    assert (length[is_sky] == 0).all()


def test_pictures_can_take_part_in_a_loss(samples: Samples) -> None:
    weight = torch.ones((), requires_grad=True)

    (weight * samples.depth).square().sum().backward()

    assert weight.grad is not None


def test_there_are_as_many_as_seeds_that_are_not_held_out() -> None:
    assert len(open_source("synthetic")) == HELD_OUT
    assert len(open_source("synthetic:7")) == HELD_OUT - 7
    with pytest.raises(IndexError):
        open_source(f"synthetic:{HELD_OUT - 1}", SIZE).read([1])


def test_held_out_scenes_begin_where_training_ends() -> None:
    kept = open_source("held-out:3", SIZE)

    kept.check()

    assert len(kept) == 3
    assert len(open_source("held-out")) == 500
    assert torch.equal(kept.read([1]).depth, render([HELD_OUT + 1], *SIZE).depth)


@pytest.mark.parametrize("place", [str(HELD_OUT), "-1", "first", "1.5"])
def test_seeds_that_are_held_out_or_none_are_refused(place: str) -> None:
    with pytest.raises(UsageError, match="the first seed is a number from 0 to 999999999"):
        open_source(f"synthetic:{place}")


def test_held_out_scenes_are_not_trained_on() -> None:
    with pytest.raises(UsageError, match="held-out scenes are there to judge by"):
        open_sources(["synthetic", "held-out:3"])


@pytest.mark.parametrize("place", ["0", "many", "-1"])
def test_no_number_of_held_out_scenes_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="say how many scenes, as in held-out:500"):
        open_source(f"held-out:{place}")
