"""A card -> the model on a device. Each part by its own class, from safetensors, offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias, TypeVar

import torch
import transformers
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    LCMScheduler,
    UNet2DConditionModel,
)
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as clip_logging

from marigold_cli.checkpoints.card import Card, FeedForwardCard
from marigold_cli.checkpoints.device import is_out_of_memory, vae_dtype
from marigold_cli.checkpoints.feedforward import read_feedforward
from marigold_cli.checkpoints.manifest import Component, Manifest, read_manifest
from marigold_cli.checkpoints.resolve import find_vae
from marigold_cli.checkpoints.snapshot import Snapshot
from marigold_cli.checkpoints.weights import choose
from marigold_cli.errors import DeviceError, first_line
from marigold_cli.inference.compiling import Wish
from marigold_cli.inference.feedforward import FeedForwardModel
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.reading import NormalsCode, Reading
from marigold_cli.inference.schedule import TARGETS, Scheduler

Autoencoder: TypeAlias = AutoencoderKL | AutoencoderTiny
Network = TypeVar("Network", bound=torch.nn.Module)
Result = TypeVar("Result")

VAES = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}
SCHEDULERS = {"DDIMScheduler": DDIMScheduler, "LCMScheduler": LCMScheduler}

_CPU = torch.device("cpu")

# How weights lie in memory. GPUs have their fast convolutions for pixels whose channels lie
# together. On a CPU that made autoencoders up to 1.2 times as fast, but a U-Net no faster in
# float32, and slower in bfloat16.
_PLAIN = torch.contiguous_format
_UNET_LAYOUT = {"cuda": torch.channels_last}
_VAE_LAYOUT = {"cuda": torch.channels_last, "cpu": torch.channels_last}


def load(
    card: Card,
    device: torch.device = _CPU,
    dtype: torch.dtype = torch.float32,
    vae: str | None = None,
    compiling: Wish = "off",
) -> DepthModel:
    """Put a checkpoint on a device, ready to predict.

    Args:
        card: What `resolve` found.
        device: Where.
        dtype: Precision of the networks; bfloat16 is the U-Net's alone: the autoencoder is in
            float32 then.
        vae: Folder or cached hub id of another VAE; None: the checkpoint's own.
        compiling: Whether the U-Net is compiled: "auto", "on" or "off".

    Raises:
        ModelError: incomplete, damaged or unsafe files.
        DeviceError: too little memory, or a device that does not answer.
    """
    manifest = read_manifest(Snapshot(card.name, card.folder))
    text = _empty_text(manifest)  # [1, 2, C]
    unet = _unet(manifest, dtype)
    images = _vae(manifest, vae, vae_dtype(dtype))
    _check_fit(manifest, unet, images, text)
    return DepthModel(
        vae=move(images, device, card.name, _VAE_LAYOUT.get(device.type, _PLAIN)),
        unet=move(unet, device, card.name, _UNET_LAYOUT.get(device.type, _PLAIN)),
        scheduler=_scheduler(manifest),
        empty_text=text,
        reading=Reading(card.kind, card.rescale, _normals_code(manifest), card.intrinsics),
        compiling=compiling,
    )


def load_feedforward(
    card: FeedForwardCard, device: torch.device = _CPU, dtype: torch.dtype = torch.float32
) -> FeedForwardModel:
    """Put a depth model of transformers on a device, ready to predict.

    Raises:
        ModelError: incomplete, damaged or unsafe files.
        DeviceError: too little memory, or a device that does not answer.
    """
    found = read_feedforward(Snapshot(card.name, card.folder))
    # By its name, which was held against the allow-list: a Marigold need not wait for four imports.
    kind = getattr(transformers, found.component.class_name)
    read = partial(kind.from_pretrained, dtype=dtype)
    network = _network(read, found.snapshot, found.component, dtype)
    return FeedForwardModel(
        move(network, device, card.name), found.family, found.framing, found.kind
    )


def _normals_code(manifest: Manifest) -> NormalsCode:
    """The end-to-end fine-tuned models learned on normals as the DSINE benchmark keeps them."""
    return NormalsCode(manifest.has_full_z, not manifest.is_e2e, manifest.is_e2e)


def _unet(manifest: Manifest, dtype: torch.dtype) -> UNet2DConditionModel:
    read = partial(UNet2DConditionModel.from_pretrained, torch_dtype=dtype)
    return _network(read, manifest.snapshot, manifest.components["unet"], dtype)


def _vae(manifest: Manifest, name: str | None, dtype: torch.dtype) -> Autoencoder:
    if name is None:
        snapshot, component = manifest.snapshot, manifest.components["vae"]
    else:
        place, component = find_vae(name)
        snapshot = place.snapshot
    kind = VAES[component.class_name]
    return _network(partial(kind.from_pretrained, torch_dtype=dtype), snapshot, component, dtype)


def _network(
    read: Callable[..., tuple[Network, dict[str, list[str]]]],
    snapshot: Snapshot,
    component: Component,
    dtype: torch.dtype,
) -> Network:
    """Load a network, insisting that its files hold every one of its tensors.

    diffusers and transformers only warn of tensors that are missing, and leave them at random.
    """
    weights = choose(component.weights, half=dtype is torch.float16)
    network, report = _guard(
        snapshot,
        component.name,
        lambda: read(
            str(snapshot.folder / component.name),
            variant=weights.variant,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        ),
    )
    missing = sorted(report["missing_keys"])
    if missing:
        count = f"{len(missing)} tensors are missing, {missing[0]} the first"
        raise snapshot.refuse(f"{component.name}: {count}; {snapshot.advice}")
    return network.eval().requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep both libraries from writing to stderr, where only `cli` does.

    What they warn of while loading is either checked here (missing tensors) or of no matter.
    """
    levels = [(library, library.get_verbosity()) for library in (diffusers_logging, clip_logging)]
    has_bar = clip_logging.is_progress_bar_enabled()
    clip_logging.disable_progress_bar()
    for library, _ in levels:
        library.set_verbosity_error()
    try:
        yield
    finally:
        for library, level in levels:
            library.set_verbosity(level)
        if has_bar:
            clip_logging.enable_progress_bar()


def _empty_text(manifest: Manifest) -> Tensor:
    """What the text encoder says of no words at all: [1, 2, C] float32, for BOS and EOS.

    It runs once, on the CPU, and is dropped: it would be the second largest part in memory.
    """
    snapshot, full = manifest.snapshot, torch.float32
    tokenizer = _guard(
        snapshot,
        "tokenizer",
        lambda: CLIPTokenizer.from_pretrained(
            str(snapshot.folder / "tokenizer"), local_files_only=True
        ),
    )
    tokens = tokenizer("", padding="do_not_pad", return_tensors="pt").input_ids  # [1, 2]
    read = partial(CLIPTextModel.from_pretrained, dtype=full)
    with torch.inference_mode():
        encoder = _network(read, snapshot, manifest.components["text_encoder"], full)
        text: Tensor = encoder(tokens)[0]  # [1, 2, C]
    return text.clone()


def _scheduler(manifest: Manifest) -> Scheduler:
    snapshot, component = manifest.snapshot, manifest.components["scheduler"]
    config, kind = snapshot.read_json(component.small_files[0]), SCHEDULERS[component.class_name]
    scheduler: Scheduler = _guard(snapshot, "scheduler", lambda: kind.from_config(config))
    target = scheduler.config.prediction_type
    if target not in TARGETS:
        raise snapshot.refuse(f"its scheduler predicts {target!r}; known: {', '.join(TARGETS)}")
    if scheduler.config.thresholding:
        raise snapshot.refuse(
            "its scheduler asks for dynamic thresholding, which latents do not bear"
        )
    return scheduler


def _check_fit(
    manifest: Manifest, unet: UNet2DConditionModel, vae: Autoencoder, text: Tensor
) -> None:
    snapshot, count = manifest.snapshot, max(1, len(manifest.intrinsics))
    latent, takes = vae.config.latent_channels, unet.config.in_channels
    if takes != (1 + count) * latent:
        raise snapshot.refuse(f"its unet takes {takes} channels; a VAE of {latent} does not fit it")
    width = unet.config.cross_attention_dim
    if width != text.shape[-1]:
        raise snapshot.refuse(
            f"its unet reads text {width} wide, its encoder's is {text.shape[-1]}"
        )


def _guard(snapshot: Snapshot, part: str, reader: Callable[[], Result]) -> Result:
    """Let a library read a part, and turn whatever it makes of damaged files into one sentence."""
    try:
        with _quiet():
            return reader()
    except Exception as error:
        if is_out_of_memory(error):
            raise DeviceError(f"{snapshot.name}: not enough memory to read its {part}") from error
        raise snapshot.refuse(f"{part} cannot be loaded: {first_line(error)}") from error


def move(
    network: Network, place: torch.device, name: str, layout: torch.memory_format = _PLAIN
) -> Network:
    """Put a network on a device, the weights of its convolutions in the layout that suits it.

    Raises:
        DeviceError: the device has no room for it, or does not answer.
    """
    size = sum(weight.nbytes for weight in network.parameters()) / 2**30
    try:
        moved: Network = network.to(place, memory_format=layout)  # type: ignore[call-overload]
    except Exception as error:
        if is_out_of_memory(error):
            advice = "close what else uses it, or try --dtype float16 or --device cpu"
            message = f"{place} has no room for {name} ({size:.1f} GiB); {advice}"
        else:
            message = f"{place} cannot be used: {first_line(error)}"
        raise DeviceError(message) from error
    return moved
