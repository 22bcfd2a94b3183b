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
from marigold_cli.checkpoints.device import choose_device, choose_dtype, is_out_of_memory
from marigold_cli.checkpoints.feedforward import read_feedforward
from marigold_cli.checkpoints.manifest import Component, Manifest, read_manifest
from marigold_cli.checkpoints.resolve import resolve_vae
from marigold_cli.checkpoints.snapshot import Snapshot
from marigold_cli.checkpoints.weights import choose
from marigold_cli.errors import DeviceError
from marigold_cli.inference.compiling import Wish
from marigold_cli.inference.feedforward import FeedForwardModel
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.reading import NormalsCode, Reading

Vae: TypeAlias = AutoencoderKL | AutoencoderTiny
Scheduler: TypeAlias = DDIMScheduler | LCMScheduler
Network = TypeVar("Network", bound=torch.nn.Module)
Result = TypeVar("Result")

VAES = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}
SCHEDULERS = {"DDIMScheduler": DDIMScheduler, "LCMScheduler": LCMScheduler}

# How weights lie in memory. GPUs have their fast convolutions for pixels whose channels lie
# together. On a CPU that made autoencoders up to 1.2 times as fast, but a U-Net no faster in
# float32, and slower in bfloat16.
_PLAIN = torch.contiguous_format
_UNET_LAYOUT = {"cuda": torch.channels_last}
_VAE_LAYOUT = {"cuda": torch.channels_last, "cpu": torch.channels_last}


def load(
    card: Card,
    device: str = "auto",
    dtype: str = "auto",
    vae: str | None = None,
    compiling: Wish = "off",
) -> DepthModel:
    """Put a checkpoint on a device, ready to predict.

    Args:
        card: What `resolve` found.
        device: "auto" or a device's name.
        dtype: Precision of the networks: "auto", "float32", "float16" or "bfloat16", which is the
            U-Net's alone: the autoencoder is in float32 then.
        vae: Folder or cached hub id of another VAE; None: the checkpoint's own.
        compiling: Whether the U-Net is compiled: "auto", "on" or "off".

    Raises:
        ModelError: Incomplete, damaged or unsafe files.
        DeviceError: No such device, or too little memory on it.
    """
    place = choose_device(device).device
    precision = choose_dtype(dtype, place, card.on_cpu).dtype
    manifest = read_manifest(Snapshot(card.name, card.folder))
    text = _empty_text(manifest)  # [1, 2, C]
    unet = _unet(manifest, precision)
    images = _vae(manifest, vae, vae_dtype(precision))
    _check_fit(manifest, unet, images, text)
    return DepthModel(
        vae=move(images, place, card.name).to(memory_format=_VAE_LAYOUT.get(place.type, _PLAIN)),
        unet=move(unet, place, card.name).to(memory_format=_UNET_LAYOUT.get(place.type, _PLAIN)),
        scheduler=_scheduler(manifest),
        empty_text=text,
        reading=Reading(card.kind, card.rescale, _normals_code(manifest), card.intrinsics),
        compiling=compiling,
    )


def vae_dtype(dtype: torch.dtype) -> torch.dtype:
    """Precision of the autoencoder beside a U-Net of this precision.

    The 8 bits of bfloat16 in a decoder make bands: they put 0.38 times its own size of noise on the
    depth's second differences, with its last layers in float32 still 0.19; in the U-Net 0.02.
    """
    return torch.float32 if dtype is torch.bfloat16 else dtype


def load_feedforward(
    card: FeedForwardCard, device: str = "auto", dtype: str = "auto"
) -> FeedForwardModel:
    """Put a depth model of transformers on a device, ready to predict.

    Raises:
        ModelError: Incomplete, damaged or unsafe files.
        DeviceError: No such device, or too little memory on it.
    """
    place = choose_device(device).device
    precision = choose_dtype(dtype, place).dtype
    found = read_feedforward(Snapshot(card.name, card.folder))
    # By its name, which was held against the allow-list: a Marigold need not wait for four imports.
    kind = getattr(transformers, found.component.class_name)
    read = partial(kind.from_pretrained, dtype=precision)
    network = _network(read, found.snapshot, found.component, precision)
    return FeedForwardModel(
        move(network, place, card.name), found.family, found.framing, found.kind
    )


def _normals_code(manifest: Manifest) -> NormalsCode:
    """The end-to-end fine-tuned models learned on normals as the DSINE benchmark keeps them."""
    return NormalsCode(manifest.has_full_z, not manifest.is_e2e, manifest.is_e2e)


def _unet(manifest: Manifest, dtype: torch.dtype) -> UNet2DConditionModel:
    read = partial(UNet2DConditionModel.from_pretrained, torch_dtype=dtype)
    return _network(read, manifest.snapshot, manifest.components["unet"], dtype)


def _vae(manifest: Manifest, name: str | None, dtype: torch.dtype) -> Vae:
    if name is None:
        snapshot, component = manifest.snapshot, manifest.components["vae"]
    else:
        other = resolve_vae(name)
        snapshot, component = other.snapshot, other.component
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
    component = manifest.components["scheduler"]
    settings = manifest.snapshot.read_json(component.settings_files[0])
    kind = SCHEDULERS[component.class_name]
    return _guard(manifest.snapshot, "scheduler", lambda: kind.from_config(settings))


def _check_fit(manifest: Manifest, unet: UNet2DConditionModel, vae: Vae, text: Tensor) -> None:
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
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise snapshot.refuse(f"{part} cannot be loaded: {reason}") from error


def move(network: Network, place: torch.device, name: str) -> Network:
    """Put a network on a device.

    Raises:
        DeviceError: The device has no room for it, or does not answer.
    """
    size = sum(weight.nbytes for weight in network.parameters()) / 2**30
    try:
        return network.to(place)
    except Exception as error:
        if is_out_of_memory(error):
            advice = "close what else uses it, or try --dtype float16 or --device cpu"
            message = f"{place} has no room for {name} ({size:.1f} GiB); {advice}"
        else:
            message = f"{place} cannot be used: {str(error).splitlines()[0]}"
        raise DeviceError(message) from error
