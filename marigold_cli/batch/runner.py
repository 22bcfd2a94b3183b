"""A run over many photos, from the plan to the summary.

The main thread predicts; decoding and writing go on beside it. What stands in the folder is true
at every moment: a photo's record follows its files, and nothing is recorded that is not durable.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import logging
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable

from marigold_cli.batch.folder import Workplace, bind, has_leftovers, occupied
from marigold_cli.batch.journal import JOURNAL, Journal
from marigold_cli.batch.options import Policy, RunOptions
from marigold_cli.batch.pipeline import Outcome, Pipeline
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.progress import (
    Event,
    JobFailed,
    ModelLoaded,
    Observer,
    PlanMade,
    RunEnded,
    StatusAsked,
    StopAsked,
    Warned,
)
from marigold_cli.batch.records import End, Run
from marigold_cli.batch.signals import Stop, listening
from marigold_cli.batch.summary import Summary
from marigold_cli.errors import DeviceError, ExitCode, Kind, MarigoldError

_COMPUTE = ("marigold-cli", "torch", "diffusers", "numpy", "pillow")  # versions worth recording

_logger = logging.getLogger(__name__)


def run_batch(
    plan: Plan,
    options: RunOptions,
    open_predictor: Callable[[], Predictor],
    observer: Observer,
) -> Summary:
    """Do what a plan says.

    The predictor is opened only if there is something to predict, and before the folder is bound:
    a model that cannot be loaded leaves no trace.

    Raises:
        RefusedError: another run is at work in the folder, or bound it to other settings meanwhile.
        MarigoldError: the predictor could not be opened, or the folder cannot be written.
    """
    began, tell = time.monotonic(), _Announcer(observer)
    tell(PlanMade(plan))
    for warning in _warnings(plan):
        tell(Warned(warning))
    for folder in plan.unread:
        tell(JobFailed(folder.name, folder.kind, folder.message))
    stop, outcome = Stop(options.policy.grace_s, options.policy.max_time_s), Outcome()
    if plan.is_news or has_leftovers(options.out):
        with occupied(options.out, options.policy.fsync) as place:
            if plan.is_news:
                outcome = _run(plan, options.policy, place, stop, open_predictor, tell)
    if stop.is_late and not outcome.done:
        tell(Warned("no photo was finished in time; give more --max-time or --grace"))
    summary = _summarise(plan, outcome, stop, options.policy, time.monotonic() - began)
    tell(RunEnded(summary))
    return summary


def _run(
    plan: Plan,
    policy: Policy,
    place: Workplace,
    stop: Stop,
    open_predictor: Callable[[], Predictor],
    tell: Callable[[Event], None],
) -> Outcome:
    predictor = _open(plan, open_predictor, tell) if plan.jobs else None
    with Journal(place.root / JOURNAL, place.fsync) as journal:
        _begin(plan, policy, place, journal, predictor)
        outcome = Outcome()
        if predictor is not None:
            pipeline = Pipeline(plan, policy, predictor, place, journal, stop, tell, outcome)
            _work(pipeline)
        end = End(
            code=int(_exit_code(plan, outcome, stop, policy)),
            done=outcome.done,
            skipped=len(plan.skipped),
            failed=len(outcome.failed_of(plan)),
            signal=stop.signal,
            unread=plan.unread,
        )
        with contextlib.suppress(MarigoldError):  # a full disk has no room for this line either
            journal.append(end)
    if outcome.error is not None and not isinstance(outcome.error, MarigoldError):
        raise outcome.error
    return outcome


def _work(pipeline: Pipeline) -> None:
    """Run the pipeline under the hand of signals."""

    def last_words() -> None:
        pipeline.journal.leave(End(code=int(ExitCode.STOPPED), signal=pipeline.stop.signal))
        shutil.rmtree(pipeline.place.temporary, ignore_errors=True)

    with listening(
        pipeline.stop,
        on_stop=lambda: pipeline.tell(StopAsked(str(pipeline.stop.reason))),
        on_status=lambda: pipeline.tell(StatusAsked()),
        on_abort=last_words,
    ):
        try:
            pipeline.run()
        except MarigoldError as error:
            pipeline.break_off(error)


def _open(
    plan: Plan, open_predictor: Callable[[], Predictor], tell: Callable[[Event], None]
) -> Predictor:
    began = time.monotonic()
    predictor = open_predictor()
    if predictor.dtype != plan.settings.dtype:  # a device came or went since the plan was made
        raise DeviceError(
            f"{predictor.device} computes in {predictor.dtype}, the plan was made for "
            f"{plan.settings.dtype}; run the same line again"
        )
    tell(
        ModelLoaded(
            name=predictor.name,
            device=predictor.device,
            dtype=predictor.dtype,
            reason=predictor.reason,
            seconds=time.monotonic() - began,
        )
    )
    return predictor


def _begin(
    plan: Plan, policy: Policy, place: Workplace, journal: Journal, predictor: Predictor | None
) -> None:
    """Write what must be durable before the first output is replaced."""
    about = {
        "host": platform.node(),
        "python": platform.python_version(),
        "device": f"{predictor.device} {predictor.dtype}" if predictor else "none",
        "command": " ".join(sys.argv),
    }
    settings = plan.settings.to_dict()
    mark = journal.note(Run(plan.fingerprint, len(plan.jobs), _versions(), settings, {**about}))
    for record in plan.records:
        mark = journal.note(record)
    journal.settle(mark)
    bind(place, plan.settings, policy.overwrite)


def _warnings(plan: Plan) -> list[str]:
    warnings = [f"{one.name}: {one.message}" for one in plan.passed_over if one.kind == Kind.CRASH]
    warnings += [
        f"{extra.count(number)} left out; to read them: {extra.command}"
        for extra, number in plan.left_out.items()
    ]
    if plan.bad_lines:
        warnings.append(
            f"{plan.bad_lines} lines of the journal are torn or damaged; "
            "what only they knew is computed again"
        )
    changed = [
        f"{name} {plan.versions[name]} -> {version}"
        for name, version in _versions().items()
        if plan.versions.get(name, version) != version
    ]
    if changed and plan.jobs and plan.skipped:
        warnings.append(
            f"versions changed since the last run ({', '.join(changed)}); "
            "new depth maps may differ a little from the old ones, --overwrite makes all alike"
        )
    return warnings


@functools.cache
def _versions() -> dict[str, str]:
    versions = {}
    for name in _COMPUTE:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _summarise(plan: Plan, outcome: Outcome, stop: Stop, policy: Policy, seconds: float) -> Summary:
    return Summary(
        done=outcome.done,
        skipped=len(plan.skipped),
        failed=outcome.failed_of(plan),
        seconds=seconds,
        stopped=outcome.is_short_of(plan),
        exit_code=_exit_code(plan, outcome, stop, policy),
        signal=stop.signal,
        error=None if outcome.error is None else str(outcome.error),
        left_out={extra.name: number for extra, number in plan.left_out.items()},
    )


def _exit_code(plan: Plan, outcome: Outcome, stop: Stop, policy: Policy) -> ExitCode:
    if outcome.error is not None:
        return getattr(outcome.error, "exit_code", ExitCode.BUG)
    if outcome.given_up is not None:
        return outcome.given_up
    if outcome.is_short_of(plan) or stop.signal is not None:
        return ExitCode.STOPPED
    failed = len(outcome.failed_of(plan))
    total = failed + outcome.done + len(plan.skipped)
    return ExitCode.OK if policy.tolerates(failed, total) else ExitCode.PARTIAL


class _Announcer:
    """Passes events on, one at a time; an observer that fails costs the display, not the run."""

    def __init__(self, observer: Observer) -> None:
        self._observer: Observer | None = observer
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if self._observer is None:
                return
            try:
                self._observer.observe(event)
            except Exception:
                self._observer = None
                _logger.exception("the display failed; the run goes on")
