"""Whole commands against the plain loop, pair by pair in one run.

Usage: python throughput.py [PAIRS]

Fast mode on twenty 12-megapixel JPEGs, and 50 steps x 10 members on four photos; both write
float32 npy and colour with the same checkpoint. Prints seconds of each run and their ratio.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from PIL import Image

from marigold_cli.checkpoints.resolve import EMBEDDED

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "sample_images"
MARIGOLD = [sys.executable, "-m", "marigold_cli", "run"]
PHOTOS = ("astronaut", "chelsea", "coffee", "motorcycle", "palace")


@dataclass(frozen=True)
class Mode:
    """One way to use the tool, and the same as a loop."""

    name: str
    photos: int
    size: tuple[int, int]  # width, height [px]
    options: tuple[str, ...]
    steps: int
    ensemble: int


MODES = (
    Mode("fast, 12 MP", 20, (4000, 3000), ("--fast", "--model", "tiny"), 1, 1),
    Mode(
        "50 x 10",
        4,
        (768, 576),
        ("--steps", "50", "--ensemble", "10", "--model", "tiny"),
        50,
        10,
    ),
)


def make_photos(mode: Mode, folder: Path) -> None:
    """Write different photographs of one size as JPEG."""
    folder.mkdir()
    for index in range(mode.photos):
        with Image.open(SAMPLES / f"{PHOTOS[index % len(PHOTOS)]}.jpg") as sample:
            photo = sample.convert("RGB").rotate(3 * index, Image.Resampling.BILINEAR)
            photo.resize(mode.size, Image.Resampling.BICUBIC).save(
                folder / f"photo{index:02}.jpg", quality=92
            )


def time_command(command: list[str], out: Path) -> float:
    """Seconds of one whole process, its output folder empty before."""
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(mode: Mode, pairs: int) -> None:
    """Run the loop and the tool in turn and print a line a pair."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, out = folder / "photos", folder / "out"
        make_photos(mode, photos)
        ours = [*MARIGOLD, str(photos), "--out", str(out), *mode.options]
        loop = [
            *(sys.executable, str(HERE / "plain_loop.py"), str(EMBEDDED["tiny"])),
            *(str(photos), str(out), str(mode.steps), str(mode.ensemble)),
        ]
        ratios = []
        for pair in range(pairs):
            theirs_s, ours_s = time_command(loop, out), time_command(ours, out)
            ratios.append(theirs_s / ours_s)
            print(
                f"{mode.name} pair {pair + 1}: loop {theirs_s:.1f} s, marigold {ours_s:.1f} s, "
                f"{theirs_s / mode.photos:.2f} and {ours_s / mode.photos:.2f} s a photo, "
                f"ratio {ratios[-1]:.2f}",
                flush=True,
            )
        print(f"{mode.name}: median ratio {median(ratios):.2f}")


if __name__ == "__main__":
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    for mode in MODES:
        compare(mode, int(sys.argv[1]) if len(sys.argv) > 1 else 3)
