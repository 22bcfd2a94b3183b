"""What a run knows of models and devices: nothing but this."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from marigold_cli.depth import AnyMap, DepthMap, Floats
from marigold_cli.files.decode import Photo


class Predictor(Protocol):
    """Turns photos into depth.

    Attributes:
        long_edge: Long edge while predicting, so that larger photos need not be decoded in full
            [px]; None: full resolution is needed.
        photos_per_call: So many that pay off.
        name: The model's.
        device: Where it computes.
        dtype: Precision of the network.
        reason: Why this device and this precision.
    """

    long_edge: int | None
    photos_per_call: int
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

    def restored(self, depth: DepthMap, size: tuple[int, int]) -> AnyMap:
        """The map at (height, width) [px], part by part; called from several threads."""


@runtime_checkable
class EnsemblePredictor(Predictor, Protocol):
    """A predictor whose members of one photo may be made in several places.

    Attributes:
        units: Members that go through the network together.
    """

    units: int

    def predict_members(
        self, photo: Photo, members: range, batch: int, on_step: Callable[[int, int], None]
    ) -> Floats:
        """Some members of one photo, as predicted: float32 [N, C, PH, PW].

        `batch` of them go through the network together, or fewer where memory ends; all batches of
        an ensemble in turn make what `predict` does with so many `units`, to the bit.
        """

    def merge(self, photo: Photo, members: Floats) -> DepthMap:
        """What `predict` makes of a photo's members [E, C, PH, PW]."""


def units_of(predictor: Predictor) -> int:
    """Members of photos that go through a network together; 1: it knows of no members."""
    return predictor.units if isinstance(predictor, EnsemblePredictor) else 1


def tell_device(predictor: Predictor) -> str:
    """What computes, and how exactly: "cuda:0 float16"."""
    return f"{predictor.device} {predictor.dtype}"


def name_device(device: str) -> str:
    """A device in a journal that several machines may write: the host's name before its own."""
    return f"{platform.node()} {device}"
