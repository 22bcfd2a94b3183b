"""How far a depth map is from the truth; each a formula over 1-d arrays of valid pixels."""

from __future__ import annotations

import numpy as np

from marigold_cli.depth import Floats

SMALLEST_DEPTH = 1e-6  # [m]; aligned predictions are raised to it, as the papers do


def abs_rel(predicted: Floats, truth: Floats) -> float:
    """Mean of |predicted - truth| / truth, both positive and in the same unit."""
    return float(np.mean(np.abs(predicted - truth) / truth))


def delta1(predicted: Floats, truth: Floats) -> float:
    """Share of pixels where the larger is less than 1.25 times the smaller."""
    predicted = np.maximum(predicted, SMALLEST_DEPTH)
    return float(np.mean(np.maximum(predicted / truth, truth / predicted) < 1.25))
