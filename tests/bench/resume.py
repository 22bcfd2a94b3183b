"""What it takes to see that a large folder is finished: time, memory, bytes of photos read.

Usage: python resume.py [PHOTOS]

So many photos (10,000) lie there, 1,000 to a folder, with results and the journal of a run.
`marigold run` is started over them again; it has nothing to do, and should need no photo's bytes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

from measuring import MARIGOLD, machine, take

from marigold_cli.batch.folder import bind, occupied
from marigold_cli.batch.journal import JOURNAL, Journal
from marigold_cli.batch.options import OutputOptions
from marigold_cli.batch.plan import outputs_for
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.batch.runs import End, Run
from marigold_cli.batch.settings import fingerprint, make_settings
from marigold_cli.batch.versions import versions
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.cli import main as marigold
from marigold_cli.files.discover import ImageRef
from marigold_cli.inference.options import PredictOptions

CONTENT = b"not a picture: whoever decodes it fails\n"
OLD_NS = 1_700_000_000_000_000_000  # a file's time that is old enough to be trusted


def lay_out(root: Path, count: int) -> None:
    """Make the photos, their results, and the journal that binds them."""
    card = resolve("tiny")
    settings = make_settings(
        card, card.decide(PredictOptions(fast=True)), OutputOptions(), "float32", None
    )
    mark, digest = fingerprint(settings), hashlib.sha256(CONTENT).hexdigest()
    photos, out = root / "photos", root / "out"
    with occupied(out, False, None) as place, Journal(out / JOURNAL, fsync=False) as journal:
        bind(place, settings, False)
        journal.append(Run(mark, count, versions()))
        for number in range(count):
            name = f"day{number // 1000:02}/{number:06}.jpg"
            photo = photos / name
            put(photo)
            files = [one.path for one in outputs_for(ImageRef(photo, name), settings)]
            for file in files:
                put(out / file)
            outputs = tuple(OutputFile(file, len(CONTENT), digest) for file in files)
            journal.append(
                Done(name, len(CONTENT), OLD_NS, digest, mark, 0, 1, 0.1, outputs, str(photo))
            )
        journal.append(End(0, done=count))


def put(path: Path) -> None:
    """Write a file whose time is long past."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    os.utime(path, ns=(OLD_NS, OLD_NS))


def count_opened(arguments: list[str]) -> int:
    """How many photos a command opens; it runs in this process, whose every opening is heard."""
    opened: list[str] = []

    def hear(event: str, facts: tuple[object, ...]) -> None:
        if event == "open" and str(facts[0]).endswith(".jpg"):
            opened.append(str(facts[0]))

    sys.addaudithook(hear)
    marigold(arguments)
    return len(opened)


def main(count: int) -> None:
    """Print what the second start over a finished folder takes."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        began = time.perf_counter()
        lay_out(root, count)
        print(
            f"{count:,} photos, results and records laid out in {time.perf_counter() - began:.0f} s"
        )
        again = [
            *("run", str(root / "photos"), "--out", str(root / "out")),
            *("--model", "tiny", "--fast", "--dtype", "float32", "--quiet"),
        ]
        nothing, took = take([*MARIGOLD, "run", "--help"]), take([*MARIGOLD, *again])
        print(
            f"resume: {took.wall_s:.2f} s ({took.cpu_s:.2f} s of processors), of it "
            f"{nothing.wall_s:.2f} s for any command; {took.peak_bytes / 1e6:.0f} MB at most"
        )
        print(f"photos opened: {count_opened(again)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
