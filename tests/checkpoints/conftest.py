"""Real small checkpoints, made from a seed and saved in the layouts of the published ones."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    LCMScheduler,
    MarigoldDepthPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from marigold_cli.files.decode import Photo

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
COMMON = {
    **BETAS,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
SCHEDULERS = {
    "v1-1": DDIMScheduler(**COMMON, timestep_spacing="trailing", rescale_betas_zero_snr=True),
    "v1-0": DDIMScheduler(**COMMON, timestep_spacing="leading"),
    "lcm": LCMScheduler(**COMMON),
    "e2e": DDIMScheduler(**COMMON, timestep_spacing="trailing"),
}
STEPS = {"v1-1": 4, "v1-0": 10, "lcm": 1}
E2E_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.30.0",
    "custom_pipeline": "GonzaloMG/marigold-e2e-ft-depth",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Forge:
    """The networks of a small Marigold with random weights."""

    vae: AutoencoderKL
    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer

    def write(self, folder: Path, layout: str = "v1-1", **saving: object) -> Path:
        pipeline = MarigoldDepthPipeline(
            unet=self.unet,
            vae=self.vae,
            scheduler=SCHEDULERS[layout],
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            prediction_type="depth",
            default_denoising_steps=STEPS.get(layout),
            default_processing_resolution=768 if layout in STEPS else None,
        )
        pipeline.save_pretrained(folder, **saving)
        if layout == "e2e":
            write_json(folder / "model_index.json", E2E_INDEX)
            (folder / "pipeline.py").write_text("raise SystemExit('a checkpoint ran its code')\n")
        return folder


def write_json(path: Path, settings: object) -> None:
    path.write_text(json.dumps(settings))


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses even to make a socket, but where a test has a hub of its own."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    if "hub_server" not in request.fixturenames:
        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Forge:
    torch.manual_seed(0)
    blocks = {"norm_num_groups": 4, "layers_per_block": 1, "block_out_channels": (8, 16)}
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        scaling_factor=0.18215,
        **blocks,
    )
    unet = UNet2DConditionModel(
        in_channels=8,
        out_channels=4,
        sample_size=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        **blocks,
    )
    text = CLIPTextConfig(
        vocab_size=4,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=3,
    )
    words = tmp_path_factory.mktemp("words")
    write_json(words / "vocab.json", {"a": 0, "a</w>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3})
    (words / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer.from_pretrained(words, model_max_length=8)
    networks = (vae, unet, CLIPTextModel(text))
    for network in networks:
        network.eval()
    return Forge(*networks, tokenizer)


@pytest.fixture
def write(forge: Forge) -> Callable[..., Path]:
    """Save the small checkpoint in a way of one's own."""
    return forge.write


@pytest.fixture(scope="session")
def whole(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound checkpoint in the layout of v1-1, not to be changed."""
    return forge.write(tmp_path_factory.mktemp("whole") / "checkpoint")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A sound checkpoint to do something to."""
    return shutil.copytree(whole, tmp_path / "checkpoint")


@pytest.fixture
def cache(tmp_path: Path) -> Callable[[str, Path], Path]:
    """Put a folder into the hub's cache, laid out as huggingface_hub does it."""
    return lambda name, source, commit=COMMIT: cache_as(
        tmp_path / "huggingface", name, source, commit
    )


def cache_as(home: Path, name: str, source: Path, commit: str) -> Path:
    repository = home / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        data = path.read_bytes()
        blob = repository / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link = snapshot / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(
            Path("../" * (len(link.relative_to(repository).parts) - 1)) / "blobs" / blob.name
        )
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    return snapshot


@pytest.fixture(scope="session")
def published(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One checkpoint in each layout of the published ones, not to be changed."""
    folder = tmp_path_factory.mktemp("published")
    return {layout: forge.write(folder / layout, layout) for layout in SCHEDULERS}


@pytest.fixture(scope="session")
def tiny_vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE of TAESD's kind in a folder of its own, not to be changed."""
    torch.manual_seed(1)
    vae = AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    folder = tmp_path_factory.mktemp("taesd")
    vae.save_pretrained(folder)
    return folder


@pytest.fixture
def edit() -> Callable[[Path, dict[str, object]], None]:
    """Change keys of a JSON file; None takes one out."""

    def change(path: Path, changes: dict[str, object]) -> None:
        settings = {**json.loads(path.read_text()), **changes}
        write_json(path, {key: value for key, value in settings.items() if value is not None})

    return change


@pytest.fixture(scope="session")
def photo() -> Photo:
    """Noise of 48 x 64 px, a size that needs no resizing and no padding."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Photo(pixels, size=(48, 64), orientation=1, digest="0" * 64)
