"""Photos in the making, where several workers make the members of one: files, and counts of them.

OUT/.marigold/parts/PHOTO/FIRST-STOP    some members, below a line that says of what they are

Whoever makes the last members of a photo merges all. Nobody waits: that is told by a counter. A
file that was torn, or is of other settings, of another photo or of other members, is not used, for
its first line is not the one that is looked for. So what a killed worker has made is not lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marigold_cli.batch.claims import Store
from marigold_cli.batch.folder import HIDDEN, Workplace
from marigold_cli.batch.plan import Job, Part, parts_of
from marigold_cli.batch.predictor import EnsemblePredictor, Predictor
from marigold_cli.batch.shard import in_file_name
from marigold_cli.batch.stages import Loaded, Origin, Predicted
from marigold_cli.depth import Floats
from marigold_cli.errors import ImageError, Kind, UsageError
from marigold_cli.files.atomic import write_durably
from marigold_cli.files.disk import read_plain
from marigold_cli.files.npy import decode_npy, encode_npy
from marigold_cli.inference.options import Recipe


def check_split(recipe: Recipe, model: str) -> None:
    """See that there are members which several workers can make.

    Raises:
        UsageError: there is but one, or they are merged tile by tile.
    """
    if recipe.ensemble < 2:
        raise UsageError(
            f"--split ensemble shares the members of a photo, and {model} is to predict one; "
            "add --ensemble 10 if it can, or leave out --split"
        )
    if recipe.tile is not None:
        raise UsageError(
            "--split ensemble cannot be had with --tile, which merges members tile by tile; "
            "leave out one of them"
        )


class Missing:
    """Other members of a photo are still to come."""


@dataclass(frozen=True)
class Parts:
    """What the workers of a run know of each other's members.

    Attributes:
        place: The output folder.
        store: Where they count.
        run: Under this name.
        fingerprint: Of the settings.
        shard: The run's shard; other shards have photos in the making as well.
    """

    place: Workplace
    store: Store
    run: str
    fingerprint: str
    shard: str = ""

    def make(
        self,
        loaded: Loaded,
        part: Part,
        predictor: Predictor,
        on_step: Callable[[int, int], None],
    ) -> Predicted | Missing:
        """Make some members of a photo, and merge all if these were the last ones missing.

        Raises:
            ImageError: The network or the memory failed, or the photo changed meanwhile.
        """
        assert isinstance(predictor, EnsemblePredictor)
        origin, began = loaded.origin, time.monotonic()
        if self.find(origin, part) is None:
            chosen = range(part.first, part.stop)
            members = predictor.predict_members(loaded.photo, chosen, part.batch, on_step)
            self.put(origin, part, members)
        seconds = self.count(origin.job, part, time.monotonic() - began)
        if seconds is None:
            return Missing()
        depth = predictor.merge(loaded.photo, self.gather(origin, part))
        return Predicted(origin, depth, 1, seconds)

    def find(self, origin: Origin, part: Part) -> Floats | None:
        """Members [N, C, PH, PW] that are made already; None: they are not."""
        try:
            data = read_plain(self.place.root / self._path(origin.job, part))
        except FileNotFoundError:
            return None
        title, _, content = data.partition(b"\n")
        if title != self._title(origin, part, content):
            return None
        return decode_npy(content)

    def put(self, origin: Origin, part: Part, members: Floats) -> None:
        """Lay members [N, C, PH, PW] down for whoever merges them."""
        content = encode_npy(members)
        data = self._title(origin, part, content) + b"\n" + content
        files = [(self._path(origin.job, part), data)]
        write_durably(self.place.root, files, self.place.temporary, self.place.fsync)

    def gather(self, origin: Origin, part: Part) -> Floats:
        """All members [E, C, PH, PW] of a photo, in their order.

        Raises:
            ImageError: "changed", some are of another photo under the same name.
        """
        members = [self.find(origin, other) for other in parts_of(part.of, part.batch)]
        found = [some for some in members if some is not None]
        if len(found) < len(members):
            raise ImageError(Kind.CHANGED, f"{origin.job.ref.path}: changed while it was computed")
        return np.concatenate(found)

    def count(self, job: Job, part: Part, seconds: float) -> float | None:
        """Say that a part is made; returns the time [s] that all took, to whom they are complete.

        Args:
            job: Of the photo.
            part: What was made, and laid down before.
            seconds: What it took [s].
        """
        took = self.store.add(f"{self._key(job)}/ms", round(seconds * 1000))
        made = self.store.add(f"{self._key(job)}/made", part.size)
        return took / 1000 if made == part.of else None

    def fail(self, job: Job) -> bool:
        """Say that a photo failed; whether nobody had said so before."""
        return self.store.add(f"{self._key(job)}/failed", 1) == 1

    def has_failed(self, job: Job) -> bool:
        """Whether a photo has failed, so that no further members are wanted."""
        return self.store.add(f"{self._key(job)}/failed", 0) > 0

    def discard(self, job: Job) -> None:
        """Remove a photo's members: it is done, or failed."""
        shutil.rmtree(self.place.root / self._folder(job), ignore_errors=True)

    def _title(self, origin: Origin, part: Part, content: bytes) -> bytes:
        facts = {
            "fp": self.fingerprint,
            "photo": origin.digest,
            "members": [part.first, part.stop, part.of],
            "batch": part.batch,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return json.dumps(facts).encode()

    def _path(self, job: Job, part: Part) -> str:
        return f"{self._folder(job)}/{part}"

    def _folder(self, job: Job) -> str:
        return f"{HIDDEN}/{_room(self.shard)}/{_word(job)}"

    def _key(self, job: Job) -> str:
        return f"{self.run}/parts/{_word(job)}"


def clear(root: Path, shard: str) -> None:
    """Remove what is in the making in a folder, or in a shard of it: nobody is at work on it."""
    for room in (root / HIDDEN).glob(_room(shard) if shard else "parts*"):
        shutil.rmtree(room, ignore_errors=True)


def _word(job: Job) -> str:
    """A photo's name in 16 digits: as it is, it may be too long, or no text."""
    return hashlib.sha256(os.fsencode(job.ref.name)).hexdigest()[:16]


def _room(shard: str) -> str:
    return f"parts-{in_file_name(shard)}" if shard else "parts"
