from __future__ import annotations

import pytest
import torch

from marigold_cli.inference.members import unusable


@pytest.mark.parametrize(
    ("dtype", "end"),
    [
        (torch.float32, "for this photo in float32"),
        (torch.float16, "for this photo in float16; try --dtype float32"),
    ],
)
def test_only_a_coarser_network_is_told_to_be_finer(dtype: torch.dtype, end: str) -> None:
    error = unusable(dtype)

    assert error.kind == "not-finite"
    assert str(error).endswith(end)
