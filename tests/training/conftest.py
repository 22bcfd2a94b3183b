"""Small pictures with exact depth, and small real networks to teach."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel

from marigold_cli.batch.signals import Stop
from marigold_cli.training.options import (
    CourseOptions,
    Machine,
    Material,
    Method,
    Pace,
    ProtocolName,
    Upkeep,
)
from marigold_cli.training.progress import Advance
from marigold_cli.training.samples import Samples

HEIGHT, WIDTH = 16, 24
COUNT = 8


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def draw_samples(count: int, height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Samples:
    """Boxes before a slanted wall, some of it unknown, painted by their depth and at random."""
    random = torch.Generator().manual_seed(seed)

    def uniform(*size: int) -> Tensor:
        return torch.rand(*size, generator=random)

    ramp = torch.linspace(1, 0, height)[:, None] * torch.ones(width)
    depth = 4 + 6 * uniform(count, 1, 1, 1) * ramp + uniform(count, 1, 1, 1)
    for picture in depth:
        top, left = int(uniform(1) * height / 2), int(uniform(1) * width / 2)
        picture[:, top : top + height // 2, left : left + width // 3] = 2 + float(uniform(1))
    grain = functional.interpolate(uniform(count, 3, height // 4, width // 4), (height, width))
    rgb = (0.7 * (depth / depth.amax()).expand(-1, 3, -1, -1) + 0.3 * grain) * 255
    valid = torch.ones(count, 1, height, width, dtype=torch.bool)
    valid[:, :, : height // 4, : width // 4] = False
    normals = functional.normalize(torch.randn(count, 3, height, width, generator=random), dim=1)
    return Samples(rgb.to(torch.uint8), depth, valid, normals)


@dataclass(frozen=True)
class Drawn:
    """A source in memory."""

    samples: Samples
    name: str = "drawn"

    def __len__(self) -> int:
        return len(self.samples)

    def identity(self) -> str:
        """Of the numbers, since there is no file."""
        return str(float(self.samples.depth.double().sum()))

    def check(self) -> None:
        """Nothing can be wrong."""

    def read(self, indices: Sequence[int]) -> Samples:
        index = list(indices)
        parts = (self.samples.rgb, self.samples.depth, self.samples.valid)
        normals = self.samples.normals
        return Samples(
            *(part[index] for part in parts), None if normals is None else normals[index]
        )


@pytest.fixture(scope="session")
def samples() -> Samples:
    return draw_samples(COUNT)


@pytest.fixture(scope="session")
def source(samples: Samples) -> Drawn:
    return Drawn(samples)


@pytest.fixture(scope="session")
def make_samples() -> Callable[..., Samples]:
    return draw_samples


@pytest.fixture(scope="session")
def make_source() -> Callable[[Samples], Drawn]:
    return Drawn


def write_pictures(samples: Samples, folder: Path) -> Path:
    """A data set of the kind `folder:`."""
    for part in ("rgb", "depth", "normal"):
        (folder / part).mkdir(parents=True)
    depths = samples.depth.masked_fill(~samples.valid, 0)[:, 0].numpy()
    assert samples.normals is not None
    normals = samples.normals.permute(0, 2, 3, 1).numpy()
    for index, rgb in enumerate(samples.rgb.permute(0, 2, 3, 1).numpy()):
        Image.fromarray(rgb).save(folder / "rgb" / f"{index}.png")
        np.save(folder / "depth" / f"{index}.npy", depths[index])
        np.save(folder / "normal" / f"{index}.npy", normals[index])
    return folder


@pytest.fixture(scope="session")
def make_pictures() -> Callable[[Samples, Path], Path]:
    return write_pictures


@pytest.fixture(scope="session")
def pictures(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures as files, not to be changed."""
    return write_pictures(samples, tmp_path_factory.mktemp("pictures") / "eight")


def small_unet(channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        in_channels=channels,
        out_channels=4,
        sample_size=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=4,
    )


def small_vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
    )


def write_base(folder: Path, pipeline: str, channels: int) -> Path:
    """A checkpoint in the layout of Stable Diffusion, or of a Marigold, with random weights."""
    torch.manual_seed(0)
    small_unet(channels).save_pretrained(folder / "unet")
    small_vae().save_pretrained(folder / "vae")
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )
    scheduler.save_pretrained(folder / "scheduler")
    text = CLIPTextConfig(
        vocab_size=4,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=3,
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    words = {"a": 0, "a</w>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(words))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer" / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    )
    index = {
        "_class_name": pipeline,
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="session")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion, not to be changed."""
    return write_base(tmp_path_factory.mktemp("sd") / "sd", "StableDiffusionPipeline", channels=4)


@pytest.fixture(scope="session")
def marigold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Marigold, not to be changed."""
    return write_base(tmp_path_factory.mktemp("m") / "m", "MarigoldDepthPipeline", channels=8)


class Listener:
    """Keeps what it hears; may be told to call something after an update."""

    def __init__(self, at: int | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.advances: list[Advance] = []
        self._at, self._act = at, act

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def advance(self, advance: Advance) -> None:
        self.advances.append(advance)
        if advance.update == self._at:
            self._act()


@pytest.fixture(scope="session")
def listen() -> type[Listener]:
    return Listener


@pytest.fixture
def stop() -> Stop:
    return Stop(grace_s=0)


MakeCourse = Callable[..., CourseOptions]


@pytest.fixture(scope="session")
def plan_course(pictures: Path, marigold: Path) -> MakeCourse:
    """A short course on the CPU in a folder; any part of it may be replaced."""

    def plan(
        out: Path, protocol: ProtocolName = ProtocolName.MARIGOLD, **changes: object
    ) -> CourseOptions:
        course = CourseOptions(
            out,
            base=str(marigold),
            method=Method(protocol),
            material=Material((f"folder:{pictures}",)),
            pace=Pace(updates=4, batch=2, accumulate=2, rate=1e-3, warm_up=2, clip=1.0),
            machine=Machine("cpu"),
            upkeep=Upkeep(save_every=2, sheet_every=0),
        )
        return replace(course, **changes)

    return plan


@pytest.fixture
def make_course(plan_course: MakeCourse, tmp_path: Path) -> MakeCourse:
    """The same in a folder of the test's own."""

    def make(
        protocol: ProtocolName = ProtocolName.MARIGOLD, out: str = "out", **changes: object
    ) -> CourseOptions:
        return plan_course(tmp_path / out, protocol, **changes)

    return make
