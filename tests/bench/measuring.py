"""What the benches share: whole commands with their time and memory, and a table's lines."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"
PHOTOS = ("astronaut", "chelsea", "coffee", "motorcycle", "palace")
MARIGOLD = [sys.executable, "-m", "marigold_cli"]


@dataclass(frozen=True)
class Took:
    """What a whole process took.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: Of all its threads and children.
        peak_bytes: Most memory at a time.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


def take(command: list[str]) -> Took:
    """Run a command, its words thrown away."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return Took(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def take_anew(command: list[str], out: Path) -> Took:
    """The same, with an output folder that is empty before."""
    shutil.rmtree(out, ignore_errors=True)
    return take(command)


def middle(takes: list[Took]) -> Took:
    """Median of each."""
    return Took(
        median(one.wall_s for one in takes),
        median(one.cpu_s for one in takes),
        max(one.peak_bytes for one in takes),
    )


def make_photos(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Write different photographs of one (width, height) [px] as JPEG."""
    folder.mkdir(parents=True)
    for index in range(count):
        with Image.open(SAMPLES / f"{PHOTOS[index % len(PHOTOS)]}.jpg") as sample:
            photo = sample.convert("RGB").rotate(3 * index, Image.Resampling.BILINEAR)
            photo.resize(size, Image.Resampling.BICUBIC).save(
                folder / f"photo{index:02}.jpg", quality=92
            )


def machine() -> str:
    """Which machine, and when."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), model)
    return f"{model}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}"


def tell(bench: str, **facts: object) -> None:
    """Print a finding as one line of JSON, for programs and to go on from."""
    print(json.dumps({"bench": bench, **facts}), flush=True)
