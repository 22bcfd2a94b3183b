"""What the bookkeeping of many workers costs: claims, journal lines, and reading them again.

Usage: python claims.py [FOLDER]

FOLDER is where journals are written, so that its disk is measured; unset: a temporary one.
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from marigold_cli.batch.claims import Shared, publish
from marigold_cli.batch.journal import Journal, fold
from marigold_cli.batch.options import OutputOptions
from marigold_cli.batch.plan import Job
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.batch.settings import Settings, make_settings
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.files.discover import ImageRef
from marigold_cli.inference.options import PredictOptions

JOBS = 100_000
CLAIMS = 20_000  # of each claimer
LINES = 100_000
SYNCED = 500


def settings() -> Settings:
    """What an ordinary run writes."""
    card = resolve("tiny")
    return make_settings(card, card.decide(PredictOptions()), OutputOptions(), "float32", None)


def job(number: int) -> Job:
    """A photo on a shared drive."""
    name = f"day{number // 1000:03}/IMG_{number:07}.JPG"
    ref = ImageRef(Path("/mnt/photos/survey") / name, name)
    return Job(ref, (), "new", size=8_000_000 + number, mtime_ns=1_700_000_000_000_000_000)


def done(number: int) -> Done:
    """The record of a photo with two outputs."""
    ref = job(number).ref
    outputs = tuple(
        OutputFile(f"{ref.stem}{ending}", 48_000_128, "0" * 64)
        for ending in ("_depth.npy", "_color.png")
    )
    return Done(ref.name, 8_000_000, 1, "1" * 64, "f" * 16, 0, 1, 0.5, outputs, str(ref.path))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def claim(port: int, start: float, rates: multiprocessing.SimpleQueue[float]) -> None:
    """Claim in a process of its own, from a moment on that is the same for all."""
    from torch.distributed import TCPStore

    claims = Shared(TCPStore("127.0.0.1", port, is_master=False), "run", settings(), JOBS, 8)
    time.sleep(max(0.0, start - time.time()))
    rates.put(CLAIMS / seconds(lambda: [claims.take() for _ in range(CLAIMS)]))


def measure_claims(claimers: int, port: int) -> float:
    """Claims per second of all claimers together."""
    start = time.time() + 15  # importing torch takes so long on a busy machine
    context = multiprocessing.get_context("spawn")
    rates = context.SimpleQueue()
    processes = [context.Process(target=claim, args=(port, start, rates)) for _ in range(claimers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return sum(rates.get() for _ in processes)


def tell(what: str, number: float, unit: str) -> None:
    """Print a line of the table."""
    print(f"| {what} | {number:,.0f} {unit} |", flush=True)


def main(folder: Path) -> None:
    """Print the table."""
    from torch.distributed import TCPStore

    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n\n| | |\n|---|---|"
    )
    server = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    jobs = [job(number) for number in range(JOBS)]
    tell("jobs laid down for workers", JOBS / seconds(lambda: publish(server, "run", jobs)), "/s")
    for claimers in (1, 2, 4):
        server.set("run/next", "0")
        tell(f"claims, {claimers} claimers", measure_claims(claimers, server.port), "/s")
    with Journal(folder / "journal.jsonl", fsync=False) as journal:
        took = seconds(lambda: [journal.append(done(number)) for number in range(LINES)])
    tell("journal lines without fsync", LINES / took, "/s")
    tell("bytes of a line", (folder / "journal.jsonl").stat().st_size / LINES, "B")
    with Journal(folder / "journal-2.jsonl") as journal:
        took = seconds(lambda: [journal.append(done(number)) for number in range(SYNCED)])
    tell("journal lines, each with fsync", SYNCED / took, "/s")
    tell("lines read again at a start", LINES / seconds(lambda: fold(folder)), "/s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))
