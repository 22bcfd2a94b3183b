"""What a user may ask of a run over many photos. Knows nothing of torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from marigold_cli.batch.shard import Shard
from marigold_cli.depth import Modality
from marigold_cli.errors import UsageError
from marigold_cli.files.colormap import COLORMAPS
from marigold_cli.files.names import FORMATS
from marigold_cli.files.raster import DecodePolicy
from marigold_cli.files.selection import Selection
from marigold_cli.inference.options import PredictOptions


@dataclass(frozen=True)
class OutputOptions:
    """What is written for every photo; part of the fingerprint."""

    formats: tuple[str, ...] = ("npy", "color")
    colormap: str = "spectral"
    uncertainty: bool = False  # also write the ensemble's spread
    invert: bool = False  # turn affine values around, 0 <-> 1
    size: Literal["input", "processing"] = "input"
    grid: Literal["stored", "upright"] = "stored"

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMATS:
                raise UsageError(f"no --format {name!r}; there is: {', '.join(FORMATS)}")
        if not self.formats:
            raise UsageError(f"--format names nothing; there is: {', '.join(FORMATS)}")
        if self.colormap not in COLORMAPS:
            raise UsageError(f"no --colormap {self.colormap!r}; there is: {', '.join(COLORMAPS)}")


@dataclass(frozen=True)
class ModelOptions:
    """Which checkpoint, and how it is loaded."""

    name: str | None = None  # None: the best one on this machine
    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    vae: str | None = None  # another autoencoder in place of the checkpoint's own
    modality: Modality | None = None  # None: what the checkpoint estimates
    compiling: Literal["auto", "on", "off"] = "auto"  # the U-Net; changes the last digits only


@dataclass(frozen=True)
class Policy:
    """How a run treats what is already there and what goes wrong; changes no pixel.

    Attributes:
        overwrite: Compute everything anew and bind the folder to these settings.
        resume: Insist that there is a journal to go on from.
        retry_failed: Try photos again that failed in an earlier run.
        check: How a photo is known to be unchanged: size and time, or always its hash.
        fsync: False trades safety at power loss for speed on a slow network folder.
        max_failures: Stop after so many failed photos; None: go on to the end.
        fail_on: From which share of failed photos the exit code says so: any, none, or "N%".
        max_time_s: Begin no further photo after so long; those in flight get `grace_s` [s].
        grace_s: How long photos in flight may take after a stop was asked for [s].
        batch_size: Members of photos per pass of the network; None: what the device holds.
        max_pixels: Larger photos are refused by their header [px].
        hang_limit_s: The process is ended when no step was done for so long [s]; 0: never.
        split: What several workers share: photos, or the members of each photo's ensemble.
    """

    overwrite: bool = False
    resume: bool = False
    retry_failed: bool = True
    check: Literal["stat", "hash"] = "stat"
    fsync: bool = True
    max_failures: int | None = None
    fail_on: str = "any"
    max_time_s: float | None = None
    grace_s: float = 25.0
    batch_size: int | None = None
    max_pixels: int = DecodePolicy.max_pixels
    hang_limit_s: float = 3600.0
    split: Literal["photos", "ensemble"] = "photos"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"any|none|\d+(\.\d+)?%", self.fail_on):
            raise UsageError(f"--fail-on {self.fail_on}: say any, none, or a share such as 5%")

    def tolerates(self, failed: int, total: int) -> bool:
        """Whether so many failed photos still count as success."""
        if self.fail_on in ("any", "none"):
            return failed == 0 or self.fail_on == "none"
        return failed * 100 <= float(self.fail_on.rstrip("%")) * total


@dataclass(frozen=True)
class RunOptions:
    """Everything that `marigold run` was asked.

    Attributes:
        inputs: Photos, folders or globs.
        listed: Entries of --files-from.
        out: Where the results go.
        selection: Which of the photos are taken.
        predict: What is done to each.
        model: With which checkpoint.
        output: What is written of it.
        policy: How a run treats what is there and what goes wrong.
        devices: One worker on each of them; empty: one worker on the model's device.
        shard: The part of the photos that is looked after; None: all.
    """

    inputs: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    out: Path = Path("depths")
    selection: Selection = field(default_factory=Selection)
    predict: PredictOptions = field(default_factory=PredictOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    policy: Policy = field(default_factory=Policy)
    devices: tuple[str, ...] = ()
    shard: Shard | None = None
