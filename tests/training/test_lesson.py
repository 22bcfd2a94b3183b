from __future__ import annotations

import torch

from marigold_cli.training.lesson import UNIFORMS, draw_chance


def test_a_picture_has_the_same_numbers_in_every_company() -> None:
    many = draw_chance((0.5,), [3, 4, 5], 7)

    alone = draw_chance((0.5,), [4], 7)

    assert torch.equal(many.uniform[1:2], alone.uniform)
    assert torch.equal(many.normal[1:2], alone.normal)
    assert many.uniform.shape == (3, UNIFORMS)
    assert many.normal.shape == (3, 7)
