from __future__ import annotations

import pytest

from marigold_cli.errors import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("device busy\nmore lines"), "device busy"),
        (RuntimeError("\n  device busy"), "device busy"),
        (RuntimeError(), "RuntimeError"),
        (MemoryError(" \n"), "MemoryError"),
    ],
)
def test_whatever_a_library_raises_is_told_in_one_line(error: Exception, line: str) -> None:
    assert first_line(error) == line
