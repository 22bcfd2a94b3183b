"""One of several workers: takes photos off the list that all share, and tells the head of the run.

A worker has its own journal and its own unfinished files, and waits for nobody.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from marigold_cli.batch.claims import Shared, Store
from marigold_cli.batch.fields import Json
from marigold_cli.batch.folder import occupied
from marigold_cli.batch.head import Head
from marigold_cli.batch.journal import Journal, journal_of
from marigold_cli.batch.link import Link
from marigold_cli.batch.opening import load_model
from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.outcome import Outcome
from marigold_cli.batch.parts import Parts
from marigold_cli.batch.pipeline import Pipeline
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.predictor import Predictor, tell_device, units_of
from marigold_cli.batch.progress import FromWorker
from marigold_cli.batch.runs import End, Run
from marigold_cli.batch.settings import Settings, fingerprint
from marigold_cli.batch.shift import DeadWorkerError, Shift
from marigold_cli.batch.signals import Stop, listening, tidy
from marigold_cli.batch.versions import versions
from marigold_cli.batch.watchdog import watched
from marigold_cli.batch.wire import Left, Orders
from marigold_cli.errors import DeviceError, ExitCode, MarigoldError, SettingsMismatchError

_GRACE_S = 25.0  # torch elastic kills who has not ended 30 s after it was told to

_logger = logging.getLogger(__name__)


def take_part(
    store: Store,
    worker: int,
    options: RunOptions,
    choose: Callable[[], tuple[Settings, Callable[[], Predictor]]],
) -> int | None:
    """Be one of the workers of a run that another process leads, until there is nothing to do.

    Args:
        store: What they talk through.
        worker: The number of this one.
        options: What was asked.
        choose: Tells what is wanted of every photo, and how to open the model for it. What goes
            wrong in it is told to the head of the run, as all that goes wrong.

    Returns:
        The signal that stopped it; None: there was none.
    """
    me = f"worker {worker} on {platform.node()}"
    link, stop = Link(store, worker), Stop(options.policy.grace_s)
    with link.open():
        try:
            settings, open_predictor = choose()
            predictor = load_model(open_predictor, settings, link.say)
            if orders := link.arrive(tell_device(predictor), units_of(predictor)):
                _check(orders, settings)
                plan = Plan((), (), (), settings, orders.fingerprint, shard=orders.shard)
                outcome = Outcome(plan, options.policy, stop)
                with tidy(), occupied(options.out, options.policy.fsync, orders.party) as place:
                    shift = Shift(plan, options.policy, place, stop, outcome, link.say)
                    with _recorded(shift, worker, orders) as own, _steered(shift, link, own):
                        _work(shift, predictor, store, orders, own)
                if outcome.error:
                    raise outcome.error
        except MarigoldError as error:
            link.say(Left(error.exit_code, f"{me}: {error}"))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            link.say(Left(ExitCode.BUG, f"a bug in marigold: {me}: {what}"))
            _logger.exception("worker %d", worker)
        else:
            link.say(Left(message=f"{me} was stopped: {stop.reason}" if stop.reason else ""))
    return stop.signal


@dataclass(frozen=True)
class Leader:
    """The first of several workers: works as the others do, and is the head of the run."""

    head: Head
    open_predictor: Callable[[], Predictor]

    def work(self, shift: Shift) -> None:
        """Do what the others leave, and see them out."""
        shift = replace(shift, find_at_work=self.head.find_at_work, hurry_s=_GRACE_S)
        mine = replace(shift, tell=lambda event: shift.tell(FromWorker(0, event)))
        predictor = load_model(self.open_predictor, shift.plan.settings, mine.tell)
        with shift.recorded(tell_device(predictor)) as journal:
            orders = self.head.order(shift, journal, units_of(predictor))
            with self.head.attending(shift), _recorded(mine, 0, orders) as own:
                try:
                    _work(mine, predictor, self.head.store, orders, own)
                except MarigoldError as error:
                    shift.outcome.break_off(error)
            self.head.dismiss(0)
            try:
                self.head.see_out(shift, self.head.find_silent)
            except DeadWorkerError as death:  # to end with an error has the engine begin again
                raise DeviceError(str(death)) from death


def _work(
    shift: Shift, predictor: Predictor, store: Store, orders: Orders, journal: Journal
) -> None:
    plan = shift.plan
    claims = Shared(store, orders.run, plan.settings, orders.jobs, orders.workers)
    parts = Parts(shift.place, store, orders.run, plan.fingerprint, plan.shard)
    with watched(shift) as mine:
        Pipeline(mine, predictor, claims, journal, parts).run()


@contextlib.contextmanager
def _recorded(shift: Shift, worker: int, orders: Orders) -> Iterator[Journal]:
    """Give a worker its own journal, with a record at both ends."""
    path = journal_of(shift.place.root, orders.shard, worker)
    about: dict[str, Json] = {"host": platform.node(), "pid": os.getpid()}
    begin = Run(orders.fingerprint, 0, versions(), {}, about, orders.shard, worker)
    with Journal(path, shift.place.fsync, orders.at) as journal:
        journal.append(begin)
        yield journal
        with contextlib.suppress(MarigoldError):  # a full disk has no room for this line either
            journal.append(End(int(ExitCode.OK), signal=shift.stop.signal))


@contextlib.contextmanager
def _steered(shift: Shift, link: Link, journal: Journal) -> Iterator[None]:
    """Put the block under the hand of signals and of the head, which tells of both."""
    last_words = partial(shift.bid_farewell, journal)
    with (
        link.heeding(shift.stop, last_words),
        listening(shift.stop, _keep_quiet, _keep_quiet, last_words, _GRACE_S),
    ):
        yield


def _keep_quiet() -> None:
    """Leave it to the head to tell."""


def _check(orders: Orders, settings: Settings) -> None:
    if orders.fingerprint != fingerprint(settings):
        raise SettingsMismatchError(
            f"{platform.node()}: the model or the settings here are not those of the run; "
            "see that all machines have the same model and precision (--dtype)"
        )
