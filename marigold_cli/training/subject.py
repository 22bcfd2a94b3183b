"""What is taught: a protocol around networks, and how they become a checkpoint again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from marigold_cli.errors import UsageError
from marigold_cli.training import networks
from marigold_cli.training.checkpoint import Index, share, write_network, write_scheduler
from marigold_cli.training.codec import Codec
from marigold_cli.training.foundation import Foundation, open_foundation
from marigold_cli.training.options import CourseOptions, Method, ProtocolName, Upkeep
from marigold_cli.training.patches import set_patch_encoder
from marigold_cli.training.protocols.autoencoder import AutoencoderProtocol
from marigold_cli.training.protocols.denoiser import Denoiser
from marigold_cli.training.protocols.end_to_end import EndToEndProtocol
from marigold_cli.training.protocols.marigold import MarigoldProtocol
from marigold_cli.training.protocols.protocol import Protocol
from marigold_cli.training.samples import Source
from marigold_cli.training.truth import depth_image, rgb_image

_FITTED = 256  # pictures that a new encoder is fitted to
_FEW, _MANY = 4, 10  # denoising steps of the published checkpoints, trailing and leading


class Subject(ABC):
    """A protocol, and the folder that its networks are written to.

    Attributes:
        protocol: What is taught.
        identity: What it starts from.
    """

    protocol: Protocol
    identity: str

    @abstractmethod
    def write(self, weights: Mapping[str, Tensor], folder: Path, resolution: int) -> None:
        """Write a checkpoint.

        Args:
            weights: Of the network that is taught.
            folder: Where to.
            resolution: Long edge of the pictures that it was taught on [px].

        Raises:
            OutputError: The disk takes no more.
        """


@dataclass(frozen=True)
class VaeSubject(Subject):
    """A VAE whose decoder is taught; with its text encoder it is what a U-Net can start from."""

    protocol: AutoencoderProtocol
    identity: str
    foundation: Foundation | None  # None: a new VAE
    upkeep: Upkeep

    def write(self, weights: Mapping[str, Tensor], folder: Path, resolution: int) -> None:
        """Write the VAE and a text encoder."""
        write_network(self.protocol.network, weights, folder / "vae", self.upkeep.half)
        if self.foundation:
            self.foundation.copy_text(folder)
        else:
            networks.save_text_encoder(folder)
        share(folder)


@dataclass(frozen=True)
class UnetSubject(Subject):
    """A U-Net that is taught in the latent space of a frozen VAE."""

    protocol: Denoiser
    identity: str
    foundation: Foundation
    upkeep: Upkeep

    def write(self, weights: Mapping[str, Tensor], folder: Path, resolution: int) -> None:
        """Write all components, and the index last, which makes them a checkpoint."""
        protocol, half = self.protocol, self.upkeep.half
        vae = protocol.codec.vae
        write_network(protocol.network, self._blend(weights), folder / "unet", half)
        write_network(vae, vae.state_dict(), folder / "vae", half)
        write_scheduler(protocol.scheduler, folder / "scheduler")
        self.foundation.copy_text(folder)
        share(folder)
        self._index(resolution).write(folder)

    def _blend(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Mix with what was learned from: such weights fit more kinds of pictures (WiSE-FT).

        Wortsman et al. 2022, eq. 1.
        """
        if not self.upkeep.blend:
            return weights
        base = self.foundation.read_unet(seed=0).state_dict()
        return {
            name: torch.lerp(weight.float().cpu(), base[name], self.upkeep.blend)
            for name, weight in weights.items()
        }

    def _index(self, resolution: int) -> Index:
        is_end_to_end = isinstance(self.protocol, EndToEndProtocol)
        is_trailing = self.protocol.scheduler.config.timestep_spacing == "trailing"
        own = 1 if is_end_to_end else _FEW if is_trailing else _MANY
        return Index(self.protocol.modality, self.upkeep.steps or own, resolution, is_end_to_end)


def open_subject(options: CourseOptions, source: Source, is_new: bool) -> Subject:
    """Read or make the networks of a training.

    Args:
        options: As asked for.
        source: Pictures that a new VAE's encoder is fitted to.
        is_new: Whether nothing was learned yet; what a state will bring is not worked out twice.

    Raises:
        ModelError: The base is not on this machine, incomplete, or refused as unsafe.
        UsageError: It has nothing to blend with.
    """
    if options.method.protocol is not ProtocolName.AUTOENCODER:
        return _open_unet(options, open_foundation(options.base))
    foundation = open_foundation(options.base) if options.base else None
    if foundation:
        vae, identity = foundation.read_vae(), foundation.identity
    else:
        vae, identity = _new_vae(source, is_new, options.seed), "nothing"
    return VaeSubject(AutoencoderProtocol(vae), identity, foundation, options.upkeep)


def _open_unet(options: CourseOptions, foundation: Foundation) -> UnetSubject:
    if options.upkeep.blend and not foundation.is_whole:
        raise UsageError(f"{options.base}: has no U-Net to --blend with; leave it out")
    protocol = _denoiser(options.method, foundation, options.seed)
    for network in (protocol.network, protocol.codec.vae):
        network.to(memory_format=torch.channels_last)  # convolutions are faster so
    return UnetSubject(protocol, foundation.identity, foundation, options.upkeep)


def _denoiser(method: Method, foundation: Foundation, seed: int) -> Denoiser:
    unet, codec = foundation.read_unet(seed), Codec(foundation.read_vae())
    text = foundation.read_empty_text()
    is_end_to_end = method.protocol is ProtocolName.E2E
    scheduler = foundation.make_scheduler(method.zero_snr, trailing=is_end_to_end)
    if is_end_to_end:
        return EndToEndProtocol(unet, codec, scheduler, text, method.modality, method.unit)
    return MarigoldProtocol(unet, codec, scheduler, text, method.modality, method.last_share)


def _new_vae(source: Source, is_new: bool, seed: int) -> AutoencoderKL:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = networks.new_autoencoder()
    if is_new:
        samples = source.read(range(min(_FITTED, len(source))))
        depth, _ = depth_image(samples.depth, samples.valid)
        images = torch.cat((rgb_image(samples.rgb), depth.expand(-1, 3, -1, -1)))
        set_patch_encoder(vae, images.cpu())
    return vae
