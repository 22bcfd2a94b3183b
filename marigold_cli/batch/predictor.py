"""What a run knows of models and devices: nothing but this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from marigold_cli.depth import DepthMap
from marigold_cli.files.decode import Photo


class Predictor(Protocol):
    """Turns photos into depth.

    Attributes:
        long_edge: Long edge while predicting, so that larger photos need not be decoded in full
            [px]; None: full resolution is needed.
        batch_size: Photos per call that pay off.
        name: The model's.
        device: Where it computes.
        dtype: Number format of the network.
        reason: Why this device and this number format.
    """

    long_edge: int | None
    batch_size: int
    name: str
    device: str
    dtype: str
    reason: str

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        """Depth of each photo, upright, at processing size; photos of a call have equal shapes.

        `on_step(step, steps)` may raise to end the call early; that must be let through.
        """

    def restore(self, depth: DepthMap, size: tuple[int, int]) -> DepthMap:
        """The map at (height, width) [px]; called from several threads."""
