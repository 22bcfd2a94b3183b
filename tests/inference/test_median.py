from __future__ import annotations

import numpy as np
import pytest

from marigold_cli.inference.median import median


@pytest.mark.parametrize("count", [*range(1, 20), 31, 32, 33, 64])
def test_it_is_numpys_median_for_any_number_of_rows(count) -> None:
    rows = np.random.default_rng(count).standard_normal((count, 500), dtype=np.float32)

    assert np.array_equal(median(rows), np.median(rows, axis=0))


def test_rows_longer_than_a_piece_are_whole_and_unharmed() -> None:
    rows = np.random.default_rng(0).random((5, 100_001), dtype=np.float32)
    before = rows.copy()

    middle = median(rows)

    assert np.array_equal(middle, np.median(before, axis=0))
    assert np.array_equal(rows, before)


def test_equal_values_do_not_confuse_it() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (10, 1000)).astype(np.float32)

    assert np.array_equal(median(rows), np.median(rows, axis=0))
