"""What a user may ask of a training, and each protocol's own numbers. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from marigold_cli.depth import Modality
from marigold_cli.errors import UsageError


class ProtocolName(StrEnum):
    """How a checkpoint is taught."""

    AUTOENCODER = "autoencoder"  # the VAE's decoder, on pictures and depth maps
    MARIGOLD = "marigold"  # the U-Net, to denoise depth latents
    E2E = "e2e"  # the U-Net, one step from zeros, judged by the decoded depth


class Precision(StrEnum):
    """Number format of the forward pass; weights and losses stay float32."""

    AUTO = "auto"  # bf16 where a GPU has it, else float32
    NO = "no"
    BF16 = "bf16"
    FP16 = "fp16"


class Unit(StrEnum):
    """In what an end-to-end error is counted."""

    METRE = "metre"  # as published: far scenes count more
    RANGE = "range"  # of each picture's own depth: all scenes count the same
    DEPTH = "depth"  # of each pixel's own depth, as AbsRel is: what is near counts more


@dataclass(frozen=True)
class Pace:
    """How long and how fast to learn; the defaults are the Marigold paper's."""

    updates: int = 25_000
    batch: int = 2  # pictures in one pass of one process
    accumulate: int = 16  # passes whose gradients make one update
    rate: float = 3e-5  # learning rate after the warm-up
    warm_up: int = 100  # updates
    final_rate: float = 0.01  # share of `rate` that is left at the last update
    weight_decay: float = 0.0
    clip: float = 0.0  # of the gradient's norm; 0: none
    average: float = 0.999  # decay of the averaged weights that are saved; 0: the last ones are

    def __post_init__(self) -> None:
        if not self.final_rate > 0:
            raise UsageError(
                f"--final-rate {self.final_rate:g} would stop the learning right after the "
                "warm-up, since the rate falls by the same factor at every update; "
                "give a share above 0, such as 0.001"
            )


PACES = {
    ProtocolName.AUTOENCODER: Pace(
        updates=4000, batch=16, accumulate=1, rate=2e-3, final_rate=0.05, clip=1.0, average=0.995
    ),
    ProtocolName.MARIGOLD: Pace(),
    ProtocolName.E2E: Pace(updates=20_000, weight_decay=0.01, clip=1.0),
}


@dataclass(frozen=True)
class Method:
    """What is learned, and by which losses."""

    protocol: ProtocolName = ProtocolName.MARIGOLD
    modality: Modality = Modality.DEPTH
    zero_snr: bool = False  # a truly blank last timestep, trailing spacing: Marigold v1-1
    last_share: float = 0.0  # of pictures shown at the last timestep beside the uniform ones
    unit: Unit = Unit.METRE

    def __post_init__(self) -> None:
        if self.modality is Modality.IID:
            raise UsageError("--modality iid cannot be trained here; there is: depth, normals")


@dataclass(frozen=True)
class Material:
    """What is learned from."""

    specs: tuple[str, ...] = ("synthetic",)  # each with an optional weight: "vkitti:DIR@0.1"
    size: tuple[int, int] | None = None  # height, width [px]; None: the data's own
    validation: str | None = None  # of the sheets; None: the first pictures of the first source
    cache: Path | None = None  # where latents are kept; None: pictures are encoded every time
    augment: bool = False  # crop, and change colours; pictures that are kept encoded cannot be


@dataclass(frozen=True)
class Machine:
    """Where and how exactly it is computed."""

    device: str = "auto"
    precision: Precision = Precision.AUTO
    checkpointing: bool = False  # less memory for more time


@dataclass(frozen=True)
class Upkeep:
    """What is written down, and when."""

    save_every: int = 500  # updates
    sheet_every: int = 500  # updates; 0: no sheets
    half: bool = False  # the checkpoint in float16
    blend: float = 0.0  # share of the base's U-Net in the one that is written
    steps: int | None = None  # denoising steps that the checkpoint asks for; None: its family's


@dataclass(frozen=True)
class CourseOptions:
    """One training of one network."""

    out: Path  # the checkpoint, the curve, the sheets, and the state to go on from
    base: str | None = None  # a checkpoint to start from; None: small networks of our own
    method: Method = Method()
    material: Material = Material()
    pace: Pace = Pace()
    machine: Machine = Machine()
    upkeep: Upkeep = Upkeep()
    seed: int = 0
