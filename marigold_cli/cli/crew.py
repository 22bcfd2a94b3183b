"""Who does the work of `marigold run`: this process, workers that it starts, or those beside it."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from marigold_cli.batch.head import Head
from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.settings import Settings
from marigold_cli.batch.shift import Shift
from marigold_cli.batch.solo import Solo
from marigold_cli.batch.worker import Leader, take_part
from marigold_cli.cli.console import configure_logging, stderr_console
from marigold_cli.cli.devices import accelerators, check_devices
from marigold_cli.cli.engine import (
    Agent,
    Rank,
    bound_to_parent,
    open_store,
    read_rank,
    share_cores,
    share_cores_of_engine,
)
from marigold_cli.cli.workflow import Hire, choose, opener
from marigold_cli.errors import UsageError


@dataclass(frozen=True)
class Team:
    """Those who do the work of one run.

    Attributes:
        hire: Gives them, for what opens the model.
        name: Tells their run from others where it may begin once more because one of them died;
            empty: it never does.
    """

    hire: Hire = Solo
    name: str = ""


ALONE = Team()


def hire_here(asked: RunOptions) -> Team:
    """This process does the work itself, or starts a worker for each of several devices."""
    if len(asked.devices) < 2:
        if "ACCELERATE_MIXED_PRECISION" in os.environ:  # accelerate launch of one process
            _settle_threads(asked, 1)
        return ALONE
    check_devices(asked.devices)
    return Team(lambda _: Launcher(asked), secrets.token_hex(8))


@contextlib.contextmanager
def leading(asked: RunOptions, rank: Rank) -> Iterator[Team]:
    """An engine has started this process as the first of several workers."""
    _settle_threads(asked, rank.neighbours)
    store, name = open_store(rank)
    head = Head(store, rank.size)
    try:
        yield Team(partial(Leader, head), name)
    finally:
        head.close()


def follow(asked: RunOptions, rank: Rank) -> int:
    """An engine has started this process as another of several workers.

    Returns:
        What the process should end with.
    """
    _settle_threads(asked, rank.neighbours)
    store, _ = open_store(rank)
    stopped_by = take_part(store, rank.number, asked, partial(_choose, asked, {}))
    return 0 if stopped_by is None else 128 + stopped_by


def settle_device(asked: RunOptions, rank: Rank) -> RunOptions:
    """Give a worker that an engine has started the device of its number on this machine.

    Raises:
        UsageError: `--devices` was given too.
    """
    if asked.devices:
        raise UsageError(
            "--devices starts workers, and so does what has started this one; leave it out, or "
            "leave out torchrun or accelerate launch"
        )
    device = asked.model.device
    here = accelerators() if device == "auto" else ()
    if here:
        device = f"{here[0].partition(':')[0]}:{rank.local}"
    elif device in ("cuda", "xpu"):
        device = f"{device}:{rank.local}"
    return replace(asked, model=replace(asked.model, device=device))


def _settle_threads(asked: RunOptions, workers: int) -> None:
    """Give a worker that an engine has started its share of the cores, if it computes on them."""
    device = asked.model.device
    if device == "cpu" or (device == "auto" and not accelerators()):
        share_cores_of_engine(workers)


@dataclass(frozen=True)
class Launcher:
    """Starts a worker process for each device, and leads them without working itself."""

    asked: RunOptions

    def work(self, shift: Shift) -> None:
        """Do all jobs; the models are loaded first: one that cannot be leaves no trace."""
        number, told = len(self.asked.devices), (self.asked, shift.plan.past.units)
        with Agent(_work, told, number, shift.place.temporary) as agent:
            head = Head(agent.store, number)
            first = head.await_first(shift, agent.find_dead)
            with shift.recorded(f"{number} workers, the first on {first.device}") as journal:
                head.order(shift, journal, first.units)
                head.see_out(shift, agent.find_dead)
            head.close()


def _work(asked: RunOptions, units: Mapping[str, int]) -> None:
    """Be a worker in a process that a launcher has started."""
    for number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C comes to all; the launcher passes it on
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable()
    configure_logging(stderr_console(), -1)
    rank = read_rank(os.environ)
    assert rank
    asked = replace(asked, model=replace(asked.model, device=asked.devices[rank.local]))
    if asked.model.device == "cpu":
        share_cores(rank.size)
    with bound_to_parent():
        store, _ = open_store(rank)
    take_part(store, rank.number, asked, partial(_choose, asked, units))
    atexit.register(os._exit, 0)  # to take down the interpreter takes seconds and serves nobody


def _choose(
    asked: RunOptions, units: Mapping[str, int]
) -> tuple[Settings, Callable[[], Predictor]]:
    card, settings = choose(asked)
    return settings, opener(card, settings, asked, units)
