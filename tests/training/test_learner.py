from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from marigold_cli.errors import ModelError
from marigold_cli.training.learner import Learner
from marigold_cli.training.lesson import Batch, Chance, Lesson
from marigold_cli.training.machine import open_accelerator
from marigold_cli.training.options import Machine, Pace
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.samples import Samples
from marigold_cli.training.state import find_state, save_state


class Line(Protocol):
    """Learns the sum of three numbers; a shared number of 1 makes a loss that is none."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Linear(3, 1)

    def encode(self, samples: Samples) -> Lesson:
        raise NotImplementedError

    def predict(self, samples: Samples) -> Tensor:
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor:
        lesson = self.lesson(batch)
        loss = (self.network(lesson.given) - lesson.target).square().mean()
        return loss * (math.nan if batch.chance.shared[0] == 1 else 1.0)


def batch_of(seed: int, broken: bool = False, count: int = 8) -> Batch:
    given = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    lesson = Lesson(given, given.sum(1, keepdim=True), torch.ones(count, 1).bool(), given[:, 0])
    return Batch(lesson, Chance((float(broken),), given, given))


def halves(batch: Batch) -> list[Batch]:
    assert isinstance(batch.content, Lesson)
    parts = zip(batch.content.given.chunk(2), batch.content.target.chunk(2), strict=True)
    return [
        Batch(Lesson(given, target, target > 0, target[:, 0]), batch.chance)
        for given, target in parts
    ]


def go_on() -> bool:
    return False


@pytest.fixture
def accelerator() -> Accelerator:
    return open_accelerator(Machine("cpu"))


PLAIN = Pace(updates=200, batch=8, accumulate=1, rate=0.1, warm_up=5)
PACE = Pace(updates=200, batch=8, accumulate=1, rate=0.1, warm_up=5, clip=1.0, average=0.9)


def test_it_learns(accelerator: Accelerator) -> None:
    learner = Learner(accelerator, Line(), PACE)

    losses = [learner.advance([batch_of(update)], go_on).loss for update in range(200)]

    assert losses[-1] < losses[0] / 1000


def test_it_is_adam_by_the_book(accelerator: Accelerator) -> None:
    learner, reference = Learner(accelerator, Line(), PACE), Line().network
    optimizer = torch.optim.Adam(reference.parameters())

    outcomes = [learner.advance([batch_of(update)], go_on) for update in range(20)]
    for update, outcome in enumerate(outcomes):
        optimizer.param_groups[0]["lr"] = outcome.rate
        content = batch_of(update).content
        assert isinstance(content, Lesson)
        optimizer.zero_grad()
        (reference(content.given) - content.target).square().mean().backward()
        nn.utils.clip_grad_norm_(reference.parameters(), 1.0)
        optimizer.step()

    torch.testing.assert_close(learner.protocol.network.weight, reference.weight)


def test_two_passes_are_one_of_both(accelerator: Accelerator) -> None:
    once = Learner(accelerator, Line(), PACE)
    twice = Learner(accelerator, Line(), Pace(**{**vars(PACE), "batch": 4, "accumulate": 2}))

    for update in range(10):
        first = once.advance([batch_of(update)], go_on)
        second = twice.advance(halves(batch_of(update)), go_on)
        assert second.loss == pytest.approx(first.loss, rel=1e-5)

    torch.testing.assert_close(once.protocol.network.weight, twice.protocol.network.weight)


def test_an_update_without_a_finite_loss_changes_nothing_and_is_counted(
    accelerator: Accelerator,
) -> None:
    learner = Learner(accelerator, Line(), PACE)
    learner.advance([batch_of(0)], go_on)
    before = learner.protocol.network.weight.detach().clone()

    outcomes = [learner.advance([batch_of(1, broken=True)], go_on) for _ in range(3)]

    assert all(math.isnan(outcome.loss) for outcome in outcomes)
    assert torch.equal(learner.protocol.network.weight, before)
    facts = learner.facts(0.0, {})
    assert (facts.update, facts.steps, facts.skipped) == (4, 1, 3)
    learner.advance([batch_of(2)], go_on)
    assert learner.facts(0.0, {}).skipped == 0


def test_many_in_a_row_end_the_training(accelerator: Accelerator) -> None:
    learner = Learner(accelerator, Line(), PACE)

    broken = batch_of(1, broken=True)
    for _ in range(100):
        learner.advance([broken], go_on)

    with pytest.raises(ModelError, match=r"101 updates in a row had no finite loss.*--rate"):
        learner.advance([broken], go_on)


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> Accelerator:
    """float16 with scaled gradients, which accelerate itself leaves to GPUs."""
    accelerator = open_accelerator(Machine("cpu"))
    monkeypatch.setattr(accelerator.state, "_mixed_precision", "fp16")
    accelerator.native_amp = True
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=4)
    return accelerator


def test_in_float16_the_scale_is_lowered_until_gradients_are_finite(half: Accelerator) -> None:
    learner = Learner(half, Line(), PLAIN)

    for _ in range(20):
        learner.advance([batch_of(0)], go_on)

    facts = learner.facts(0.0, {})
    assert 0 < facts.steps < 20
    assert facts.skipped == 0
    assert facts.scale is not None
    assert facts.scale < 2.0**24


@pytest.mark.parametrize("done", [3, 15])
def test_going_on_in_float16_takes_up_the_scale_too(
    half: Accelerator, tmp_path: Path, done: int
) -> None:
    first = Learner(half, Line(), PLAIN)
    for update in range(done):
        first.advance([batch_of(update)], go_on)
    save_state(tmp_path, first.tensors(), first.facts(0.0, {}))
    rest = [first.advance([batch_of(update)], go_on).loss for update in range(done, 25)]
    half.scaler = torch.amp.GradScaler("cpu", growth_interval=4)
    second, state = Learner(half, Line(), PLAIN), find_state(tmp_path)
    assert state

    second.resume(state)

    assert [second.advance([batch_of(u)], go_on).loss for u in range(done, 25)] == rest
    assert second.facts(0.0, {}) == first.facts(0.0, {})


def test_a_wish_to_stop_is_heard(accelerator: Accelerator) -> None:
    learner = Learner(accelerator, Line(), PACE)

    assert not learner.advance([batch_of(0)], go_on).is_stop_asked
    assert learner.advance([batch_of(1)], lambda: True).is_stop_asked
