"""What a run tells while it goes on; tally.py adds it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from marigold_cli.batch.plan import Plan
from marigold_cli.batch.summary import Summary


@dataclass(frozen=True)
class PlanMade:
    """The work is known."""

    plan: Plan


@dataclass(frozen=True)
class ModelLoaded:
    """The predictor is ready."""

    name: str
    device: str
    dtype: str
    reason: str = ""  # why this device and this precision
    seconds: float = 0.0  # loading took so long


@dataclass(frozen=True)
class JobStarted:
    """A photo is decoded and its prediction begins, or that of some of its members.

    Attributes:
        name: The photo.
        part: First member, the one behind the last, and how many it has in all; empty: all.
    """

    name: str
    part: tuple[int, ...] = ()


@dataclass(frozen=True)
class StepDone:
    """The photos in hand have come one step further, `step` of `steps` over all members.

    Where it is about some members of a photo, `part` says as in `JobStarted` which.
    """

    names: tuple[str, ...]
    step: int
    steps: int
    part: tuple[int, ...] = ()


@dataclass(frozen=True)
class PartDone:
    """Some members of a photo are made; others may still be missing.

    Attributes:
        name: The photo.
        part: As in `JobStarted`.
        is_wanted: False where the photo has failed meanwhile.
    """

    name: str
    part: tuple[int, ...]
    is_wanted: bool = True


@dataclass(frozen=True)
class JobDone:
    """A photo's outputs are durable and recorded.

    Attributes:
        name: The photo.
        seconds: Time spent on it, decoding left out [s].
        outputs: Paths of its files.
        predict_s: Time of its prediction alone [s].
    """

    name: str
    seconds: float
    outputs: tuple[str, ...]
    predict_s: float = 0.0


@dataclass(frozen=True)
class JobFailed:
    """A photo failed and is recorded so; the others go on."""

    name: str
    kind: str
    message: str


@dataclass(frozen=True)
class Warned:
    """Something a user should know that stops nothing."""

    message: str


@dataclass(frozen=True)
class StopAsked:
    """A stop was asked for; photos in flight may still finish.

    Attributes:
        reason: A signal's name, or in words: the time limit, too many failures, what broke the run.
    """

    reason: str


@dataclass(frozen=True)
class StatusAsked:
    """The user sent USR1 and wants to know how far the run is."""


@dataclass(frozen=True)
class FromWorker:
    """What one of several workers tells."""

    worker: int
    event: Event


@dataclass(frozen=True)
class RunEnded:
    """The last event of every run."""

    summary: Summary


Event: TypeAlias = (
    PlanMade
    | ModelLoaded
    | JobStarted
    | StepDone
    | PartDone
    | JobDone
    | JobFailed
    | Warned
    | StopAsked
    | StatusAsked
    | FromWorker
    | RunEnded
)


class Teller(Protocol):
    """Tells a user what is being done before there are events."""

    def stage(self, text: str) -> None:
        """Say what is being done now, for instance "looking for photos"."""

    def note(self, text: str) -> None:
        """Say what a user should know in any case but a quiet one."""


class Observer(Protocol):
    """Is told what happens. Calls come from several threads, but never two at a time."""

    def observe(self, event: Event) -> None:
        """Take note of one event, quickly; what it raises is logged and ends its service."""
