"""A run over many photos, from the plan to the summary.

What stands in the folder is true at every moment: a photo's record follows its files, and nothing
is recorded that is not durable.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from marigold_cli.batch.folder import Workplace, has_leftovers, occupied
from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.outcome import Outcome
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.progress import (
    Event,
    JobFailed,
    Observer,
    PlanMade,
    RunEnded,
    Warned,
)
from marigold_cli.batch.shift import Crew, DeadWorkerError, Shift
from marigold_cli.batch.signals import Stop, tidy
from marigold_cli.batch.summary import Summary
from marigold_cli.batch.versions import changes
from marigold_cli.errors import DeviceError, Kind, MarigoldError

_PATIENCE = 3  # times that workers may die in a row without having come any further

_logger = logging.getLogger(__name__)


def run_batch(
    plan: Plan,
    options: RunOptions,
    crew: Crew,
    observer: Observer,
    replan: Callable[[], Plan] | None = None,
) -> Summary:
    """Do what a plan says.

    Args:
        plan: What is to be done.
        options: What was asked.
        crew: Does it; asked only if there is something to compute.
        observer: Hears every event.
        replan: Makes the plan again when a worker died, for the same run to go on.

    Raises:
        RefusedError: another run is at work in the folder, or bound it to other settings meanwhile.
        MarigoldError: the model could not be loaded, or the folder cannot be written.
    """
    began, tell = time.monotonic(), _Announcer(observer)
    stop = Stop(options.policy.grace_s, options.policy.max_time_s)
    outcome = Outcome(plan, options.policy, stop)
    _announce(plan, tell)
    is_news = plan.is_news or plan.past.exit_code not in (None, outcome.exit_code)
    if is_news or has_leftovers(options.out):
        with tidy(), occupied(options.out, options.policy.fsync, plan.party) as place:
            if is_news:
                outcome = _run(outcome, place, crew, tell, replan)
    if stop.is_late and not outcome.done:
        tell(Warned("no photo was finished in time; give more --max-time or --grace"))
    summary = _summarise(outcome, time.monotonic() - began)
    tell(RunEnded(summary))
    return summary


def _run(
    outcome: Outcome,
    place: Workplace,
    crew: Crew,
    tell: _Announcer,
    replan: Callable[[], Plan] | None,
) -> Outcome:
    """Have the jobs done, again and again as long as workers die and something comes of it."""
    patience = _PATIENCE
    while True:
        try:
            _go(outcome, place, crew, tell)
        except DeadWorkerError as death:
            before, plan = outcome.plan, replan() if replan else outcome.plan
            has_come_on = (plan.jobs, plan.past.crashes) != (before.jobs, before.past.crashes)
            patience = _PATIENCE if has_come_on else patience - 1
            if not patience:
                raise DeviceError(f"{death}; {_PATIENCE} times without any progress") from death
            tell(Warned(f"{death}; what was finished is safe"))
            outcome = replace(outcome, plan=plan, done=0, failed={})
            _announce(plan, tell)
        else:
            return outcome


def _go(outcome: Outcome, place: Workplace, crew: Crew, tell: _Announcer) -> None:
    counted = partial(tell, first=outcome)
    shift = Shift(outcome.plan, outcome.policy, place, outcome.stop, outcome, counted)
    if outcome.plan.jobs and not outcome.stop.is_asked:
        crew.work(shift)
    else:
        with shift.recorded("none"):
            pass
    if outcome.error is not None and not isinstance(outcome.error, MarigoldError):
        raise outcome.error


def _announce(plan: Plan, tell: Callable[[Event], None]) -> None:
    tell(PlanMade(plan))
    for warning in _warnings(plan):
        tell(Warned(warning))
    for folder in plan.unread:
        tell(JobFailed(folder.name, folder.kind, folder.message))


def _warnings(plan: Plan) -> list[str]:
    warnings = [f"{one.name}: {one.message}" for one in plan.passed_over if one.kind == Kind.CRASH]
    warnings += [
        f"{extra.count(number)} left out; to read them: {extra.command}"
        for extra, number in plan.left_out.items()
    ]
    if plan.past.bad_lines:
        warnings.append(
            f"torn or damaged lines in the journal: {plan.past.bad_lines}; "
            "what only they knew is computed again"
        )
    changed = changes(plan.past.versions)
    if changed and plan.jobs and plan.skipped:
        warnings.append(
            f"versions changed since the last run ({', '.join(changed)}); "
            "new depth maps may differ a little from the old ones, --overwrite makes all alike"
        )
    return warnings


def _summarise(outcome: Outcome, seconds: float) -> Summary:
    plan, stop = outcome.plan, outcome.stop
    return Summary(
        done=outcome.done + plan.finished,
        skipped=len(plan.skipped),
        failed=outcome.failures,
        seconds=seconds,
        stopped=outcome.is_short,
        exit_code=outcome.exit_code,
        signal=stop.signal,
        error=None if outcome.error is None else str(outcome.error),
        predict_s=outcome.predict_s,
        remaining=outcome.remaining,
        left_out={extra.name: number for extra, number in plan.left_out.items()},
    )


class _Announcer:
    """Passes events on, one at a time; an observer that fails costs the display, not the run."""

    def __init__(self, observer: Observer) -> None:
        self._observer: Observer | None = observer
        self._lock = threading.Lock()

    def __call__(self, event: Event, first: Outcome | None = None) -> None:
        """Tell of an event; what counts the jobs of this shift hears of it first."""
        with self._lock:
            if first:
                first.observe(event)
            if self._observer is None:
                return
            try:
                self._observer.observe(event)
            except Exception:
                self._observer = None
                _logger.exception("the display failed; the run goes on")
