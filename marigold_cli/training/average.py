"""A network's weights, averaged over the last updates: what is saved, and shown in sheets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of the weights that are trained.

    Attributes:
        weights: float32, by the network's own names.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Begin with the weights as they are.

        Args:
            network: On its device.
            decay: Of the average for each update; 0: always the last weights.
        """
        self._decay = decay
        self.weights = {name: weight.detach().clone() for name, weight in _trained(network)}

    @torch.no_grad()
    def follow(self, network: nn.Module, update: int) -> None:
        """Move towards the weights; faster in the beginning, which is soon outdated.

        Args:
            network: Whose weights were updated.
            update: How often before.
        """
        decay = min(self._decay, (1 + update) / (10 + update))
        latest = [weight.detach() for _, weight in _trained(network)]
        torch._foreach_lerp_(list(self.weights.values()), latest, 1 - decay)

    def of(self, network: nn.Module) -> dict[str, Tensor]:
        """All weights of the network, the averaged ones in their places."""
        return {**network.state_dict(), **self.weights}

    @contextmanager
    def worn_by(self, network: nn.Module) -> Iterator[None]:
        """Let the network have the averaged weights for the time of the block."""
        own = {name: weight.detach().clone() for name, weight in _trained(network)}
        _put(network, self.weights)
        try:
            yield
        finally:
            _put(network, own)


def _trained(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in network.named_parameters() if weight.requires_grad)


@torch.no_grad()
def _put(network: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, weight in _trained(network):
        weight.copy_(weights[name])
