"""Opening the model of a run, as its folder is bound."""

from __future__ import annotations

import time
from collections.abc import Callable

from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.progress import Event, ModelLoaded
from marigold_cli.batch.settings import Settings
from marigold_cli.errors import DeviceError


def load_model(
    open_predictor: Callable[[], Predictor], settings: Settings, tell: Callable[[Event], None]
) -> Predictor:
    """Open a predictor that computes as a folder is to be bound.

    Raises:
        MarigoldError: it cannot be loaded, or computes otherwise.
    """
    began = time.monotonic()
    predictor = open_predictor()
    if predictor.dtype != settings.dtype:  # a device came or went since the plan was made
        raise DeviceError(
            f"{predictor.device} computes in {predictor.dtype}, the plan was made for "
            f"{settings.dtype}; run the same line again"
        )
    tell(
        ModelLoaded(
            name=predictor.name,
            device=predictor.device,
            dtype=predictor.dtype,
            reason=predictor.reason,
            seconds=time.monotonic() - began,
        )
    )
    return predictor
