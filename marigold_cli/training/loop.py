"""One training loop for every protocol: resumable, bounded in time, with averaged weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from marigold_cli.training.protocols import Protocol


@dataclass(frozen=True)
class LoopOptions:
    """How long and how fast to learn."""

    steps: int
    learning_rate: float
    final_rate: float  # of learning_rate, reached exponentially at the last step
    average: float  # decay of the averaged weights
    warm_up: int = 100  # steps
    clip: float = 1.0  # of the gradient's norm
    max_time_s: float | None = None
    save_every: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """Where a training stands."""

    step: int
    steps: int
    loss: float  # mean since the last report
    learning_rate: float
    seconds: float


def train(
    protocol: Protocol, out: Path, options: LoopOptions, report: Callable[[Report], None]
) -> bool:
    """Train until the last step or the time is up; True when finished.

    The state lies in out/state-NAME, NAME the protocol's, and a second call goes on from it.
    """
    average = _copy_weights(protocol.network)
    optimizer = torch.optim.AdamW(protocol.network.parameters(), options.learning_rate)
    state = state_folder(protocol, out)
    first = _load(state, protocol.network, average, optimizer)
    start = time.monotonic()
    losses: list[float] = []
    step = first
    while step < options.steps and not _is_late(start, options.max_time_s):
        losses.append(_advance(protocol, optimizer, average, options, step))
        step += 1
        if step % 100 == 0:
            rate = optimizer.param_groups[0]["lr"]
            seconds = time.monotonic() - start
            report(Report(step, options.steps, sum(losses) / len(losses), rate, seconds))
            losses.clear()
        if step % options.save_every == 0:
            _save(state, protocol.network, average, optimizer, step)
    _save(state, protocol.network, average, optimizer, step)
    _put_weights(protocol.network, average)
    protocol.save(out)
    return step >= options.steps


def state_folder(protocol: Protocol, out: Path) -> Path:
    """Where a training keeps what it needs to go on."""
    return out / f"state-{protocol.name}"


def learning_rate(step: int, options: LoopOptions) -> float:
    """Linear warm-up, then exponential decay to `final_rate` at the last step."""
    decay = math.pow(options.final_rate, step / options.steps)
    return options.learning_rate * min(1.0, (step + 1) / options.warm_up) * decay


def _advance(
    protocol: Protocol,
    optimizer: torch.optim.Optimizer,
    average: dict[str, Tensor],
    options: LoopOptions,
    step: int,
) -> float:
    """One step; its random numbers depend on the seed and the step alone."""
    random = torch.Generator().manual_seed(options.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, options)
    loss = protocol.loss(random)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(protocol.network.parameters(), options.clip)
    optimizer.step()
    decay = min(options.average, (step + 1) / (step + 10))
    with torch.no_grad():
        for name, weight in protocol.network.named_parameters():
            average[name].lerp_(weight, 1 - decay)
    return loss.item()


def _is_late(start: float, max_time_s: float | None) -> bool:
    return max_time_s is not None and time.monotonic() - start > max_time_s


def _copy_weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def _put_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.copy_(weights[name])


def _save(
    folder: Path,
    network: nn.Module,
    average: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    """Write weights, averages and moments; the step's file last, since it makes them count."""
    folder.mkdir(parents=True, exist_ok=True)
    moments = {
        f"{index}.{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    for name, tensors in (("weights", weights), ("average", average), ("moments", moments)):
        dense = {key: tensor.contiguous() for key, tensor in tensors.items()}
        save_file(dense, folder / f"{name}-{step}.safetensors")
    partial = folder / "step.json.partial"
    partial.write_text(json.dumps({"step": step}))
    partial.replace(folder / "step.json")
    for old in folder.glob("*.safetensors"):
        if not old.stem.endswith(f"-{step}"):
            old.unlink()


def _load(
    folder: Path,
    network: nn.Module,
    average: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> int:
    """Undo `_save`; returns the step to go on from, 0 without a state."""
    if not (folder / "step.json").exists():
        return 0
    step = int(json.loads((folder / "step.json").read_text())["step"])
    _put_weights(network, load_file(folder / f"weights-{step}.safetensors"))
    average.update(load_file(folder / f"average-{step}.safetensors"))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in load_file(folder / f"moments-{step}.safetensors").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return step
