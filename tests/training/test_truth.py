from __future__ import annotations

import numpy as np
import pytest
import torch

from marigold_cli.training.truth import depth_image, is_known, known_cells, rgb_image


def test_colours_span_the_range() -> None:
    rgb = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)

    assert rgb_image(rgb).flatten().tolist() == pytest.approx([-1, -0.6, 1])


def test_depth_is_spread_between_the_outer_percentiles_of_what_is_known() -> None:
    random = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 7, 80])[:, None, None, None]
    depth = torch.rand(3, 1, 40, 50, generator=random) ** 3 * scale
    valid = torch.rand(3, 1, 40, 50, generator=random) < 0.8

    image, step = depth_image(depth.masked_fill(~valid, torch.nan), valid)

    for one, known, found, unit in zip(depth, valid, image, step, strict=True):
        low, high = np.percentile(one[known].double().numpy(), [2, 98])
        expected = np.clip((one.double().numpy() - low) / (high - low) * 2 - 1, -1, 1)
        expected[~known.numpy()] = 1
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
        assert unit.item() == pytest.approx((high - low) / 2, rel=1e-5)


def test_a_flat_wall_is_near_and_has_no_range() -> None:
    image, step = depth_image(torch.full((1, 1, 4, 4), 3.0), torch.ones(1, 1, 4, 4).bool())

    assert (image == -1).all()
    assert step.item() < 1e-30


def test_a_picture_of_which_nothing_is_known_is_far() -> None:
    image, _ = depth_image(torch.full((1, 1, 4, 4), torch.inf), torch.zeros(1, 1, 4, 4).bool())

    assert (image == 1).all()


@pytest.mark.parametrize("multiple", [2, 8])
def test_a_cell_is_known_if_all_its_pixels_are(multiple: int) -> None:
    valid = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(1)) < 0.96

    cells = known_cells(valid, multiple)

    for b in range(2):
        for i in range(32 // multiple):
            for j in range(48 // multiple):
                rows = slice(i * multiple, (i + 1) * multiple)
                columns = slice(j * multiple, (j + 1) * multiple)
                assert cells[b, 0, i, j] == valid[b, 0, rows, columns].all()
    assert 0 < cells.float().mean() < 1


def test_the_sky_is_known_to_be_at_the_far_end() -> None:
    depth = torch.tensor([[[[1.0, 2, 3, torch.inf, 0]]]])
    valid = torch.tensor([[[[True, True, True, False, False]]]])

    image, _ = depth_image(depth, valid)

    assert image[0, 0, 0, 3] == 1
    assert is_known(depth, valid).flatten().tolist() == [True, True, True, True, False]
