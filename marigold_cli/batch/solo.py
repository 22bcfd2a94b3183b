"""One worker that does all jobs in this process: the ordinary run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marigold_cli.batch.claims import InOrder
from marigold_cli.batch.opening import load_model
from marigold_cli.batch.pipeline import Pipeline
from marigold_cli.batch.predictor import Predictor, tell_device
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.watchdog import watched


@dataclass(frozen=True)
class Solo:
    """The main thread predicts; decoding and writing go on beside it."""

    open_predictor: Callable[[], Predictor]

    def work(self, shift: Shift) -> None:
        """Do all jobs. The model is loaded first: one that cannot be leaves no trace."""
        predictor = load_model(self.open_predictor, shift.plan.settings, shift.tell)
        claims = InOrder(shift.plan.jobs)
        with shift.recorded(tell_device(predictor)) as journal, watched(shift) as mine:
            Pipeline(mine, predictor, claims, journal).run()
