from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from marigold_cli.training.loop import LoopOptions, Report, learning_rate, train


class LineProtocol:
    """Learns a line from random points, and can be cut off at a step."""

    name = "line"

    def __init__(self, cut_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.network = nn.Linear(3, 1)
        self._left = cut_at

    def loss(self, random: torch.Generator) -> Tensor:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left = None if self._left is None else self._left - 1
        x = torch.randn(16, 3, generator=random)
        return (self.network(x) - x.sum(1, keepdim=True)).square().mean()

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "line.safetensors")


def ignore(report: Report) -> None:
    """Hear nothing."""


def options() -> LoopOptions:
    return LoopOptions(60, 0.05, final_rate=0.01, average=0.9, warm_up=5, save_every=10)


def test_a_training_that_was_killed_ends_exactly_where_an_unbroken_one_does(tmp_path: Path) -> None:
    train(LineProtocol(), tmp_path / "whole", options(), ignore)
    with pytest.raises(KeyboardInterrupt):
        train(LineProtocol(cut_at=37), tmp_path / "cut", options(), ignore)

    finished = train(LineProtocol(), tmp_path / "cut", options(), ignore)

    whole = load_file(tmp_path / "whole" / "line.safetensors")
    cut = load_file(tmp_path / "cut" / "line.safetensors")
    assert finished
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_training_without_time_keeps_its_state_and_says_so(tmp_path: Path) -> None:
    plan = replace(options(), max_time_s=0.0)

    finished = train(LineProtocol(), tmp_path, plan, ignore)

    assert not finished
    assert (tmp_path / "state-line" / "step.json").exists()


def test_the_loss_goes_down(tmp_path: Path) -> None:
    reports: list[Report] = []

    train(LineProtocol(), tmp_path, replace(options(), steps=300), reports.append)

    assert [report.step for report in reports] == [100, 200, 300]
    assert reports[-1].loss < reports[0].loss / 20


def test_the_rate_warms_up_and_decays_to_its_share() -> None:
    plan = LoopOptions(1000, 1.0, final_rate=0.01, average=0.9, warm_up=100)

    assert learning_rate(0, plan) == pytest.approx(0.01)
    assert learning_rate(500, plan) == pytest.approx(0.1)
    assert learning_rate(1000, plan) == pytest.approx(0.01)
