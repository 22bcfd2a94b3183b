"""The U-Net as it is, or compiled for the shapes that take the most time.

Compiling takes a minute for every shape. It begins only when so much time went into a shape that
going on as long would win it back, and what comes of it is used only if it is faster and the same.
On two cores of a CPU with g++ it took 80 s of their time and made passes 1.1 to 1.2 times as fast:
a hundred photos of one shape, 50 steps and 10 members each, only win that back.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from marigold_cli.errors import first_line

Wish: TypeAlias = Literal["auto", "on", "off"]
Network: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]  # [B, C, h, w], [], [B, T, D]
Shape: TypeAlias = tuple[int, ...]

_PATIENCE_S = 600.0  # 15 % of it, a modest gain, are more than a compilation takes
_GAIN = 1.05  # less is not worth the trouble
_TRIES = 3  # passes in a comparison, of which the fastest counts: others may use the machine
_SAMPLE = 10  # passes of which one is timed, for which the GPU has to be waited for
_TOLERANCE = 0.05  # of the answer's size; bfloat16 on a CPU differed by 0.01

_logger = logging.getLogger(__name__)


@dataclass
class Compiling:
    """A network that becomes faster where that pays.

    Attributes:
        network: As it is.
        wish: "auto" compiles a shape after ten minutes in the network with it; on a CPU, whose
            results are equal to the bit however a run is cut, never. "on" compiles every shape at
            its first sight, and takes what comes of it even if it is no faster.
        compile: Gives a compiled network.
    """

    network: Network
    wish: Wish
    compile: Callable[[Network], Network] = field(default_factory=lambda: _compile)
    _compiled: dict[Shape, Network] = field(default_factory=dict)
    _passes: dict[Shape, int] = field(default_factory=lambda: defaultdict(int))
    _seconds: dict[Shape, float] = field(default_factory=lambda: defaultdict(float))
    _has_failed: bool = False

    def __call__(self, pair: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """Ask the network, as `Network` says."""
        if self.wish == "off":
            return self.network(pair, timestep, text)
        shape = tuple(pair.shape)
        if shape not in self._compiled and self._is_time(shape, pair.device):
            self._compiled[shape] = self._choose(pair, timestep, text)
        if shape in self._compiled:
            return self._compiled[shape](pair, timestep, text)
        self._passes[shape] += 1
        if self._passes[shape] % _SAMPLE:
            return self.network(pair, timestep, text)
        answer, seconds = _time(self.network, pair, timestep, text)
        self._seconds[shape] += _SAMPLE * seconds
        return answer

    def _is_time(self, shape: Shape, device: torch.device) -> bool:
        if self._has_failed:
            return False
        if self.wish == "on":
            return True
        return device.type == "cuda" and self._seconds[shape] > _PATIENCE_S

    def _choose(self, pair: Tensor, timestep: Tensor, text: Tensor) -> Network:
        """Compile for one shape and compare; gives what is to be used for it."""
        began = time.perf_counter()
        try:
            compiled = self.compile(self.network)
            off = _difference(compiled(pair, timestep, text), self.network(pair, timestep, text))
            took = time.perf_counter() - began
            plain_s, compiled_s = (
                min(_time(network, pair, timestep, text)[1] for _ in range(_TRIES))
                for network in (self.network, compiled)
            )
            gain = plain_s / compiled_s
        except torch.OutOfMemoryError:  # which is of this shape alone; others are smaller
            _logger.info("--compile: not enough memory for %d members at a time", len(pair))
            return self.network
        except Exception as error:  # whatever a compiler dies of, the run goes on without it
            self._has_failed = True
            _logger.warning("--compile: not possible here: %s", first_line(error))
            return self.network
        is_better = off < _TOLERANCE and (gain > _GAIN or self.wish == "on")
        _logger.info(
            "--compile: %.2f times as fast, answers differ by %.4f, took %.0f s: %s",
            *(gain, off, took, "used" if is_better else "not used"),
        )
        return compiled if is_better else self.network


def _compile(network: Network) -> Network:
    """Compile for one shape; on a GPU its kernels are launched together, as a CUDA graph."""
    mode = "reduce-overhead" if torch.cuda.is_available() else "default"
    compiled: Network = torch.compile(network, dynamic=False, mode=mode)

    def call(pair: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return compiled(pair, timestep, text).clone()  # the graph's own memory is used again

    return call


def _difference(one: Tensor, other: Tensor) -> float:
    """Length of the difference against that of the other; not a number where it cannot be told."""
    other = other.float()
    return float((one.float() - other).norm() / other.norm().clamp_min(1e-12))


def _time(network: Network, pair: Tensor, timestep: Tensor, text: Tensor) -> tuple[Tensor, float]:
    """A network's answer, and how long it took [s]; a GPU's is not there when a call is over."""
    _await(pair.device)
    began = time.perf_counter()
    answer = network(pair, timestep, text)
    _await(pair.device)
    return answer, time.perf_counter() - began


def _await(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
