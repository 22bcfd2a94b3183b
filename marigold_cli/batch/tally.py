"""The tally that a display is drawn from: counts, rate and remaining time, folded from events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from marigold_cli.batch.progress import (
    Event,
    FromWorker,
    JobDone,
    JobFailed,
    JobStarted,
    ModelLoaded,
    PartDone,
    PlanMade,
    StepDone,
)

_WINDOW = 64  # samples that the rate looks back on


@dataclass(frozen=True)
class Tally:
    """Counts, rate and remaining time of a run, folded from its events.

    Attributes:
        total: Photos that this run should compute.
        in_hand: Photos, or parts of them, that are begun and not yet finished, each with the share
            of the photo that is done.
        parts: The share of photos that other members were made of.
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
    parts: dict[str, float] = field(default_factory=dict)
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
        return self.finished + sum(self.in_hand.values()) + sum(self.parts.values())

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
            case JobStarted(name, part):
                return replace(self, in_hand={**self.in_hand, _label(name, part): 0.0})
            case StepDone():
                return self._advanced(event)._sampled(now)
            case PartDone():
                return self._put_down(event)._sampled(now)
            case JobDone() | JobFailed():
                return self._ended(event)._sampled(now)
            case _:
                return self

    def _advanced(self, event: StepDone) -> Tally:
        share = event.step / event.steps * _share(event.part)
        advanced = dict.fromkeys((_label(name, event.part) for name in event.names), share)
        in_hand = {**self.in_hand, **advanced}
        return replace(self, in_hand=in_hand, step=event.step, steps=event.steps)

    def _put_down(self, event: PartDone) -> Tally:
        parts = self.parts
        if event.is_wanted:
            made = parts.get(event.name, 0.0) + _share(event.part)
            parts = {**parts, event.name: made}
        return replace(self._without(_label(event.name, event.part)), parts=parts)

    def _ended(self, event: JobDone | JobFailed) -> Tally:
        rest = self._without(event.name)
        if isinstance(event, JobDone):
            return replace(rest, done=self.done + 1)
        return replace(rest, failed=self.failed + 1)

    def _without(self, name: str) -> Tally:
        in_hand = {other: share for other, share in self.in_hand.items() if other != name}
        parts = {other: share for other, share in self.parts.items() if other != name}
        return replace(self, in_hand=in_hand, parts=parts)

    def _sampled(self, now: float) -> Tally:
        return replace(self, samples=(*self.samples, (now, self.work))[-_WINDOW:])


def _label(name: str, part: tuple[int, ...]) -> str:
    """Return a photo's name, or "a.jpg: members 4 to 6"."""
    return f"{name}: members {part[0] + 1} to {part[1]}" if part else name


def _share(part: tuple[int, ...]) -> float:
    """Return how much of a photo's work a part is."""
    return (part[1] - part[0]) / part[2] if part else 1.0
