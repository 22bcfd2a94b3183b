"""Fill a folder with rendered pictures and their depth, in an environment that has Blender."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from marigold_cli.errors import MarigoldError
from marigold_cli.training.renders.keeper import Limits, keep_composing
from marigold_cli.training.renders.pictures import PictureFolder


def main() -> None:
    """Parse the call and keep composing."""
    parser = argparse.ArgumentParser(prog="marigold_cli.training.renders", description=__doc__)
    parser.add_argument("folder", type=Path, help="what is filled; goes on where it stopped")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, help="number of seeds; without end by default")
    parser.add_argument("--stop", type=Path, help="a file that ends it; FOLDER/stop by default")
    parser.add_argument("--scenes", type=int, default=Limits.scenes, help="scenes a process")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _end)
    os.environ["OMP_NUM_THREADS"] = "1"
    stop = asked.stop or asked.folder / "stop"
    worker = [sys.executable, "-m", "marigold_cli.training.renders.worker"]
    command = [*worker, str(asked.folder), str(stop)]
    limits = Limits(scenes=asked.scenes)
    folder = PictureFolder(asked.folder)
    try:
        with suppress(KeyboardInterrupt):
            keep_composing(command, folder, stop, asked.first, asked.count, limits)
    except MarigoldError as error:
        parser.exit(error.exit_code, f"error: {error}\n")


def _end(number: int, frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that the worker ends too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
