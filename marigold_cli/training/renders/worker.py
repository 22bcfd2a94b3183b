"""One composing process: python -m marigold_cli.training.renders.worker FOLDER STOP SEED..."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from marigold_cli.errors import ExitCode, OutputError
from marigold_cli.training.renders.keeper import Limits, note_seed, resident
from marigold_cli.training.renders.limits import TookTooLongError, at_most
from marigold_cli.training.renders.pictures import Entry, PictureFolder
from marigold_cli.training.renders.plan import plan

_LOG = logging.getLogger(__name__)

_PATIENCE = 240.0  # of processor time for one scene [s]


def main(arguments: Sequence[str]) -> int:
    """Compose these seeds; leave early, between scenes, when too much memory is held.

    Returns:
        The exit code, which tells the keeper of a full disk: that is no seed's fault.
    """
    keeper = os.getppid()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Blender tells of every tenth of a picture there
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    for noisy in ("infinigen", "matplotlib", "trimesh", "PIL"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    from marigold_cli.training.renders.compose import compose_scene

    folder, stop = PictureFolder(Path(arguments[0])), Path(arguments[1])

    def compose(seed: int) -> list[Entry]:
        return compose_scene(plan(seed), folder, stop)

    try:
        work_through(_noted(folder, map(int, arguments[2:]), keeper), compose, folder, stop)
    except OutputError as error:
        _LOG.error("%s", error)
        return ExitCode.OUTPUT
    return ExitCode.OK


def work_through(
    seeds: Iterable[int],
    compose: Callable[[int], list[Entry]],
    folder: PictureFolder,
    stop: Path,
) -> None:
    """Compose scene after scene and record their pictures; a seed that fails is skipped by name.

    Args:
        seeds: In this order.
        compose: Writes the pictures of a seed; none if it was stopped, or no view is worth one.
        folder: Where they are recorded.
        stop: A file whose appearance ends the work.

    Raises:
        OutputError: The folder takes no more files, which is no seed's fault.
    """
    for seed in seeds:
        if stop.exists():
            return
        if fault := _attempt(seed, compose, folder, stop):
            folder.skip(seed, fault)


def _attempt(
    seed: int, compose: Callable[[int], list[Entry]], folder: PictureFolder, stop: Path
) -> str | None:
    """Compose and record a scene; why there never will be a picture of it, or None."""
    try:
        with at_most(_PATIENCE):
            entries = compose(seed)
    except TookTooLongError:
        return "slow"
    except OutputError:
        raise
    except Exception as error:
        _LOG.exception("seed %d", seed)
        folder.demand_room()  # Blender, which writes there too, has other words for a full disk
        return f"{type(error).__name__}: {error}"[:200]
    if entries:
        folder.record(entries)
        return None
    return None if stop.exists() else "no view"


def _noted(folder: PictureFolder, seeds: Iterator[int], keeper: int) -> Iterator[int]:
    """The seeds one by one, each noted for the keeper first, as long as there is one."""
    for seed in seeds:
        if resident() > 0.75 * Limits().memory or os.getppid() != keeper:
            return
        note_seed(folder, seed)
        yield seed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
