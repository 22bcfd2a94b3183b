"""Procedural scenes to train on: one for each seed, rendered when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from marigold_cli.errors import UsageError
from marigold_cli.scenes.render import SKY_DEPTH, render
from marigold_cli.training.datasets.frame import Size
from marigold_cli.training.datasets.spec import Spec, Wish
from marigold_cli.training.samples import Samples

HELD_OUT = 1_000_000_000  # seeds from here on are never trained on
OPTIONS = ()
SIZE = (480, 640)  # that of Hypersim in the papers [px]


class Synthetic:
    """Scenes of consecutive seeds, always rendered anew; they stay on the device."""

    def __init__(self, name: str, seeds: range, size: Size = SIZE, device: str = "cpu") -> None:
        """Take seeds.

        Args:
            name: For messages.
            seeds: Of the scenes; the first is picture 0.
            size: Height and width [px].
            device: Where to render, and where the pictures are.
        """
        self.name = name
        self._seeds, self._size, self._device = seeds, size, device

    def __len__(self) -> int:
        """Number of seeds."""
        return len(self._seeds)

    def identity(self) -> str:
        """Its seeds and size, since scenes are the same wherever they are rendered."""
        return f"{self._seeds} {self._size}"

    def check(self) -> None:
        """Nothing: there are no files."""

    def read(self, indices: Sequence[int]) -> Samples:
        """Render these scenes, in this order."""
        return render_samples([self._seeds[index] for index in indices], self._size, self._device)


def open_synthetic(spec: Spec, wish: Wish) -> Synthetic:
    """All seeds from the one that is named, or from 0, up to those held out.

    Raises:
        UsageError: it is no seed to train on.
    """
    first = spec.place or "0"
    if not first.isdecimal() or int(first) >= HELD_OUT:
        raise UsageError(f"{spec.name}: the first seed is a number from 0 to {HELD_OUT - 1}")
    return Synthetic(spec.name, range(int(first), HELD_OUT), wish.size or SIZE, wish.device)


def open_held_out(spec: Spec, wish: Wish) -> Synthetic:
    """Scenes that no training has seen, to judge by: 500, or as many as are named.

    Raises:
        UsageError: it is no number of scenes.
    """
    count = spec.place or "500"
    if not count.isdecimal() or not int(count):
        raise UsageError(f"{spec.name}: say how many scenes, as in held-out:500")
    seeds = range(HELD_OUT, HELD_OUT + int(count))
    return Synthetic(spec.name, seeds, wish.size or SIZE, wish.device)


def render_samples(seeds: Sequence[int], size: Size, device: str) -> Samples:
    """Render scenes as training takes them.

    Args:
        seeds: At least one.
        size: Height and width [px].
        device: Where to render, and where the pictures are.
    """
    views = render(seeds, *size, device)
    rgb = (views.rgb * 255).round().to(torch.uint8)
    # What was made in inference mode cannot take part in a loss.
    depth, valid = split_sky(views.depth.clone())
    return Samples(rgb, depth, valid, views.normals.clone())


def split_sky(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Depth as rendered, to depth that is infinite in the sky, and where it is finite."""
    valid = depth < SKY_DEPTH
    return depth.masked_fill(~valid, torch.inf), valid
