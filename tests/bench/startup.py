"""How long it takes until something happens: help, a first plan, a run with nothing to do.

Usage: python startup.py [REPEATS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring import MARIGOLD, machine, make_photos, middle, take, take_anew


def main(repeats: int) -> None:
    """Print a line for each command: median wall-clock and processor time, most memory."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        photos, out = Path(name) / "photos", Path(name) / "out"
        make_photos(photos, 1, (640, 480))
        run = [*MARIGOLD, "run", str(photos), "--out", str(out), "--model", "tiny", "--fast"]
        commands = {
            "--help": [*MARIGOLD, "--help"],
            "doctor": [*MARIGOLD, "doctor"],
            "run --dry-run": [*run, "--dry-run"],
            "run, one photo": run,
        }
        for what, command in commands.items():
            report(what, [take_anew(command, out) for _ in range(repeats)])
        report("run, nothing to do", [take(run) for _ in range(repeats)])


def report(what: str, takes: list) -> None:
    """Print a line of the table."""
    took = middle(takes)
    print(
        f"{what:20} {took.wall_s:6.2f} s, {took.cpu_s:6.2f} s of processors, "
        f"{took.peak_bytes / 1e6:5.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
