"""A network, its optimiser and its average: one update at a time, the same on every process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from marigold_cli.errors import ModelError
from marigold_cli.training.average import Average
from marigold_cli.training.lesson import Batch
from marigold_cli.training.options import Pace
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.rate import learning_rate
from marigold_cli.training.state import Facts, State, load_state

_PATIENCE = 100  # updates in a row without a finite loss; float16 finds its scale within 20
_MOMENTS = ("exp_avg", "exp_avg_sq")  # Adam's, by torch's names


@dataclass(frozen=True)
class Outcome:
    """What came of an update.

    Attributes:
        loss: Mean over all its pictures; not a number where it was not finite.
        rate: Learning rate.
        is_stop_asked: Whether any process was asked to stop.
    """

    loss: float
    rate: float
    is_stop_asked: bool


class Learner:
    """Everything that changes while a network learns.

    Attributes:
        protocol: What is learned, on the device.
        average: The averaged weights.
        update: Updates done.
    """

    def __init__(self, accelerator: Accelerator, protocol: Protocol, pace: Pace) -> None:
        self.protocol, self._accelerator, self._pace = protocol, accelerator, pace
        self._trained = [one for one in protocol.network.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(
            self._trained, lr=pace.rate, weight_decay=pace.weight_decay, fused=True
        )
        # The protocol as a whole, frozen networks and all; its parameters stay the same objects.
        self._model, self._optimizer = accelerator.prepare(protocol, optimizer)
        self.average = Average(protocol.network, pace.average)
        self.update = self._steps = self._skipped = 0

    def advance(self, batches: Iterable[Batch], is_stop_asked: Callable[[], bool]) -> Outcome:
        """Make one update of the weights.

        An update whose loss or gradient is not finite is skipped, on all processes alike.

        Args:
            batches: `accumulate` of them.
            is_stop_asked: Whether this process was asked to stop; called once, late.

        Raises:
            ModelError: Nothing was finite for long.
        """
        rate = learning_rate(self.update, self._pace)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        own = self._backward(batches)
        loss, asked = self._agree(own, is_stop_asked())
        norm = self._accelerator.clip_grad_norm_(self._trained, self._pace.clip or math.inf)
        self._step(is_finite=math.isfinite(loss) and math.isfinite(float(norm)))
        self.update += 1
        return Outcome(loss if math.isfinite(loss) else math.nan, rate, asked)

    def facts(self, seconds: float, binding: dict[str, str]) -> Facts:
        """Where the training stands."""
        scaler = self._accelerator.scaler
        scale = scaler.state_dict() if scaler else {}
        return Facts(
            self.update,
            self._steps,
            self._skipped,
            seconds,
            scale.get("scale"),
            scale.get("_growth_tracker", 0),
            binding,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything else that changes, to be saved or filled; all weights, averages, moments."""
        named = {f"weights.{k}": v for k, v in self.protocol.network.state_dict().items()}
        named |= {f"average.{k}": v for k, v in self.average.weights.items()}
        return named | dict(self._moments())

    def resume(self, state: State) -> None:
        """Take up a saved state."""
        facts = state.facts
        self.update, self._steps, self._skipped = facts.update, facts.steps, facts.skipped
        for parameter in self._trained if facts.steps else ():
            moments = {name: torch.zeros_like(parameter) for name in _MOMENTS}
            step = torch.tensor(float(facts.steps), device=parameter.device)
            self._optimizer.state[parameter] = {"step": step, **moments}
        load_state(state, self.tensors())
        scaler = self._accelerator.scaler
        if scaler and facts.scale is not None:
            growth = {"scale": facts.scale, "_growth_tracker": facts.growth}
            scaler.load_state_dict({**scaler.state_dict(), **growth})

    def _backward(self, batches: Iterable[Batch]) -> Tensor:
        """Sum up gradients; returns this process's mean loss."""
        passes = self._pace.accumulate
        total = torch.zeros((), device=self._accelerator.device)
        for number, batch in enumerate(batches, 1):
            # Processes exchange gradients once an update, with the last pass.
            quiet = self._accelerator.no_sync(self._model) if number < passes else nullcontext()
            with quiet:
                loss = self._model(batch) / passes
                self._accelerator.backward(loss)
            total += loss.detach()
        return total

    def _agree(self, loss: Tensor, is_stop_asked: bool) -> tuple[float, bool]:
        """Mean loss of all processes, and whether one of them was asked to stop."""
        own = torch.stack((loss, loss.new_tensor(float(is_stop_asked))))
        mean, asked = self._accelerator.reduce(own, "mean").tolist()
        return mean, asked > 0

    def _step(self, is_finite: bool) -> None:
        if is_finite:
            self._optimizer.step()
            self.average.follow(self.protocol.network, self._steps)
            self._steps, self._skipped = self._steps + 1, 0
        else:
            self._skipped += 1
            if self._accelerator.scaler:
                self._accelerator.scaler.update()  # float16: lower the scale of gradients
        self._optimizer.zero_grad(set_to_none=True)
        if self._skipped > _PATIENCE:
            raise ModelError(
                f"{self._skipped} updates in a row had no finite loss; what was saved before is "
                "kept; try a lower --rate, or --precision no"
            )

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        """Adam's moments by the index of their parameter; none before the first step."""
        for index, parameter in enumerate(self._trained):
            kept = self._optimizer.state.get(parameter, {})
            for name in _MOMENTS:
                if name in kept:
                    yield f"{name}.{index}", kept[name]
