"""What passes between reading and learning: a batch, and everything that is random about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor

from marigold_cli.training.samples import Samples

UNIFORMS = 4  # uniform numbers that every picture gets; no protocol needs more

Value = TypeVar("Value", bound="Lesson | Chance | Samples")


@dataclass(frozen=True)
class Lesson:
    """Pictures and their truth as a protocol learns them, the frozen networks' work done.

    Attributes:
        given: float32 [B, C, h, w], what the network is shown.
        target: float32, what it should arrive at: latents [B, C, h, w], or pixels
            [B, 1 or 3, H, W] in [-1, 1].
        known: bool [B, 1, ...] of target's size, where the target counts.
        weight: float32 [B, 1, 1, 1] or [B, 1, H, W], how much a picture's, or a pixel's, error
            counts.
    """

    given: Tensor
    target: Tensor
    known: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Chance:
    """Random numbers without a meaning; protocols give them one.

    Attributes:
        shared: In [0, 1), the same for all pictures of an update.
        uniform: float32 [B, UNIFORMS] in [0, 1).
        normal: float32 [B, N], of unit deviation; N is what the protocol asked for.
    """

    shared: tuple[float, ...]
    uniform: Tensor
    normal: Tensor


@dataclass(frozen=True)
class Batch:
    """What one forward pass sees: pictures, encoded already where they were kept so."""

    content: Samples | Lesson
    chance: Chance

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.chance.uniform)


def draw_chance(shared: Sequence[float], seeds: Sequence[int], normals: int) -> Chance:
    """Draw each picture's numbers from its own seed, so that they do not depend on the batch."""
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]
    uniform = torch.stack([torch.rand(UNIFORMS, generator=stream) for stream in streams])
    normal = torch.stack([torch.randn(normals, generator=stream) for stream in streams])
    return Chance(tuple(shared), uniform, normal)


def on_device(value: Value, device: torch.device) -> Value:
    """Put all its tensors on a device."""
    parts: list[Any] = [getattr(value, field.name) for field in fields(value)]
    moved: list[Any] = [part.to(device) if isinstance(part, Tensor) else part for part in parts]
    return type(value)(*moved)
