"""Photos that go through the network together: consecutive ones of equal shape, up to a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass

from marigold_cli.batch.plan import Job
from marigold_cli.batch.stages import Loaded

_COPIES = 2  # of a photo's pixels while they are turned and converted


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


@dataclass
class Gauge:
    """Guesses the memory that photos take while they are decoded, by those decoded before them.

    None is believed to need more than half of the budget, so that there is always one more in the
    making while one is predicted.

    Attributes:
        budget: For all that wait or are in the making [bytes].
    """

    budget: int
    _swelling: float = 0.0  # bytes in memory for one of a file, at most so far; 0: unknown

    def learn(self, loaded: Loaded) -> None:
        """Take account of a photo that was decoded."""
        swelling = _COPIES * weigh_loaded(loaded) / max(1, loaded.origin.size)
        self._swelling = max(self._swelling, swelling)

    def guess(self, job: Job | Pause) -> float:
        """What a photo will take [bytes]."""
        if isinstance(job, Pause):
            return 0.0
        half = self.budget / 2
        return min(half, job.size * self._swelling or half)


def _belongs(loaded: Loaded | Pause, group: list[Loaded]) -> bool:
    """Whether a photo may go through the network with those of a group."""
    if isinstance(loaded, Pause):
        return False
    return group[0].photo.pixels.shape == loaded.photo.pixels.shape
