from __future__ import annotations

import numpy as np

from marigold_cli.scene3d.resample import resize


def test_a_smaller_map_has_the_middle_pixel_of_every_block() -> None:
    columns = np.tile(np.arange(6), (9, 1))

    smaller = resize(columns, 3, 2)

    assert smaller.tolist() == [[1, 4]] * 3


def test_a_larger_map_repeats_every_pixel_alike_and_keeps_its_channels() -> None:
    colours = np.arange(12).reshape(2, 2, 3)

    larger = resize(colours, 4, 6)

    assert np.array_equal(larger, np.repeat(np.repeat(colours, 2, 0), 3, 1))
