from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from marigold_cli.inference.bilinear import places, sample


@pytest.mark.parametrize("size", [(31, 50), (7, 9), (5, 4), (1, 1)])  # larger, equal, smaller
def test_parts_are_those_of_the_whole_enlarged_by_torch(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 7, 9, generator=torch.Generator().manual_seed(1))
    whole = functional.interpolate(maps[None], size, mode="bilinear")[0]

    for top in range(0, size[0], 3):
        rows, columns = slice(top, min(top + 3, size[0])), slice(size[1] // 3, size[1])
        part = sample(maps, places(7, size[0], rows), places(9, size[1], columns))

        torch.testing.assert_close(part, whole[:, rows, columns])


def test_beyond_the_outermost_centres_their_values_go_on() -> None:
    maps = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    found = sample(maps, torch.tensor([-5.0, 0.5, 9.0]), torch.tensor([-1.0, 0.25]))

    assert found.tolist() == [[1, 1.25], [2, 2.25], [3, 3.25]]
