"""What a training starts from: a latent diffusion checkpoint in diffusers format, or its parts.

Any checkpoint with the components of Stable Diffusion will do, a Marigold among them; without a
U-Net (the folder of an autoencoder training) a new small one is made. Nothing is downloaded, and
only safetensors are read.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as clip_logging

from marigold_cli.checkpoints.identity import identify
from marigold_cli.checkpoints.manifest import CONFIGS, INDEX, STEMS, TOKENIZER_FILES
from marigold_cli.checkpoints.resolve import DEFAULT, Place, locate
from marigold_cli.checkpoints.snapshot import Config, Snapshot
from marigold_cli.checkpoints.weights import choose, find_weights
from marigold_cli.errors import first_line
from marigold_cli.training import networks

Network = TypeVar("Network", bound=nn.Module)

_PIPELINES = (
    "StableDiffusionPipeline",
    "MarigoldDepthPipeline",
    "MarigoldPipeline",
    "MarigoldNormalsPipeline",
)
_PARTS = ("unet", "vae", "text_encoder", "scheduler")
_LEVELS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")
_OURS = ("timestep_spacing", "rescale_betas_zero_snr")  # of the schedulers that Marigolds have


@dataclass(frozen=True)
class Foundation:
    """A checkpoint to start from.

    Attributes:
        snapshot: Its folder.
        identity: What it is the same as, wherever it lies.
        is_whole: Whether it has a U-Net.
    """

    snapshot: Snapshot
    identity: str
    is_whole: bool

    def read_vae(self) -> AutoencoderKL:
        """Its VAE, float32."""
        return _read(AutoencoderKL.from_pretrained, self.snapshot, "vae")

    def read_unet(self, seed: int) -> UNet2DConditionModel:
        """Its U-Net, float32, taking two latents; a new one, from the seed, where it has none.

        Raises:
            ModelError: It takes something else.
        """
        latent = self._number("vae", "latent_channels", 4)
        if not self.is_whole:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return networks.new_unet(latent, self._number("text_encoder", "hidden_size", 512))
        unet = _read(UNet2DConditionModel.from_pretrained, self.snapshot, "unet")
        takes, gives = unet.config.in_channels, unet.config.out_channels
        if gives != latent or takes not in (latent, 2 * latent):
            raise self.snapshot.refuse(
                f"its unet takes {takes} channels and gives {gives}, which its VAE of {latent} "
                "does not fit"
            )
        return widen(unet) if takes == latent else unet

    def read_empty_text(self) -> Tensor:
        """What its text encoder says of no words at all: [1, 2, W] float32, for BOS and EOS."""
        tokenizer = CLIPTokenizer.from_pretrained(
            str(self.snapshot.folder / "tokenizer"), local_files_only=True
        )
        tokens = tokenizer("", padding="do_not_pad", return_tensors="pt").input_ids  # [1, 2]
        with torch.no_grad():
            text: Tensor = self._read_text_encoder()(tokens)[0]
        return text

    def make_scheduler(self, zero_snr: bool, trailing: bool) -> DDIMScheduler:
        """Its noise levels for v-prediction, as every Marigold has them.

        Args:
            zero_snr: Rescale them so that the last one holds no signal at all, where they are not
                so already; trailing spacing comes with it.
            trailing: Spaced so that a single step begins at the last one.
        """
        settings: Config = networks.NOISE_LEVELS
        if self.snapshot.find(f"scheduler/{CONFIGS['scheduler']}"):
            settings = self.snapshot.read_json(f"scheduler/{CONFIGS['scheduler']}")
        kept = {key: settings[key] for key in (*_LEVELS, *_OURS) if key in settings}
        if zero_snr:
            kept |= {"rescale_betas_zero_snr": True}
        if zero_snr or trailing:
            kept |= {"timestep_spacing": "trailing"}
        return DDIMScheduler(
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type="v_prediction",
            **kept,
        )

    def copy_text(self, folder: Path) -> None:
        """Write its text encoder and tokenizer, unless they are there."""
        if not (folder / "text_encoder").exists():
            self._read_text_encoder().save_pretrained(folder / "text_encoder")
        tokenizer = folder / "tokenizer"
        tokenizer.mkdir(parents=True, exist_ok=True)
        for name in TOKENIZER_FILES:
            path = self.snapshot.find(f"tokenizer/{name}")
            if path and not (tokenizer / name).exists():
                shutil.copyfile(path, tokenizer / name)

    def _number(self, part: str, key: str, default: int) -> int:
        """A number in a part's configuration; where it is not said, the class's own default."""
        value = self.snapshot.read_json(f"{part}/{CONFIGS[part]}").get(key, default)
        if not isinstance(value, int):
            raise self.snapshot.refuse(f"{part}: {key} is {value!r}")
        return value

    def _read_text_encoder(self) -> CLIPTextModel:
        read = partial(CLIPTextModel.from_pretrained, dtype=torch.float32)
        return _read(read, self.snapshot, "text_encoder")


def open_foundation(base: str | None) -> Foundation:
    """Find a base on this machine.

    Args:
        base: A folder, an embedded or short name, or a hub id; None: the embedded checkpoint, of
            which only the VAE is taken.

    Raises:
        ModelError: Not on this machine, incomplete, or refused as unsafe.
    """
    diffusers_logging.set_verbosity_error()  # only `cli` talks
    clip_logging.set_verbosity_error()
    clip_logging.disable_progress_bar()
    place = _locate(base or DEFAULT)
    snapshot = place.snapshot
    is_whole = base is not None and snapshot.find(INDEX) is not None
    if is_whole:
        _check_pipeline(snapshot)
    parts = [part for part in _PARTS if part != "unet" or is_whole]
    identity = place.commit or identify(snapshot, _files(snapshot, parts))
    return Foundation(snapshot, identity if is_whole else f"{identity}, new unet", is_whole)


def widen(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Let a U-Net take two latents: the first layer's weights repeated and halved, its bias kept.

    So what it makes of the same latent twice is what it made of it once (Marigold, section 3.2).
    """
    old = unet.conv_in
    new = nn.Conv2d(2 * old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding)
    with torch.no_grad():
        new.weight.copy_(old.weight.repeat(1, 2, 1, 1) / 2)
        if old.bias is not None and new.bias is not None:
            new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=new.in_channels)
    return unet


def _locate(base: str) -> Place:
    folder = Path(base).expanduser()
    if (folder / "vae" / CONFIGS["vae"]).is_file() and not (folder / INDEX).exists():
        return Place(Snapshot(base, folder))  # what an autoencoder training leaves
    return locate(base)


def _check_pipeline(snapshot: Snapshot) -> None:
    pipeline = snapshot.read_json(INDEX).get("_class_name")
    if pipeline not in _PIPELINES:
        raise snapshot.refuse(
            f"it is a {pipeline}, not a Stable Diffusion or Marigold to start from"
        )


def _files(snapshot: Snapshot, parts: list[str]) -> list[str]:
    """What is read of it, relative to its folder."""
    settings = [f"{part}/{CONFIGS[part]}" for part in parts]
    weights = [
        file
        for part in parts
        if part in STEMS
        for file in choose(find_weights(snapshot, part, STEMS[part]), half=False).files
    ]
    return [*(file for file in settings if snapshot.find(file)), *weights]


def _read(
    read: Callable[..., tuple[Network, dict[str, list[str]]]], snapshot: Snapshot, part: str
) -> Network:
    """Load a network in float32, insisting that its files hold every one of its tensors."""
    weights = choose(find_weights(snapshot, part, STEMS[part]), half=False)
    try:
        network, report = read(
            str(snapshot.folder / part),
            variant=weights.variant,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:
        reason = first_line(error)
        raise snapshot.refuse(f"{part} cannot be loaded: {reason}") from error
    if report["missing_keys"]:
        first = sorted(report["missing_keys"])[0]
        raise snapshot.refuse(f"{part}: tensors are missing, {first} the first")
    return network.float()
