"""Which pictures are seen when: a pure function of the seed and of the place in the training.

A batch is cut into slots, one a picture, counted over passes and processes; so of one source the
same pictures with the same random numbers make an update, however it is divided. Of several, whose
pictures may be of several sizes, each pass draws one: then an update depends on its passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marigold_cli.training.noise import LEVELS

_ROUNDS = 4  # of the Feistel network; three already look random (Luby and Rackoff 1988)
_LANES = (1 << 63) - 1


@dataclass(frozen=True)
class Division:
    """How an update is divided among passes and processes.

    Attributes:
        batch: Pictures in one pass of one process.
        accumulate: Passes of each process.
        processes: Number of them.
        rank: Which of them this is.
    """

    batch: int
    accumulate: int = 1
    processes: int = 1
    rank: int = 0

    @property
    def passes(self) -> int:
        """Passes of all processes that make one update."""
        return self.accumulate * self.processes

    @property
    def pictures(self) -> int:
        """Pictures that make one update."""
        return self.batch * self.passes

    def owns(self, number: int) -> bool:
        """Whether a file that all processes need is this one's to make.

        By its number alone: so each has one maker, whatever is there when a process looks.
        """
        return number % self.processes == self.rank


@dataclass(frozen=True)
class Lot:
    """The pictures of one pass.

    Attributes:
        source: Which source they come from.
        indices: Which of its pictures.
        seeds: Of all that is random about each.
        shared: In [0, 1), the same for all pictures of the update.
    """

    source: int
    indices: tuple[int, ...]
    seeds: tuple[int, ...]
    shared: tuple[float, ...]


class Order:
    """The lots of a whole training, in order."""

    def __init__(
        self, counts: Sequence[int], weights: Sequence[float], division: Division, seed: int
    ) -> None:
        """Take the mix.

        Args:
            counts: Pictures of each source.
            weights: Share of passes that draw from each; they need not add up to 1.
            division: Who sees what.
            seed: Another seed, another order.
        """
        self._counts, self._division, self._seed = counts, division, seed
        self._bounds = np.cumsum(weights) / np.sum(weights)

    def lots(self, first: int, last: int) -> Iterator[Lot]:
        """This process's lots for updates [first, last), `accumulate` of them for each."""
        division = self._division
        sources, places = self._draw_sources(last * division.passes)
        for update in range(first, last):
            shared = draw_uniform(LEVELS, self._seed, "update", update)
            for index in range(division.accumulate):
                lane = index * division.processes + division.rank
                one = update * division.passes + lane
                slots = range(lane * division.batch, (lane + 1) * division.batch)
                seeds = tuple(mix(self._seed, "picture", update, slot) for slot in slots)
                yield Lot(int(sources[one]), self._pick(sources[one], places[one]), seeds, shared)

    def _draw_sources(self, passes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each pass its source, and how many passes that source had before."""
        draws = np.random.default_rng(mix(self._seed, "sources")).random(passes)
        sources = np.searchsorted(self._bounds, draws, side="right").clip(max=len(self._counts) - 1)
        places = np.empty(passes, np.int64)
        for source in range(len(self._counts)):
            chosen = sources == source
            places[chosen] = np.arange(int(chosen.sum()))
        return sources, places

    def _pick(self, source: int, place: int) -> tuple[int, ...]:
        """The pictures of a source's pass: shuffled anew whenever it has shown them all."""
        count, batch = self._counts[source], self._division.batch
        positions = (divmod(int(place) * batch + i, count) for i in range(batch))
        keys = ((at, mix(self._seed, "epoch", int(source), epoch)) for epoch, at in positions)
        return tuple(shuffled(at, count, key) for at, key in keys)


def shuffled(place: int, count: int, key: int) -> int:
    """What a shuffle of 0 .. count - 1 has at a place, without shuffling.

    A Feistel network permutes a power of four, and is walked until it comes back below count
    (Black and Rogaway 2002): an endless source has too many pictures for a list.
    """
    half = max(1, (count - 1).bit_length() + 1 >> 1)
    mask = (1 << half) - 1
    while True:
        left, right = place >> half, place & mask
        for step in range(_ROUNDS):
            left, right = right, left ^ (mix(key, step, right) & mask)
        place = left << half | right
        if place < count:
            return place


def mix(*words: int | str) -> int:
    """A number of 63 bits that depends on all words, the same on every machine."""
    digest = hashlib.blake2b(repr(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") & _LANES


def draw_uniform(count: int, *words: int | str) -> tuple[float, ...]:
    """Numbers in [0, 1) that depend on all words."""
    return tuple(np.random.default_rng(mix(*words)).random(count).tolist())
