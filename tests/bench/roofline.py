"""How near the networks come to what the machine can do at all.

Usage: python roofline.py [MEMBERS] [HEIGHT WIDTH]

FLOPs are counted, a multiplication and an addition as two. Bytes are the least that must move:
every weight once, and what goes into and comes out of every layer. The ceilings are measured at
the same number of threads: a large matrix product in the same precision, and a large copy. The
roof is what the slower of both allows; attained is the share of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from measuring import machine, tell
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from marigold_cli.checkpoints.cpu import choose_cpu_dtype
from marigold_cli.checkpoints.device import DTYPES
from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.inference.model import DepthModel

LEAVES = (nn.Conv2d, nn.Linear, nn.GroupNorm, nn.LayerNorm, nn.SiLU)
PRODUCT = 2048  # side of the matrices
COPY = 1 << 26  # [bytes]


@dataclass(frozen=True)
class Part:
    """One network's work."""

    name: str
    network: nn.Module
    work: Callable[[], object]


def best(work: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Least time [s] of several tries, the first one left out.

    On a CPU it is the threads' own time, as if no other program were running.
    """
    times = []
    for _ in range(repeats + 1):
        began = clock(device)
        work()
        times.append(clock(device) - began)
    return min(times[1:])


def clock(device: torch.device) -> float:
    """Time [s] on a clock of a device, once that has done what it was told."""
    if device.type == "cpu":
        return time.process_time() / torch.get_num_threads()
    wait(device)
    return time.perf_counter()


def wait(device: torch.device) -> None:
    """Until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matrix_rate(dtype: torch.dtype, device: torch.device, side: int = PRODUCT) -> float:
    """Operations per second of a large matrix product."""
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / best(lambda: one @ other, device)


def copy_rate(device: torch.device) -> float:
    """Bytes per second that a large copy reads and writes."""
    source = torch.zeros(COPY, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * COPY / best(lambda: target.copy_(source), device)


def count_flops(work: Callable[[], object]) -> int:
    """Operations of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def count_bytes(part: Part) -> int:
    """Bytes of all layers' weights, inputs and outputs."""
    moved = 0

    def add(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        nonlocal moved
        tensors = [one for one in (*inputs, output) if isinstance(one, Tensor)]
        moved += sum(one.nbytes for one in (*tensors, *layer.parameters()))

    leaves = [layer for layer in part.network.modules() if isinstance(layer, LEAVES)]
    hooks = [layer.register_forward_hook(add) for layer in leaves]
    part.work()
    for hook in hooks:
        hook.remove()
    return moved


def parts_of(model: DepthModel, members: int, height: int, width: int) -> list[Part]:
    """A pass of so many members, and one image through either half of the autoencoder."""
    h, w = height // model.multiple, width // model.multiple
    device, dtype = model.device, model.unet.dtype
    channels, latents = model.unet.config.in_channels, model.vae.config.latent_channels
    pair = torch.randn(members, channels, h, w, device=device).to(dtype)
    text, timestep = model.empty_text.expand(members, -1, -1), torch.tensor(500, device=device)
    image = torch.randn(1, 3, height, width, device=device).to(model.vae.dtype)
    latent = torch.randn(1, latents, h, w, device=device).to(model.vae.dtype)
    return [
        Part(f"U-Net, {members} members", model.unet, lambda: model.network(pair, timestep, text)),
        Part("encoder, 1 image", model.vae, lambda: model.vae.encode(image)),
        Part("decoder, 1 member", model.vae, lambda: model.vae.decode(latent)),
    ]


@torch.inference_mode()
def measure(model: DepthModel, members: int, height: int, width: int) -> None:
    """Print the table of one model."""
    copied = copy_rate(model.device)
    for part in parts_of(model, members, height, width):
        dtype = next(part.network.parameters()).dtype
        ceiling = matrix_rate(dtype, model.device)  # before each part, for others use the machine
        flops, moved, seconds = (
            count_flops(part.work),
            count_bytes(part),
            best(part.work, model.device),
        )
        roof_s = max(flops / ceiling, moved / copied)
        name = str(dtype).removeprefix("torch.")
        rate, flow = flops / seconds, moved / seconds
        print(
            f"{part.name:18} {name:9} {flops / 1e9:7.2f} GFLOP {moved / 1e6:7.1f} MB "
            f"{seconds * 1e3:8.1f} ms {rate / 1e9:8.1f} of {ceiling / 1e9:8.1f} GFLOP/s, "
            f"{flow / 1e9:6.1f} of {copied / 1e9:6.1f} GB/s: {roof_s / seconds:4.0%}"
        )
        found = {"flops": flops, "bytes": moved, "seconds": seconds, "attained": roof_s / seconds}
        tell("roofline", part=part.name, dtype=name, rate=ceiling, copy=copied, **found)


def main(members: int, height: int, width: int) -> None:
    """The embedded model in float32 and in what suits this CPU."""
    print(machine())
    for dtype in dict.fromkeys(("float32", choose_cpu_dtype())):
        print(f"tiny, {height} x {width} px, {torch.get_num_threads()} threads, {dtype}")
        measure(load(resolve("tiny"), dtype=DTYPES[dtype]), members, height, width)


if __name__ == "__main__":
    count, *size = (int(word) for word in sys.argv[1:] or (10,))
    main(count, *(size or (144, 192)))
