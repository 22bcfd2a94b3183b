"""One worker that does all jobs in this process: the ordinary run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from marigold_cli.batch.claims import InOrder
from marigold_cli.batch.pipeline import Pipeline
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.progress import Event, ModelLoaded
from marigold_cli.batch.settings import Settings
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.watchdog import watched
from marigold_cli.errors import DeviceError


@dataclass(frozen=True)
class Solo:
    """The main thread predicts; decoding and writing go on beside it."""

    open_predictor: Callable[[], Predictor]

    def work(self, shift: Shift) -> None:
        """Do all jobs. The model is loaded first: one that cannot be leaves no trace."""
        predictor = load_model(self.open_predictor, shift.plan.settings, shift.tell)
        claims = InOrder(shift.plan.jobs)
        device = f"{predictor.device} {predictor.dtype}"
        with shift.recorded(device) as journal, watched(shift) as mine:
            Pipeline(mine, predictor, claims, journal).run()


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
