"""What came of a plan's jobs so far, and when so much failed that there is no sense in going on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.options import Policy
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.progress import Event, FromWorker, JobDone, JobFailed
from marigold_cli.batch.signals import Stop
from marigold_cli.errors import ExitCode, Kind

_HOPELESS = 20  # if so many photos fail for one reason before any is done, the run is broken
_CAUSES: dict[str, ExitCode] = {  # what breaks a whole run rather than single photos
    Kind.MISSING: ExitCode.NO_INPUT,
    Kind.PERMISSION: ExitCode.NO_INPUT,
    Kind.IO: ExitCode.NO_INPUT,
    Kind.MEMORY: ExitCode.DEVICE,
    Kind.NOT_FINITE: ExitCode.MODEL,
    Kind.CONSTANT: ExitCode.MODEL,
    Kind.ERROR: ExitCode.BUG,
}


@dataclass
class Outcome:
    """What came of a plan's jobs so far, folded from the events of those who do them.

    Attributes:
        plan: What is to be done.
        policy: How many failures are borne.
        stop: Is asked when there are more.
        done: Photos computed.
        predict_s: Time that their prediction took [s].
        failed: Photos that failed, by name.
        error: What ended the run.
        given_up: What the run ends with because too much failed.
    """

    plan: Plan
    policy: Policy
    stop: Stop
    done: int = 0
    failed: dict[str, Failure] = field(default_factory=dict)
    error: Exception | None = None
    given_up: ExitCode | None = None
    predict_s: float = 0.0

    def __post_init__(self) -> None:
        """Judge what had failed before a worker died and the run began once more."""
        self._judge()

    @property
    def remaining(self) -> int:
        """Jobs that have not come to an end."""
        return max(0, len(self.plan.jobs) - self.done - len(self.failed))

    @property
    def is_short(self) -> bool:
        """Whether jobs are left undone."""
        return self.remaining > 0

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Photos without a valid output, those passed over too, and folders that were not read."""
        return (*self.plan.unread, *self.plan.passed_over, *self.failed.values())

    @property
    def exit_code(self) -> ExitCode:
        """What the run ends with if this is all."""
        if self.error is not None:
            return getattr(self.error, "exit_code", ExitCode.BUG)
        if self.given_up is not None:
            return self.given_up
        if self.is_short or self.stop.signal is not None:
            return ExitCode.STOPPED
        failed = len(self.failures)
        total = failed + self.done + self.plan.finished + len(self.plan.skipped)
        return ExitCode.OK if self.policy.tolerates(failed, total) else ExitCode.PARTIAL

    def observe(self, event: Event) -> None:
        """Count what came to an end; for one thread at a time."""
        match event:
            case FromWorker(_, told):
                self.observe(told)
            case JobDone():
                self.done += 1
                self.predict_s += event.predict_s
            case JobFailed(name, kind, message):
                self.failed[name] = Failure(name, kind, message)
                self._judge()

    def break_off(self, error: Exception) -> None:
        """End the run for what is no single photo's fault."""
        self.error = self.error or error
        self.stop.ask(str(error))

    def _judge(self) -> None:
        """Give up when too much failed, or everything from the beginning and for one reason."""
        if self.policy.max_failures is not None:
            if self._count >= self.policy.max_failures:
                self.given_up = ExitCode.PARTIAL
        elif not (self.done or self.plan.skipped or self.plan.finished):
            kinds = [one.kind for one in self.failed.values() if one.name in self._first_tries]
            if len(kinds) >= _HOPELESS and len(set(kinds)) == 1:
                self.given_up = _CAUSES.get(kinds[0])
        if self.given_up is not None:
            noun = "photo" if self._count == 1 else "photos"
            self.stop.ask(f"{self._count} {noun} failed")

    @property
    def _count(self) -> int:
        """Photos that failed in this run, also before a worker of it died."""
        return self.plan.failed + len(self.failed)

    @cached_property
    def _first_tries(self) -> frozenset[str]:
        return frozenset(job.ref.name for job in self.plan.jobs if job.attempt == 1)
