"""What a user may ask of a training. Knows nothing of torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ProtocolName(StrEnum):
    """What is trained."""

    AUTOENCODER = "autoencoder"  # the VAE's decoder, over an encoder in closed form
    MARIGOLD = "marigold"  # the U-Net, in the latent space of a trained VAE


@dataclass(frozen=True)
class CourseOptions:
    """One training of one network; None leaves a number to the protocol."""

    protocol: ProtocolName = ProtocolName.MARIGOLD
    out: Path = Path("trained")  # the checkpoint, and the state to go on from
    data: Path = Path("training-data")  # where rendered pictures and their latents are kept
    pictures: int = 11_776
    height: int = 144  # of the pictures [px]
    width: int = 192
    steps: int | None = None
    learning_rate: float | None = None
    batch: int | None = None
    seed: int = 0
    max_time_s: float | None = None
