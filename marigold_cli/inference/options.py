"""What a user may ask of a prediction, and the recipe that it becomes. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

AUTO_TILE = 0  # the long edge of tiles is chosen for each photo


class Spacing(StrEnum):
    """How the sampler picks its timesteps out of the training's thousand."""

    TRAILING = "trailing"  # 1 step: [999], pure noise is called pure noise
    LEADING = "leading"  # 1 step: [1], the published v1-0 schedule


class Noise(StrEnum):
    """Where denoising starts."""

    GAUSSIAN = "gaussian"
    ZEROS = "zeros"  # what the single-step fine-tuned models were trained on


class Resample(StrEnum):
    """Interpolation to the processing size and back."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    NEAREST = "nearest"


class Reduction(StrEnum):
    """How aligned members become one depth map."""

    MEDIAN = "median"
    MEAN = "mean"


@dataclass(frozen=True)
class PredictOptions:
    """What a user asks for; None leaves the decision to the checkpoint's card."""

    steps: int | None = None
    ensemble: int | None = None
    resolution: int | None = None  # long edge while predicting [px]; 0: the image's own
    tile: int | None = None  # long edge of tiles, in pixels of the photo; None: no tiles
    refine: bool = False  # bring depth to the photo's size along the photo's edges
    fast: bool = False  # one step, one member, trailing timesteps
    seed: int = 0
    timesteps: Spacing | None = None
    noise: Noise | None = None
    resample: Resample = Resample.BILINEAR
    reduction: Reduction = Reduction.MEDIAN


@dataclass(frozen=True)
class Recipe:
    """What will be done to every image, with nothing left open; part of the fingerprint."""

    steps: int
    ensemble: int
    resolution: int  # long edge while predicting [px]; 0: the image's own
    seed: int
    timesteps: Spacing | None  # None: the scheduler has no spacing to choose (LCM)
    noise: Noise
    resample: Resample
    reduction: Reduction
    tile: int | None = None  # long edge of tiles, in pixels of the photo; None: no tiles
    refine: bool = False
