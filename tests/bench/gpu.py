"""A full-size Marigold on a GPU: images a second against diffusers, and the share of the chip.

Usage: python gpu.py [RESULTS] [--tiny]

The checkpoint has Stable Diffusion 2's shape and random weights; it is made on the spot, so that
nothing is downloaded. Findings are appended to RESULTS (gpu.jsonl), a line of JSON each; started
again, the script goes on behind those that are there. Without a GPU, or with --tiny, everything is
done in small, as a rehearsal.

diffusers is used as its documentation recommends: float16, batches, no progress bar; its small
autoencoder is left out, for it gives other results, and so is compiling, which is measured on our
own side by a line of its own.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, MarigoldDepthPipeline, UNet2DConditionModel
from measuring import machine
from roofline import best, copy_rate, count_flops, matrix_rate, parts_of
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from marigold_cli.checkpoints.predictor import LoadedPredictor, open_predictor
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.files.decode import Photo
from marigold_cli.inference.compiling import Wish
from marigold_cli.inference.options import PredictOptions

MODES = {"1x1": (1, 1), "50x10": (50, 10)}


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        device: Where.
        dtype: In which precision.
        widths: Channels of the U-Net's blocks; those of Stable Diffusion 2 divided by `by`.
        by: As said.
        size: (height, width) of the photos [px].
        photos: How many go through 1x1.
        batch: Members in one go, for both.
    """

    device: str
    dtype: str
    by: int
    size: tuple[int, int]
    photos: int
    batch: int

    @property
    def torch_dtype(self) -> torch.dtype:
        """As torch calls it."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype


FULL = Scale("cuda", "float16", 1, (576, 768), 16, 10)
TINY = Scale("cpu", "float32", 10, (48, 64), 2, 10)


class Findings:
    """A file of what was found, in this start of the script or in one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {fact["what"]: fact for fact in map(json.loads, lines)}

    def find(self, what: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Measure, unless that was done before, and print."""
        if what not in self.known:
            began = time.perf_counter()
            self.known[what] = {"what": what, **measure()}
            self.known[what]["took_s"] = round(time.perf_counter() - began, 1)
            with self.path.open("a") as file:
                file.write(json.dumps(self.known[what]) + "\n")
        print(json.dumps(self.known[what]), flush=True)
        return self.known[what]


def make_checkpoint(folder: Path, scale: Scale) -> None:
    """Write a checkpoint of Stable Diffusion 2's shape; its weights are noise of a fixed seed."""
    torch.manual_seed(0)
    heads = (5, 10, 20, 20) if scale.by == 1 else (1, 2, 4, 4)
    with torch.device(scale.device):
        unet = UNet2DConditionModel(
            sample_size=96, in_channels=8, out_channels=4, use_linear_projection=True,
            block_out_channels=tuple(width // scale.by for width in (320, 640, 1280, 1280)),
            attention_head_dim=heads, cross_attention_dim=1024 // scale.by // 4 * 4,
        )  # fmt: skip
        vae = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=(128, 256, 512, 512) if scale.by == 1 else (32,) * 4,
            layers_per_block=2, latent_channels=4, sample_size=768,
        )  # fmt: skip
        text = CLIPTextModel(
            CLIPTextConfig(
                hidden_size=1024 // scale.by // 4 * 4, intermediate_size=256, num_attention_heads=2,
                num_hidden_layers=2, vocab_size=10, bos_token_id=0, eos_token_id=1,
            )
        )  # fmt: skip
    with torch.no_grad():  # noise overshoots [-1, 1], where all depth would be the same
        vae.decoder.conv_out.weight *= 0.1
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
        timestep_spacing="trailing", rescale_betas_zero_snr=True,
    )  # fmt: skip
    words = {"<|startoftext|>": 0, "<|endoftext|>": 1}
    tokenizer = CLIPTokenizer(vocab=words, merges=[], model_max_length=77)
    pipeline = MarigoldDepthPipeline(
        unet.to(scale.torch_dtype), vae.to(scale.torch_dtype), scheduler,
        text.to(scale.torch_dtype), tokenizer, prediction_type="depth",
        default_denoising_steps=4, default_processing_resolution=max(scale.size),
    )  # fmt: skip
    pipeline.save_pretrained(folder)


def make_photos(scale: Scale, count: int) -> list[Photo]:
    """Pictures of noise: what they show takes no time."""
    rng = np.random.default_rng(0)
    shape = (count, *scale.size, 3)
    return [
        Photo(pixels, scale.size, 1, hashlib.sha256(pixels).hexdigest())
        for pixels in rng.integers(0, 255, shape, np.uint8)
    ]


def open_ours(
    folder: Path, scale: Scale, steps: int, ensemble: int, compiling: Wish = "off"
) -> LoadedPredictor:
    """marigold's own predictor, its batch that of diffusers."""
    card = resolve(str(folder))
    recipe = card.decide(PredictOptions(steps=steps, ensemble=ensemble))
    opened = open_predictor(card, recipe, scale.device, scale.dtype, None, scale.batch, compiling)
    assert isinstance(opened, LoadedPredictor)
    return opened


def time_ours(folder: Path, scale: Scale, mode: str, compiling: Wish = "off") -> dict[str, float]:
    """Images a second of whole calls, from pixels to depth maps in memory."""
    steps, ensemble = MODES[mode]
    photos = make_photos(scale, scale.photos if ensemble == 1 else 1)
    predictor = open_ours(folder, scale, steps, ensemble, compiling)

    def work() -> None:
        for start in range(0, len(photos), predictor.batch_size):
            predictor.predict(photos[start : start + predictor.batch_size], lambda *_: None)

    return rate(work, len(photos), scale)


def time_theirs(folder: Path, scale: Scale, mode: str) -> dict[str, float]:
    """The same of diffusers' pipeline, photo by photo or in batches of photos."""
    steps, ensemble = MODES[mode]
    photos = make_photos(scale, scale.photos if ensemble == 1 else 1)
    pipeline = MarigoldDepthPipeline.from_pretrained(folder, torch_dtype=scale.torch_dtype)
    pipeline = pipeline.to(scale.device)
    pipeline.set_progress_bar_config(disable=True)

    def work() -> None:
        for start in range(0, len(photos), 1 if ensemble > 1 else scale.batch):
            some = photos[start : start + (1 if ensemble > 1 else scale.batch)]
            pixels = torch.from_numpy(np.stack([photo.pixels for photo in some]))
            pipeline(
                pixels.movedim(-1, 1).to(scale.torch_dtype) / 255,
                num_inference_steps=steps,
                ensemble_size=ensemble,
                batch_size=scale.batch,
            )

    return rate(work, len(photos), scale)


def rate(work: Callable[[], object], photos: int, scale: Scale) -> dict[str, float]:
    """Images a second, and the most memory of the device."""
    device = torch.device(scale.device)
    seconds = best(work, device, repeats=2)
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    return {"images_per_s": photos / seconds, "peak_gb": peak / 1e9}


@torch.inference_mode()
def time_parts(folder: Path, scale: Scale) -> dict[str, float]:
    """Operations a second of the networks against those of a large matrix product in bfloat16."""
    device = torch.device(scale.device)
    model = open_ours(folder, scale, 1, scale.batch).model
    side = 8192 if device.type == "cuda" else 512
    found = {
        "matrix_bf16_tflops": matrix_rate(torch.bfloat16, device, side) / 1e12,
        "copy_gb_s": copy_rate(device) / 1e9,
    }
    for part in parts_of(model, scale.batch, *scale.size):
        word = part.name.split(",")[0]
        found[f"{word} ms"] = 1e3 * best(part.work, device)
        found[f"{word} share"] = (
            count_flops(part.work) / found[f"{word} ms"] / 1e9 / found["matrix_bf16_tflops"]
        )
    return found


def main(results: Path, scale: Scale) -> None:
    """Measure everything that is not there yet."""
    print(machine(), torch.cuda.get_device_name() if scale.device == "cuda" else "rehearsal on CPU")
    findings = Findings(results)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkpoint"
        make_checkpoint(folder, scale)
        findings.find("networks", partial(time_parts, folder, scale))
        for mode in MODES:
            ours = findings.find(f"marigold {mode}", partial(time_ours, folder, scale, mode))
            theirs = findings.find(f"diffusers {mode}", partial(time_theirs, folder, scale, mode))
            if scale.device == "cuda" and MODES[mode][1] > 1:
                compiled = partial(time_ours, folder, scale, mode, "on")
                findings.find(f"marigold {mode}, compiled", compiled)
            ratio = ours["images_per_s"] / theirs["images_per_s"]
            print(
                f"{mode} at {scale.size[1]} x {scale.size[0]}: {ratio:.2f} times diffusers' speed"
            )


if __name__ == "__main__":
    is_small = "--tiny" in sys.argv or not torch.cuda.is_available()
    paths = [word for word in sys.argv[1:] if not word.startswith("--")]
    main(Path(paths[0] if paths else "gpu.jsonl"), TINY if is_small else FULL)
