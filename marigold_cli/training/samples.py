"""What training learns from: pictures with their truth, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Pictures of one size with their truth.

    Attributes:
        rgb: uint8 [B, 3, H, W], sRGB.
        depth: float32 [B, 1, H, W], z-depth [m, or any linear unit], infinite in the sky, far where
            not known.
        valid: bool [B, 1, H, W], where the depth is known and finite.
        normals: float32 [B, 3, H, W], unit length, zero where not known; x right, y up, z towards
            the viewer. None where the source has none.
    """

    rgb: Tensor
    depth: Tensor
    valid: Tensor
    normals: Tensor | None = None

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.rgb)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [px]."""
        height, width = self.rgb.shape[2:]
        return height, width


class Source(Protocol):
    """A set of pictures that can be read in any order.

    Attributes:
        name: As in the specification, for messages.
    """

    name: str

    def __len__(self) -> int:
        """Number of pictures; an endless source counts its seeds."""

    def identity(self) -> str:
        """What tells its pictures from all others: where they lie, how large and how old they are.

        No file is opened.
        """

    def check(self) -> None:
        """Look at every file, as far as that costs little, before the first step.

        Raises:
            DataSetError: Naming the first bad or missing file and what to do.
        """

    def read(self, indices: Sequence[int]) -> Samples:
        """These pictures, in this order."""
