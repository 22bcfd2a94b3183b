from __future__ import annotations

import torch
from torch import nn

from marigold_cli.training.average import Average


def step(network: nn.Linear, seed: int) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)))


def test_it_is_the_recurrence_of_an_exponential_average() -> None:
    network = nn.Linear(3, 2)
    average = Average(network, decay=0.9)
    expected = network.weight.detach().double().clone()

    for update in range(200):
        step(network, update)
        average.follow(network, update)
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * network.weight.detach().double()

    torch.testing.assert_close(average.weights["weight"].double(), expected, atol=1e-6, rtol=0)


def test_without_decay_it_is_the_last_weights() -> None:
    network = nn.Linear(3, 2)
    average = Average(network, decay=0)

    step(network, 1)
    average.follow(network, 50)

    assert torch.equal(average.weights["weight"], network.weight)


def test_a_network_wears_it_for_a_while_and_is_itself_again() -> None:
    network = nn.Linear(3, 2)
    average = Average(network, decay=0.9)
    first = network.weight.detach().clone()
    step(network, 1)
    own = network.weight.detach().clone()

    with average.worn_by(network):
        worn = network.weight.detach().clone()

    assert torch.equal(worn, first)
    assert torch.equal(network.weight, own)


def test_what_is_not_trained_is_taken_from_the_network() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)

    average = Average(network, decay=0.9)

    assert set(average.weights) == {"1.weight", "1.bias"}
    assert set(average.of(network)) == set(network.state_dict())
