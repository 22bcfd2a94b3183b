"""A whole training, from the options to a checkpoint that `marigold run --model DIR` loads."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from marigold_cli.errors import ModelError
from marigold_cli.training import networks
from marigold_cli.training.data import SHARD, Library, depth_image, rgb_image
from marigold_cli.training.latents import LatentLibrary
from marigold_cli.training.loop import LoopOptions, Report, state_folder, train
from marigold_cli.training.options import CourseOptions, ProtocolName
from marigold_cli.training.patches import set_patch_encoder
from marigold_cli.training.protocols import AutoencoderProtocol, MarigoldProtocol, Protocol


@dataclass(frozen=True)
class _Defaults:
    """A protocol's own numbers; the embedded checkpoint's rate was changed on the way."""

    loop: LoopOptions
    batch: int


_DEFAULTS = {
    ProtocolName.AUTOENCODER: _Defaults(
        LoopOptions(steps=4000, learning_rate=2e-3, final_rate=0.05, average=0.995), batch=16
    ),
    ProtocolName.MARIGOLD: _Defaults(
        LoopOptions(steps=4500, learning_rate=1e-3, final_rate=0.02, average=0.998), batch=32
    ),
}


def run_course(options: CourseOptions, report: Callable[[Report], None]) -> bool:
    """Train, go on where a former call stopped; True when the last step is done.

    Raises:
        ModelError: Marigold's protocol without a trained VAE in the output folder.
    """
    torch.manual_seed(options.seed)
    size = min(options.pictures, SHARD)
    shards = -(-options.pictures // size)
    library = Library(options.data / "scenes", shards, options.height, options.width, size)
    defaults = _DEFAULTS[options.protocol]
    batch = options.batch or defaults.batch
    if options.protocol is ProtocolName.AUTOENCODER:
        protocol: Protocol = _autoencoder_protocol(library, batch)
    else:
        protocol = _marigold_protocol(options, library, batch)
    loop = replace(
        defaults.loop,
        steps=options.steps or defaults.loop.steps,
        learning_rate=options.learning_rate or defaults.loop.learning_rate,
        seed=options.seed,
        max_time_s=options.max_time_s,
    )
    finished = train(protocol, options.out, loop, report)
    _complete(options.out, max(options.height, options.width))
    if finished:
        shutil.rmtree(state_folder(protocol, options.out))
    return finished


def _autoencoder_protocol(library: Library, batch: int) -> AutoencoderProtocol:
    autoencoder = networks.new_autoencoder()
    pictures = library.shard(0)
    both = torch.cat((rgb_image(pictures.rgb), depth_image(pictures.depth)))
    set_patch_encoder(autoencoder, both)
    return AutoencoderProtocol(autoencoder, library, batch)


def _marigold_protocol(options: CourseOptions, library: Library, batch: int) -> MarigoldProtocol:
    folder = options.out
    if not (folder / "vae" / "config.json").exists():
        raise ModelError(
            f"{folder} holds no trained VAE; train one first with --protocol autoencoder"
        )
    autoencoder = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    weights = (folder / "vae" / "diffusion_pytorch_model.safetensors").read_bytes()
    latents_folder = options.data / "latents" / hashlib.sha256(weights).hexdigest()[:12]
    latents = LatentLibrary(library, autoencoder, latents_folder)
    unet: UNet2DConditionModel = networks.new_unet().to(memory_format=torch.channels_last)
    return MarigoldProtocol(unet, networks.new_scheduler(), latents, _empty_text(folder), batch)


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
    networks.save_index(folder, steps=1, resolution=resolution)
