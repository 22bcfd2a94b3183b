"""A static part of the photos, for jobs that know nothing of each other but the output folder."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from marigold_cli.errors import UsageError
from marigold_cli.files.discover import ImageRef


@dataclass(frozen=True)
class Shard:
    """Part `index` of `count`, counted from 1. Which photos it has, their names alone decide.

    Attributes:
        index: From 1.
        count: So many there are.
        source: Where the numbers came from, for people.
    """

    index: int
    count: int
    source: str = field(default="--shard", compare=False)

    def takes(self, ref: ImageRef) -> bool:
        """Whether a photo is in it; photos that would share outputs are in the same one."""
        digest = hashlib.sha256(os.fsencode(ref.stem)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read "3/8".

    Raises:
        UsageError: it is something else, or there is no such part.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text}: say which part of how many, from 1/8 to 8/8")
    return Shard(int(match[1]), int(match[2]))


def choose_shard(text: str | None, environment: Mapping[str, str]) -> Shard | None:
    """The part that was asked for, or that of a SLURM array's task; None: all photos.

    Raises:
        UsageError: neither can be understood.
    """
    shard = parse_shard(text) if text is not None else shard_of_array(environment)
    return shard if shard and shard.count > 1 else None


def shard_of_array(environment: Mapping[str, str]) -> Shard | None:
    """The part of a task in a SLURM job array; None: this is none.

    Raises:
        UsageError: the tasks are not numbered evenly.
    """
    try:
        task, count = (int(environment[f"SLURM_ARRAY_TASK_{key}"]) for key in ("ID", "COUNT"))
        first = int(environment.get("SLURM_ARRAY_TASK_MIN", 0))
        step = int(environment.get("SLURM_ARRAY_TASK_STEP", 1))
    except (KeyError, ValueError):
        return None
    place, rest = divmod(task - first, max(1, step))
    if rest or not 0 <= place < count:
        raise UsageError(
            f"task {task} of a job array of {count} from {first} in steps of {step}: "
            "such an array has no even parts; say --shard I/N"
        )
    return Shard(place + 1, count, f"SLURM_ARRAY_TASK_ID={task} of an array of {count}")


def named(shard: Shard | None) -> str:
    """A shard as the journal has it; empty: all photos."""
    return "" if shard is None else str(shard)


def in_file_name(shard: str) -> str:
    """A named shard as a part of a file's name: "3of8"."""
    return shard.replace("/", "of")


def siblings(shard: str) -> list[str]:
    """All parts of the split that a named shard is of; the whole is its only part."""
    if not shard:
        return [""]
    count = int(shard.partition("/")[2])
    return [f"{index}/{count}" for index in range(1, count + 1)]
