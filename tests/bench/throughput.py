"""Whole commands against the plain loop, pair by pair in one run.

Usage: python throughput.py [PAIRS]

Fast mode on twenty 12-megapixel JPEGs, and 50 steps x 10 members on four photos; both write
float32 npy and colour with the same checkpoint. Prints time and most memory of each run, their
ratio, and how busy marigold kept the network. The loop computes in float32; marigold does so too,
and once more in what it chooses by itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from measuring import MARIGOLD, Took, machine, make_photos, take_anew

from marigold_cli.checkpoints.cpu import choose_cpu_dtype
from marigold_cli.checkpoints.resolve import EMBEDDED

HERE = Path(__file__).resolve().parent


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
    Mode("fast, 12 MP", 20, (4000, 3000), ("--fast",), 1, 1),
    Mode("50 x 10", 4, (768, 576), ("--steps", "50", "--ensemble", "10"), 50, 10),
)
DTYPES = dict.fromkeys(("float32", choose_cpu_dtype()))  # each once


@dataclass
class Bench:
    """Photos of a mode, and what is done with them."""

    mode: Mode
    folder: Path

    def loop(self) -> Took:
        """The plain loop."""
        mode, photos, out = self.mode, self.folder / "photos", self.folder / "out"
        script = [sys.executable, str(HERE / "plain_loop.py"), str(EMBEDDED["tiny"])]
        return take_anew([*script, str(photos), str(out), str(mode.steps), str(mode.ensemble)], out)

    def ours(self, dtype: str) -> tuple[Took, float]:
        """The tool, and the share of its time after loading in which it predicted."""
        photos, out, log = (self.folder / name for name in ("photos", "out", "log.jsonl"))
        log.unlink(missing_ok=True)
        run = [*MARIGOLD, "run", str(photos), "--out", str(out), "--model", "tiny"]
        more = ["--device", "cpu", "--dtype", dtype, "--log-json", str(log)]
        return take_anew([*run, *self.mode.options, *more], out), busy(log)


def busy(log: Path) -> float:
    """Share of a run's time that is prediction, from the model being loaded on."""
    events = {event["event"]: event for event in map(json.loads, log.read_text().splitlines())}
    ended = events["RunEnded"]
    return float(ended["predict_s"] / (ended["seconds"] - events["ModelLoaded"]["seconds"]))


def compare(mode: Mode, pairs: int) -> None:
    """Run the loop and the tool in turn and print a line for each."""
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(mode, Path(name))
        make_photos(bench.folder / "photos", mode.photos, mode.size)
        ratios: dict[str, list[float]] = {dtype: [] for dtype in DTYPES}
        for pair in range(1, pairs + 1):
            theirs = bench.loop()
            tell(f"{mode.name}, pair {pair}, loop", theirs, mode.photos)
            for dtype in DTYPES:
                ours, share = bench.ours(dtype)
                ratios[dtype].append(theirs.wall_s / ours.wall_s)
                tell(f"{mode.name}, pair {pair}, marigold in {dtype}", ours, mode.photos)
                print(
                    f"    ratio {ratios[dtype][-1]:.2f} ({theirs.cpu_s / ours.cpu_s:.2f} of the "
                    f"processors' time), network busy {share:.0%} of the time after loading",
                    flush=True,
                )
        for dtype, found in ratios.items():
            print(f"{mode.name}: median ratio {median(found):.2f} in {dtype}")


def tell(what: str, took: Took, photos: int) -> None:
    """Print what a whole process took."""
    print(
        f"{what}: {took.wall_s:.1f} s, {photos / took.wall_s:.2f} photos/s, "
        f"{took.cpu_s:.1f} s of processors, {took.peak_bytes / 1e6:.0f} MB at most",
        flush=True,
    )


if __name__ == "__main__":
    print(machine())
    for mode in MODES:
        compare(mode, int(sys.argv[1]) if len(sys.argv) > 1 else 3)
