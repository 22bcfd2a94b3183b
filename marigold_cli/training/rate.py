"""The learning rate as a function of the update alone."""

from __future__ import annotations

import math

from marigold_cli.training.options import Pace


def learning_rate(update: int, pace: Pace) -> float:
    """Linear warm-up, then exponential decay to `final_rate` of the rate at the last update.

    Args:
        update: Counted from 0.
        pace: Of the training.
    """
    if update < pace.warm_up:
        return pace.rate * (update + 1) / pace.warm_up
    decay = (update - pace.warm_up) / max(1, pace.updates - 1 - pace.warm_up)
    return pace.rate * math.pow(pace.final_rate, min(1.0, decay))
