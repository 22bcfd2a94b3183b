from __future__ import annotations

import logging
import time

import pytest
import torch
from torch import Tensor

from marigold_cli.inference.compiling import Compiling, Network
from marigold_cli.inference.predict import predict

CPU = torch.device("cpu")
TEXT = torch.zeros(1, 2, 8)


def plain(pair: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
    for _ in range(200):
        pair = (pair + timestep * 1e-6).sin()
    return pair


def quick(pair: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
    """What a good compiler makes of something: nearly the same, in no time."""
    return answers[tuple(pair.shape)] * 1.0001


answers: dict[tuple[int, ...], Tensor] = {}


def ask(network: Network, height: int = 16) -> Tensor:
    pair = torch.linspace(0, 1, height * 16 * 8).reshape(1, 8, height, 16)
    answers[tuple(pair.shape)] = plain(pair, torch.tensor(1), TEXT)
    return network(pair, torch.tensor(1), TEXT)


class Clock:
    """Time that goes on only in a network whose passes take ten seconds."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now, self.pass_s = 0.0, 10.0
        patch.setattr(time, "perf_counter", lambda: self.now)

    def slow(self, pair: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        self.now += self.pass_s
        return pair


def test_off_is_the_network_itself() -> None:
    network = Compiling(plain, "off", lambda _: pytest.fail("compiled"))

    assert torch.equal(ask(network), answers[1, 8, 16, 16])


def test_on_compiles_each_shape_once() -> None:
    made: list[Network] = []
    network = Compiling(plain, "on", lambda own: made.append(own) or quick)

    for height in (16, 16, 32, 16, 32):
        assert torch.equal(ask(network, height), answers[1, 8, height, 16] * 1.0001)

    assert made == [plain, plain]


def test_auto_never_compiles_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    network = Compiling(clock.slow, "auto", lambda _: pytest.fail("compiled"))

    for _ in range(10):
        ask(network)
        clock.pass_s = 1e9


def test_auto_compiles_on_a_gpu_what_ran_ten_minutes_in_one_shape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, gpu = Clock(monkeypatch), torch.device("cuda")
    network = Compiling(clock.slow, "auto", lambda _: quick)
    small, large = (1, 8, 16, 16), (1, 8, 32, 16)
    for _ in range(3):
        for height in [16] * 10 + [32] * 20:
            ask(network, height)
            clock.now += 30  # in the autoencoder

    was_early = network._is_time(large, gpu)
    for _ in range(10):
        ask(network, 32)

    assert not was_early  # 60 passes of 10 s are ten minutes
    assert network._is_time(large, gpu)
    assert not network._is_time(small, gpu)
    assert not network._is_time(large, CPU)


def test_an_answer_that_is_another_is_not_used() -> None:
    network = Compiling(plain, "on", lambda _: lambda pair, *_: pair + 1)

    assert torch.equal(ask(network), answers[1, 8, 16, 16])


def test_what_is_no_faster_is_used_only_where_it_was_insisted_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Compiling, "_is_time", lambda *_: True)

    def slow(*asked: Tensor) -> Tensor:
        return plain(plain(*asked), *asked[1:]) * 0 + plain(*asked) * 1.0001

    used = [ask(Compiling(plain, wish, lambda _: slow)) for wish in ("auto", "on")]

    assert torch.equal(used[0], answers[1, 8, 16, 16])
    assert torch.equal(used[1], answers[1, 8, 16, 16] * 1.0001)


@pytest.mark.parametrize("error", [RuntimeError("no C++ compiler\nlong story"), MemoryError()])
def test_a_compiler_that_fails_is_told_once_and_not_asked_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[Network] = []

    def broken(own: Network) -> Network:
        tries.append(own)
        raise error

    network = Compiling(plain, "on", broken)

    with caplog.at_level(logging.WARNING):
        for height in (16, 16, 32):
            assert torch.equal(ask(network, height), answers[1, 8, height, 16])

    assert tries == [plain]
    (record,) = caplog.records
    assert record.message in (
        "--compile: not possible here: no C++ compiler",
        "--compile: not possible here: MemoryError",
    )


def test_a_batch_too_large_to_compile_leaves_the_smaller_ones_their_chance(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def cramped(own: Network) -> Network:
        def call(pair: Tensor, *rest: Tensor) -> Tensor:
            if pair.shape[2] > 16:
                raise torch.OutOfMemoryError("full")
            return quick(pair, *rest)

        return call

    network = Compiling(plain, "on", cramped)

    assert torch.equal(ask(network, 32), answers[1, 8, 32, 16])
    assert torch.equal(ask(network, 16), answers[1, 8, 16, 16] * 1.0001)
    assert not caplog.records


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
def test_a_real_compiler_gives_the_same_depth(models, make_photo, recipe) -> None:
    model = models["trailing"]
    other = type(model)(model.vae, model.unet, model.scheduler, model.empty_text, compiling="on")

    (compiled,) = predict(other, [make_photo()], recipe)

    assert any(made is not other.network.network for made in other.network._compiled.values())
    (expected,) = predict(model, [make_photo()], recipe)
    assert abs(compiled.values - expected.values).max() < 1e-4
