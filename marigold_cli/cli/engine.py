"""Torch's elastic engine: started under it (torchrun, accelerate launch), or starting it ourselves.

Under it this process is one of several workers, and the first of them leads. It must not end with
an error because of a photo: the engine would end all the others, and start them again in vain.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from marigold_cli.batch.shift import DeadWorkerError
from marigold_cli.errors import DeviceError, ExitCode

if TYPE_CHECKING:
    from marigold_cli.batch.claims import Store

_HERE = "127.0.0.1"
_POLL_S = 0.25
_FAREWELL_S = 10.0  # workers that have nothing to do any more end within it, or are killed [s]
_LENIENT = (ExitCode.OK, ExitCode.PARTIAL, ExitCode.STOPPED)


@dataclass(frozen=True)
class Rank:
    """The place of this process among several.

    Attributes:
        number: Its own, from 0.
        size: So many there are.
        local: Its number on this machine.
        attempt: How often the engine has started them again.
        neighbours: So many there are on this machine, with itself.
    """

    number: int
    size: int
    local: int
    attempt: int = 0
    neighbours: int = 1

    def soften(self, code: int) -> int:
        """What the process may end with: the engine takes every other code for a crash."""
        return 0 if code in _LENIENT else code


def read_rank(environment: Mapping[str, str]) -> Rank | None:
    """The place that an engine gave this process; None: it was started by nobody of the kind."""
    if not {"MASTER_ADDR", "MASTER_PORT"} <= environment.keys():
        return None  # a scheduler may number processes that have no store to meet in
    try:
        number, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        local = int(environment.get("LOCAL_RANK", number))
        attempt = int(environment.get("TORCHELASTIC_RESTART_COUNT", 0))
        return Rank(number, size, local, attempt, int(environment.get("LOCAL_WORLD_SIZE", size)))
    except (KeyError, ValueError):
        return None


def open_store(rank: Rank) -> tuple[Store, str]:
    """Connect to the engine's rendezvous store.

    Returns:
        The store, and a name that stays the same when the engine starts all again.
    """
    _hush()
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://", rank.number, rank.size))
    name = store.compare_set("marigold/run", "", secrets.token_hex(8)).decode()
    return _room(store, rank.attempt), name


class Agent:
    """An engine of our own: it starts a worker for each device and ends all when one dies.

    It works in a thread of its own, where it leaves signals alone.

    Attributes:
        store: What the workers talk through.
    """

    def __init__(
        self,
        work: Callable[..., object],
        arguments: tuple[object, ...],
        workers: int,
        temporary: Path,
    ) -> None:
        _hush()
        from torch.distributed import TCPStore  # type: ignore[attr-defined]
        from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
        from torch.distributed.launcher.api import LaunchConfig, elastic_launch

        # Opened here, for a store of its own making could be reached from other machines.
        door = socket.create_server((_HERE, 0))
        # The engine shares it, as it would have made one of its own at this place.
        server = TCPStore(
            _HERE,
            door.getsockname()[1],
            is_master=True,
            wait_for_workers=False,
            multi_tenant=True,
            master_listen_fd=door.detach(),
        )
        self.store = _room(server, attempt=0)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=workers,
            run_id=secrets.token_hex(8),
            rdzv_backend="static",
            rdzv_endpoint=f"{_HERE}:{server.port}",
            rdzv_configs={"rank": 0},
            max_restarts=0,  # a new plan comes first
            logs_specs=DefaultLogsSpecs(str(temporary / "engine")),
        )
        self._launch = partial(elastic_launch(config, work), *arguments)
        self._death: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def __enter__(self) -> Agent:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """See that no worker outlives this."""
        if kind is None:
            self._thread.join(_FAREWELL_S)
        if self._thread.is_alive():
            for process in multiprocessing.active_children():
                process.kill()
            self._thread.join(_FAREWELL_S)

    def find_dead(self) -> Exception | None:
        """Tell what ended the workers; None: they are there."""
        return None if self._thread.is_alive() else _explain(self._death)

    def _run(self) -> None:
        try:
            self._launch()
        except Exception as error:
            self._death = error


@contextlib.contextmanager
def bound_to_parent() -> Iterator[None]:
    """In the block, end with the process that started this one: a store would wait for minutes."""
    over, parent = threading.Event(), multiprocessing.parent_process()

    def watch() -> None:
        while parent and not over.wait(_POLL_S):
            if not parent.is_alive():
                os._exit(ExitCode.STOPPED)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _room(store: Any, attempt: int) -> Store:
    """The part of a store that the workers of one attempt have for themselves."""
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]

    return cast("Store", PrefixStore(f"marigold/{attempt}", store))


def share_cores(workers: int, unsaid: str = "") -> None:
    """Give a worker on the CPU its share of the cores, unless the user said otherwise.

    Args:
        workers: So many there are on this machine.
        unsaid: What OMP_NUM_THREADS is when the user said nothing; empty: it is not set.
    """
    if os.environ.get("OMP_NUM_THREADS", unsaid) != unsaid:
        return
    import torch

    torch.set_num_threads(max(1, _cores() // workers))


def share_cores_of_engine(workers: int) -> None:
    """The same where torchrun or accelerate launch has started the worker.

    They set OMP_NUM_THREADS to 1 where it is not set, and nobody can tell that from a user's own 1.
    It would leave most cores idle, so it counts as unsaid; a process may be given fewer cores by
    its affinity (taskset, SLURM).
    """
    share_cores(workers, unsaid="1")


def _cores() -> int:
    with contextlib.suppress(AttributeError):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _hush() -> None:
    """Keep what the engine logs of a worker's death to itself: we tell it in our own words."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False


def _explain(death: Exception | None) -> Exception:
    """Say what ended the workers, as far as is known."""
    for rank, failure in getattr(death, "failures", {}).items():
        code = failure.exitcode
        how = f"by {_name(-code)}" if code < 0 else f"with code {code}"
        return DeadWorkerError(f"worker {rank} was ended {how}")
    return DeviceError(f"the workers cannot be started: {death or 'they ended without a word'}")


def _name(number: int) -> str:
    """Return "SIGKILL"; real-time signals have no names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
