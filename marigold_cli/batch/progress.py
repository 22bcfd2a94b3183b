"""What a run tells while it goes on, and the tally that a display is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from marigold_cli.batch.plan import Plan
from marigold_cli.batch.summary import Summary

_WINDOW = 64  # samples that the rate looks back on


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
    reason: str = ""  # why this device and this number format
    seconds: float = 0.0  # loading took so long


@dataclass(frozen=True)
class JobStarted:
    """A photo is decoded and its prediction begins."""

    name: str


@dataclass(frozen=True)
class StepDone:
    """The photos in hand have come one step further, `step` of `steps` over all members."""

    names: tuple[str, ...]
    step: int
    steps: int


@dataclass(frozen=True)
class JobDone:
    """A photo's outputs are durable and recorded."""

    name: str
    seconds: float
    outputs: tuple[str, ...]


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
    | JobDone
    | JobFailed
    | Warned
    | StopAsked
    | StatusAsked
    | FromWorker
    | RunEnded
)


class Observer(Protocol):
    """Is told what happens. Calls come from several threads, but never two at a time."""

    def observe(self, event: Event) -> None:
        """Take note of one event, quickly; what it raises is logged and ends its service."""


@dataclass(frozen=True)
class Tally:
    """Counts, rate and remaining time of a run, folded from its events.

    Attributes:
        total: Photos that this run should compute.
        in_hand: Photos that are begun and not yet finished, each with the share that is done.
        step: Step of the photos in hand.
        steps: Steps of the photos in hand over all members.
        samples: (time [s], photos' worth of work done), the latest ones.
        crew: The same of each worker by itself, where there are several.
    """

    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    in_hand: dict[str, float] = field(default_factory=dict)
    step: int = 0
    steps: int = 0
    samples: tuple[tuple[float, float], ...] = ()
    crew: dict[int, Tally] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """Photos of this run that need no more work."""
        return self.done + self.failed

    @property
    def work(self) -> float:
        """Photos' worth of work done, those in hand counted by their steps."""
        return self.finished + sum(self.in_hand.values())

    @property
    def rate(self) -> float | None:
        """Photos per second over the recent past; None: not known yet."""
        if not self.samples:
            return None
        (start, before), (end, after) = self.samples[0], self.samples[-1]
        return (after - before) / (end - start) if end > start and after > before else None

    @property
    def eta(self) -> float | None:
        """Remaining time [s] at the recent rate; None: not known yet."""
        rate = self.rate
        return None if rate is None else max(0.0, self.total - self.work) / rate

    def after(self, event: Event, now: float) -> Tally:
        """The tally after one more event.

        Args:
            event: What happened.
            now: When, on a clock that never goes back [s].
        """
        match event:
            case PlanMade(plan):
                total = len(plan.jobs) + len(plan.unread)  # the latter are about to fail
                done = plan.finished  # by the same run, before it was started again
                return Tally(total=total + done, done=done, skipped=len(plan.skipped))
            case FromWorker(worker, told):
                own = self.crew.get(worker, Tally()).after(told, now)
                return replace(self.after(told, now), crew={**self.crew, worker: own})
            case ModelLoaded():
                return self._sampled(now)
            case JobStarted(name):
                return replace(self, in_hand={**self.in_hand, name: 0.0})
            case StepDone(names, step, steps):
                share = dict.fromkeys(names, step / steps)
                known = {**self.in_hand, **share}
                return replace(self, in_hand=known, step=step, steps=steps)._sampled(now)
            case JobDone(name):
                return replace(self._without(name), done=self.done + 1)._sampled(now)
            case JobFailed(name):
                return replace(self._without(name), failed=self.failed + 1)._sampled(now)
            case _:
                return self

    def _without(self, name: str) -> Tally:
        rest = {other: share for other, share in self.in_hand.items() if other != name}
        return replace(self, in_hand=rest)

    def _sampled(self, now: float) -> Tally:
        return replace(self, samples=(*self.samples, (now, self.work))[-_WINDOW:])
