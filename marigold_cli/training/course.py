"""A whole training, from the options to a checkpoint that `marigold run --model DIR` loads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from marigold_cli.errors import ModelError
from marigold_cli.training import networks
from marigold_cli.training.data import SHARD, Library
from marigold_cli.training.latents import LatentLibrary
from marigold_cli.training.loop import LoopOptions, Report, train
from marigold_cli.training.protocols import AutoencoderProtocol, MarigoldProtocol, Protocol


class ProtocolName(StrEnum):
    """What is trained."""

    AUTOENCODER = "autoencoder"  # the VAE, from nothing
    MARIGOLD = "marigold"  # the U-Net, in the latent space of a trained VAE


@dataclass(frozen=True)
class CourseOptions:
    """One training of one network; its state and its result lie in `loop.out`."""

    protocol: ProtocolName
    loop: LoopOptions
    data: Path  # where rendered pictures and their latents are kept
    pictures: int = 20_480
    height: int = 144
    width: int = 192
    batch: int = 32


def run_course(options: CourseOptions, report: Callable[[Report], None]) -> bool:
    """Train, go on where a former call stopped; True when the last step is done.

    Raises:
        ModelError: Marigold's protocol without a trained VAE in the output folder.
    """
    torch.manual_seed(options.loop.seed)
    size = min(options.pictures, SHARD)
    shards = -(-options.pictures // size)
    library = Library(options.data / "scenes", shards, options.height, options.width, size)
    make = {
        ProtocolName.AUTOENCODER: _autoencoder_protocol,
        ProtocolName.MARIGOLD: _marigold_protocol,
    }[options.protocol]
    finished = train(make(options, library), options.loop, report)
    _complete(options.loop.out, max(options.height, options.width))
    if finished:
        shutil.rmtree(options.loop.out / "state")
    return finished


def _autoencoder_protocol(options: CourseOptions, library: Library) -> Protocol:
    return AutoencoderProtocol(networks.new_autoencoder(), library, options.batch)


def _marigold_protocol(options: CourseOptions, library: Library) -> Protocol:
    folder = options.loop.out
    if not (folder / "vae" / "config.json").exists():
        raise ModelError(
            f"{folder} holds no trained VAE; train one first with --protocol autoencoder"
        )
    autoencoder = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    latents = LatentLibrary(library, autoencoder, options.data / "latents")
    unet: UNet2DConditionModel = networks.new_unet().to(memory_format=torch.channels_last)
    scheduler = networks.new_scheduler()
    return MarigoldProtocol(unet, scheduler, latents, _empty_text(folder), options.batch)


def _empty_text(folder: Path) -> Tensor:
    """The text encoder's answer to the empty prompt, [1, 2, C]."""
    networks.save_text_encoder(folder)
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder")
    with torch.inference_mode():
        answer: Tensor = encoder(torch.tensor([[0, 1]]))[0]
    return answer.clone()


def _complete(folder: Path, resolution: int) -> None:
    """Add the parts of a checkpoint that are not trained."""
    networks.save_text_encoder(folder)
    networks.new_scheduler().save_pretrained(folder / "scheduler")
    networks.save_index(folder, steps=10, resolution=resolution)
