"""What tiles and edges gain on large rendered scenes, and the memory of a big photo.

Usage: python tiling.py [SCENES] [MEGAPIXELS]

Held-out scenes of 768 x 1024 px are predicted by the embedded model in one piece, in tiles, and
refined; printed are AbsRel after the best scale and shift, and boundary F1. Then a photo of so many
megapixels (200) goes through `marigold run --tile` in a process of its own; for its memory's sake
alone, so that the network is replaced by a blur, which gives as many numbers in no time.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from marigold_cli.checkpoints import predictor
from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.cli import main
from marigold_cli.depth import DepthMap, Floats
from marigold_cli.files.decode import Photo
from marigold_cli.fit import fit_affine
from marigold_cli.inference.model import DepthModel
from marigold_cli.inference.options import AUTO_TILE, PredictOptions
from marigold_cli.inference.predict import predict
from marigold_cli.inference.restoring import restore
from marigold_cli.metrics import SMALLEST_DEPTH, abs_rel, boundary_f1
from marigold_cli.scenes.render import SKY_DEPTH, render

HELD_OUT = 1_000_000_000  # seeds from here on are never trained on
HEIGHT, WIDTH = 768, 1024
MODES: dict[str, dict[str, int | bool]] = {
    "one piece": {},
    "--tile 192": {"tile": 192},
    "--tile auto": {"tile": AUTO_TILE},
    "--tile 384": {"tile": 384},
    "--refine": {"refine": True},
}


def score(depth: DepthMap, truth: Floats) -> tuple[float, float]:
    """AbsRel and boundary F1 of aligned depth; the sky is no truth."""
    known = truth < SKY_DEPTH
    aligned = fit_affine(depth.values[known], truth[known])(depth.values)
    bounded = np.maximum(aligned, SMALLEST_DEPTH)
    return abs_rel(bounded[known], truth[known]), boundary_f1(bounded, truth, known)


def compare(count: int) -> None:
    """Print the scores of every mode on the same scenes, and on how many each is no worse."""
    card = resolve("tiny")
    model, recipe = load(card), card.decide(PredictOptions(fast=True))
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in MODES}
    seconds = dict.fromkeys(MODES, 0.0)
    for seed in range(HELD_OUT, HELD_OUT + count):
        views = render([seed], HEIGHT, WIDTH)
        pixels = (views.rgb[0].permute(1, 2, 0) * 255).round().byte().contiguous().numpy()
        digest = hashlib.sha256(pixels).hexdigest()
        photo = Photo(pixels, (HEIGHT, WIDTH), 1, digest)
        for name, choices in MODES.items():
            began = time.perf_counter()
            (depth,) = predict(model, [photo], replace(recipe, **choices))
            full = restore(depth, (HEIGHT, WIDTH), recipe.resample)
            seconds[name] += time.perf_counter() - began
            scores[name].append(score(full, views.depth[0, 0].numpy()))
    base = np.array(scores["one piece"])
    print(f"{count} scenes of {HEIGHT} x {WIDTH} px, {card.name} at {recipe.resolution} px")
    for name, found in scores.items():
        values = np.array(found)
        error, boundary = values.mean(axis=0)
        no_worse = int((values[:, 0] <= base[:, 0] * 1.005).sum())
        print(
            f"{name:20} AbsRel {error:.4f} (median {np.median(values[:, 0]):.4f}, no worse on "
            f"{no_worse}), boundary F1 {boundary:.4f}, {seconds[name] / count:.1f} s a photo"
        )


class Blur(DepthModel):
    """Gives grey, blurred, as depth: the shapes and types of a network without its work."""

    def encode_image(self, image: Tensor) -> Tensor:
        """Mean of the colours over cells of 8 px."""
        grey = image.mean(dim=1, keepdim=True).expand(-1, 4, -1, -1)
        return functional.avg_pool2d(grey, 8)

    def denoise(self, image_latent: Tensor, *rest: object) -> Tensor:
        """Nothing to do."""
        return image_latent

    def decode_depth(self, latent: Tensor) -> Tensor:
        """Cells enlarged."""
        grey = functional.interpolate(latent[:, :1], scale_factor=8, mode="bilinear")
        return (grey + 1) / 2


def weigh(folder: Path, options: list[str]) -> int:
    """Run on the one photo in a folder; the exit code."""

    def load_blur(*arguments: object) -> DepthModel:
        model = load(*arguments)  # type: ignore[arg-type]
        return Blur(model.vae, model.unet, model.scheduler, model.empty_text)

    predictor.load = load_blur
    line = ["run", str(folder / "photo.jpg"), "--model", "tiny", "--resolution", "768", "--fast"]
    code = main([*line, "--quiet", "--device", "cpu", "--out", str(folder / "out"), *options])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{' '.join(options):50} {peak / 1e9:.2f} GB at most")
    return code


def weigh_all(megapixels: float) -> None:
    """Print the peak memory of whole runs, each in a process of its own."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    with tempfile.TemporaryDirectory() as name:
        small = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
        photo = Image.fromarray(small).resize((height * 4 // 3, height), Image.Resampling.BICUBIC)
        photo.save(Path(name) / "photo.jpg", quality=90)
        del photo
        print(f"{megapixels:.0f} megapixels, npy and colour")
        for options in (["--tile", "768"], ["--tile", "auto"], ["--refine"]):
            command = [sys.executable, __file__, "weigh", name, *options, "--overwrite"]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["weigh"]:
        sys.exit(weigh(Path(sys.argv[2]), sys.argv[3:]))
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
    weigh_all(float(sys.argv[2]) if len(sys.argv) > 2 else 200)
