"""A trained network as a whole checkpoint that `marigold run --model DIR` and diffusers load."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
from diffusers import DDIMScheduler, ModelMixin
from safetensors import SafetensorError
from torch import Tensor

from marigold_cli.checkpoints.manifest import INDEX
from marigold_cli.depth import Modality
from marigold_cli.errors import OutputError
from marigold_cli.files.disk import output_errors, sync, write_whole

_COMPONENTS = {
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
_KINDS: dict[Modality, dict[str, object]] = {
    Modality.DEPTH: {
        "_class_name": "MarigoldDepthPipeline",
        "prediction_type": "depth",
        "scale_invariant": True,
        "shift_invariant": True,
    },
    Modality.NORMALS: {
        "_class_name": "MarigoldNormalsPipeline",
        "prediction_type": "normals",
        "use_full_z_range": True,
    },
}


@dataclass(frozen=True)
class Index:
    """How a checkpoint says that it wants to be used.

    Attributes:
        modality: What it estimates.
        steps: Denoising steps.
        resolution: Long edge while predicting [px].
        is_end_to_end: It starts from zeros, and a single prediction is stretched to [0, 1].
    """

    modality: Modality
    steps: int
    resolution: int
    is_end_to_end: bool = False

    def write(self, folder: Path) -> None:
        """Write model_index.json."""
        settings = {
            **_KINDS[self.modality],
            "_diffusers_version": diffusers.__version__,
            "default_denoising_steps": self.steps,
            "default_processing_resolution": self.resolution,
            **_COMPONENTS,
        }
        if self.is_end_to_end:
            # Keys with an underscore are private to their writer; diffusers passes them over.
            settings["_marigold"] = {"noise": "zeros", "rescale": True}
        text = json.dumps(settings, indent=2) + "\n"
        write_whole(folder / INDEX, text.encode(), fsync=False)


def write_network(
    network: ModelMixin, weights: Mapping[str, Tensor], folder: Path, half: bool
) -> None:
    """Write a network in diffusers format, each file whole from the moment it has its name.

    Args:
        network: Of this shape; left as it is.
        weights: All its weights, by its own names.
        folder: Where its config.json goes.
        half: Whether to write float16.

    Raises:
        OutputError: The disk takes no more.
    """
    settings = {key: value for key, value in network.config.items() if not key.startswith("_")}
    with torch.device("meta"):
        copy = type(network).from_config(settings)
    dtype = torch.float16 if half else torch.float32
    copy.load_state_dict({name: one.to("cpu", dtype) for name, one in weights.items()}, assign=True)
    partial = folder.with_name(f".{folder.name}.partial")
    with output_errors(folder):
        shutil.rmtree(partial, ignore_errors=True)
        _save(copy, partial)
        folder.mkdir(parents=True, exist_ok=True)
        for path in partial.iterdir():
            path.replace(folder / path.name)
        partial.rmdir()


def _save(network: ModelMixin, folder: Path) -> None:
    try:
        network.save_pretrained(folder)
    except SafetensorError as error:  # what it makes of a full disk
        raise OutputError(f"{folder.parent}: {error}; free some space and run again") from error


def write_scheduler(scheduler: DDIMScheduler, folder: Path) -> None:
    """Write its configuration."""
    with output_errors(folder):
        scheduler.save_pretrained(folder)


def share(folder: Path) -> None:
    """Give weights the mode of the configuration beside them; safetensors hides them from others.

    Args:
        folder: Of the checkpoint.
    """
    with output_errors(folder):
        for path in folder.glob("*/*.safetensors"):
            shutil.copymode(path.with_name("config.json"), path)


def settle(folder: Path) -> None:
    """Wait until the disk has all files of a checkpoint, and their names.

    Raises:
        OutputError: The disk takes no more.
    """
    parts = [path for path in (folder / name for name in _COMPONENTS) if path.is_dir()]
    files = [path for part in (*parts, folder) for path in part.iterdir() if path.is_file()]
    with output_errors(folder):
        for path in (*files, *parts, folder):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)
