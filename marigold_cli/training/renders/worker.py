"""One composing process: python -m marigold_cli.training.renders.worker FOLDER STOP SEED..."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from marigold_cli.training.renders.keeper import Limits, note_seed, resident
from marigold_cli.training.renders.pictures import PictureFolder


def main(arguments: Sequence[str]) -> None:
    """Compose these seeds; leave early, between scenes, when too much memory is held."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Blender tells of every tenth of a picture there
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    for noisy in ("infinigen", "matplotlib", "trimesh", "PIL"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    from marigold_cli.training.renders.compose import compose_scenes

    folder, stop = PictureFolder(Path(arguments[0])), Path(arguments[1])
    compose_scenes(_noted(folder, map(int, arguments[2:])), folder, stop)


def _noted(folder: PictureFolder, seeds: Iterator[int]) -> Iterator[int]:
    """The seeds one by one, each noted for the keeper first, as long as there is one."""
    keeper = os.getppid()
    for seed in seeds:
        if resident() > 0.75 * Limits().memory or os.getppid() != keeper:
            return
        note_seed(folder, seed)
        yield seed


if __name__ == "__main__":
    main(sys.argv[1:])
