"""What the head of a run and its workers say to each other, as lines of JSON in a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from marigold_cli.batch.progress import (
    Event,
    JobDone,
    JobFailed,
    JobStarted,
    ModelLoaded,
    PartDone,
    StepDone,
    Warned,
)

TALK = "talk"  # the queue of what workers say: number, name of the run, word
OVER = "over"  # is there when nobody is needed any more


@dataclass(frozen=True)
class Arrived:
    """A worker is ready.

    Attributes:
        token: Made up by it; its orders are laid down under this name.
        worker: Its number in the run.
        device: What it computes with.
        units: Members of photos that go through its network together.
    """

    token: str
    worker: int
    device: str
    units: int = 1


@dataclass(frozen=True)
class Orders:
    """What the head answers.

    Attributes:
        run: Made up by it; what they share from now on has this name.
        jobs: Length of the list of photos.
        workers: So many share it.
        fingerprint: Of the settings, which must be the worker's own too.
        shard: The run's shard; empty: all photos.
        party: The words that open the folder.
        at: No record of the worker may be older [s since 1970].
    """

    run: str
    jobs: int
    workers: int
    fingerprint: str
    shard: str
    party: str
    at: float


@dataclass(frozen=True)
class Alive:
    """A worker is at work, though there is nothing to tell."""


@dataclass(frozen=True)
class Left:
    """A worker has come to its end, in order.

    Attributes:
        code: Exit code of what broke it; 0: nothing.
        message: The same in words, or what stopped it; empty: there was nothing left to do.
    """

    code: int = 0
    message: str = ""


Word: TypeAlias = Arrived | Orders | Alive | Left | Event

_KINDS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (
        *(Arrived, Orders, Alive, Left),
        *(ModelLoaded, JobStarted, StepDone, PartDone, JobDone, JobFailed, Warned),
    )
}


def to_text(word: Word) -> str:
    """One line of JSON."""
    return json.dumps({"word": type(word).__name__, **asdict(word)})


def from_text(text: bytes) -> Any:
    """What was said."""
    fields = json.loads(text)
    kind = _KINDS[fields.pop("word")]
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return kind(**{**fields, **lists})
