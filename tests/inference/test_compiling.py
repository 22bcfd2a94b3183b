from __future__ import annotations

import logging

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
    network = Compiling(plain, "auto", lambda _: pytest.fail("compiled"))
    network.add_time(1e9)

    ask(network)


def test_auto_compiles_on_a_gpu_what_took_the_most_time() -> None:
    network, gpu = Compiling(plain, "auto", lambda _: quick), torch.device("cuda")
    for height in [16] * 9 + [32]:
        ask(network, height)

    network.add_time(601)

    assert not network._is_time((1, 8, 16, 16), gpu)
    network.add_time(100)
    assert network._is_time((1, 8, 16, 16), gpu)
    assert not network._is_time((1, 8, 32, 16), gpu)
    assert not network._is_time((1, 8, 16, 16), CPU)


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
def test_a_real_compiler_gives_the_same_depth(models, make_photo, recipe) -> None:
    model = models["trailing"]
    other = type(model)(model.vae, model.unet, model.scheduler, model.empty_text, compiling="on")

    (compiled,) = predict(other, [make_photo()], recipe)

    assert any(made is not other.network.network for made in other.network._compiled.values())
    (expected,) = predict(model, [make_photo()], recipe)
    assert abs(compiled.values - expected.values).max() < 1e-4
