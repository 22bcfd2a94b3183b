from __future__ import annotations

from marigold_cli.scene3d.overlap import find_strays


def test_one_stray_does_not_take_its_neighbours_along() -> None:
    shares = {(0, 1): 0.9, (0, 2): 0.1, (1, 2): 0.2, (2, 3): 0.1, (3, 4): 0.8}

    strays, medians = find_strays(shares, least=0.5)

    assert strays == {2}
    assert medians == {0: 0.9, 1: 0.9, 2: 0.1, 3: 0.8, 4: 0.8}
