"""Photos that go through the network together: consecutive ones of equal shape, up to a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from marigold_cli.batch.stages import Loaded


class Pause:
    """What stands in the way of photos until those before it are predicted."""


def grouped(
    photos: Generator[Loaded | Pause | None, None, None], limit: Callable[[Loaded], int]
) -> Generator[list[Loaded], None, None]:
    """Put photos together; a pause lets go what is there.

    Args:
        photos: As they are decoded; None: one that failed. Closed with this.
        limit: How many may go with the last one; asked anew each time, for memory may shrink it.
    """
    group: list[Loaded] = []
    with contextlib.closing(photos):
        for loaded in photos:
            if loaded is None:
                continue
            if group and not _belongs(loaded, group):
                yield group
                group = []
            if isinstance(loaded, Pause):
                continue
            group.append(loaded)
            if len(group) >= limit(loaded):
                yield group
                group = []
    if group:
        yield group


def weigh_loaded(loaded: Loaded | Pause | None) -> int:
    """Memory of a photo that waits [bytes]."""
    return loaded.photo.pixels.nbytes if isinstance(loaded, Loaded) else 0


def _belongs(loaded: Loaded | Pause, group: list[Loaded]) -> bool:
    """Whether a photo may go through the network with those of a group."""
    if isinstance(loaded, Pause):
        return False
    return group[0].photo.pixels.shape == loaded.photo.pixels.shape
