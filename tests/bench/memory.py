"""Peak memory of whole commands: one photo of 200 megapixels, and many small ones.

Usage: python memory.py [PHOTOS]

The big photo is predicted in tiles and along its edges, with and without all files that can be
had; of the small ones, memory is noted after each. Prints MiB.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "sample_images"
BIG = (16384, 12288)  # width, height [px]
SMALL = (256, 192)
EVERYTHING = ("--steps", "1", "--ensemble", "2", "--uncertainty", "--format", "npy,tiff,png,color")
MODES = {
    "--fast --tile auto, npy and colour": ("--fast", "--tile", "auto"),
    "--tile auto, everything": ("--tile", "auto", *EVERYTHING),
    "--fast --refine, npy and colour": ("--fast", "--refine"),
    "--refine, everything": ("--refine", *EVERYTHING),
}

# A process's own peak: what the system says of children counts the parent's memory too. Memory in
# use is noted whenever the journal has a photo more.
_WATCHED = """
import os, re, sys, threading, time
from pathlib import Path
from marigold_cli.cli import main

def field(name):
    return int(re.search(name + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

def watch(journal):
    seen = 0
    while True:
        time.sleep(0.02)
        done = journal.read_bytes().count(b'"ev":"done"') if journal.exists() else 0
        if done > seen:
            seen = done
            print(done, field("VmRSS"), field("VmHWM"), flush=True)

out = Path(sys.argv[sys.argv.index("--out") + 1])
threading.Thread(target=watch, args=(out / "journal.jsonl",), daemon=True).start()
code = main(sys.argv[1:])
print("end", field("VmRSS"), field("VmHWM"), flush=True)
os._exit(code)
"""


def make_photo(path: Path, size: tuple[int, int], turn: int = 0) -> None:
    """Write a photograph of this width and height [px] as JPEG."""
    with Image.open(SAMPLES / "palace.jpg") as sample:
        photo = sample.convert("RGB").rotate(turn, Image.Resampling.BILINEAR)
        photo.resize(size, Image.Resampling.BICUBIC).save(path, quality=90)


def measure(photos: Path, *options: str) -> list[tuple[str, int, int]]:
    """Run the command on a folder in a process of its own.

    Returns:
        After so many photos, and at the "end": memory in use and its peak so far [MiB].
    """
    with tempfile.TemporaryDirectory() as out:
        line = [sys.executable, "-c", _WATCHED, "run", str(photos), "--out", f"{out}/depth"]
        talk = subprocess.run(
            [*line, "--model", "tiny", "--no-fsync", *options],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ).stdout
    found = re.findall(r"^(\d+|end) (\d+) (\d+)$", talk, re.MULTILINE)
    return [(when, int(used), int(peak)) for when, used, peak in found]


def main(count: int) -> None:
    """Print a line for each mode, and one for many photos."""
    with tempfile.TemporaryDirectory() as name:
        big, small = Path(name, "big"), Path(name, "small")
        big.mkdir()
        small.mkdir()
        make_photo(big / "photo.jpg", BIG)
        for mode, options in MODES.items():
            print(f"200 MP, {mode}: peak {measure(big, *options)[-1][2]} MiB", flush=True)
        for index in range(count):
            make_photo(small / f"{index:04}.jpg", SMALL, turn=index)
        notes = measure(small, "--fast", "--resolution", "64")
        first, last = next(note for note in notes if int(note[0]) >= count // 10), notes[-1]
        print(f"{count} photos: peak {first[2]} MiB after {first[0]}, {last[2]} MiB at the end")


if __name__ == "__main__":
    print(platform.processor() or platform.machine())
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
