"""Time of alignment and merging, ours against diffusers', in one run. No test: it only prints.

python tests/bench/alignment.py [members height width]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from diffusers import MarigoldDepthPipeline
from torch.nn import functional

from marigold_cli.depth import DepthKind, Floats
from marigold_cli.inference.alignment import align
from marigold_cli.inference.ensemble import merge
from marigold_cli.inference.options import Reduction


def make_members(count: int, height: int, width: int) -> Floats:
    """A ground plane with smooth errors, each of [count] with a scale and shift of its own."""
    rng = np.random.default_rng(0)
    ground = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    coarse = torch.from_numpy(rng.standard_normal((count, 1, 8, 8), dtype=np.float32))
    bumps = functional.interpolate(coarse, (height, width), mode="bicubic")[:, 0].numpy()
    scale, shift = rng.uniform(0.3, 1, (2, count, 1, 1)).astype(np.float32)
    grain = 0.02 * rng.standard_normal(bumps.shape, dtype=np.float32)
    return (ground + 0.05 * bumps + grain) * scale + shift


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Best of *repeats* [s]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print both times and their ratio."""
    count, height, width = map(int, sys.argv[1:] or (10, 576, 768))
    members = make_members(count, height, width)
    rows, tensor = members.reshape(count, -1), torch.from_numpy(members)[:, None]
    alone = seconds(lambda: align(rows), 5)
    ours = seconds(lambda: merge(members, DepthKind.AFFINE_DEPTH, Reduction.MEDIAN), 5)
    theirs = seconds(lambda: MarigoldDepthPipeline.ensemble_depth(tensor), 1)
    print(f"{count} members of {height} x {width}")
    print(f"diffusers, align and merge  {theirs:8.3f} s")
    print(f"ours, align and merge       {ours:8.3f} s  (alignment alone {alone:.3f} s)")
    print(f"ratio                       {theirs / ours:8.0f}")


if __name__ == "__main__":
    main()
