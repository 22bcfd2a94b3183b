from __future__ import annotations

from collections import Counter

import pytest

from marigold_cli.training.renders.plan import MOST_VIEWS, SHARES, Kind, plan


def test_a_seed_always_means_the_same_scene() -> None:
    assert [plan(seed) for seed in range(50)] == [plan(seed) for seed in range(50)]


def test_kinds_appear_with_their_shares() -> None:
    counts = Counter(plan(seed).kind for seed in range(3000))

    total = sum(SHARES.values())
    for kind in Kind:
        assert counts[kind] / 3000 == pytest.approx(SHARES[kind] / total, abs=0.025)


def test_every_scene_is_photographed_several_times() -> None:
    views = {plan(seed).views for seed in range(200)}

    assert views <= set(range(6, MOST_VIEWS + 1))
    assert len(views) > 1
