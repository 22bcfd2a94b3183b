"""The head of a run of several workers: lets them in, hears what they do, passes on a stop.

It only ever asks the store for what is there already, so that nobody waits for one that is slow or
dead. A worker is a voice in the store: where it runs is not known here.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from marigold_cli.batch.beside import beside
from marigold_cli.batch.claims import Store, cut, publish
from marigold_cli.batch.journal import Journal
from marigold_cli.batch.plan import Job
from marigold_cli.batch.progress import FromWorker
from marigold_cli.batch.shift import DeadWorkerError, Shift
from marigold_cli.batch.wire import OVER, TALK, Alive, Arrived, Left, Orders, from_text, to_text
from marigold_cli.errors import DeviceError, ExitCode, MarigoldError

_PAUSE_S = 0.05
_SILENCE_S = 180.0  # a worker that says nothing for so long is dead [s]


@dataclass
class Head:
    """Leads the workers of one run.

    Attributes:
        store: What they talk through.
        size: So many are expected.
        run: The name of what they share.
    """

    store: Store
    size: int
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _orders: Orders | None = None
    _waiting: list[Arrived] = field(default_factory=list)
    _hired: set[int] = field(default_factory=set)  # who was given orders
    _gone: dict[int, str] = field(default_factory=dict)  # who left in order, and their last words
    _spoke: dict[int, float] = field(default_factory=dict)  # when each did so last [s]
    _has_told_stop: bool = False

    def await_first(self, shift: Shift, end: Callable[[], Exception | None]) -> Arrived:
        """Return who is the first to be ready.

        Args:
            shift: Hears what the workers tell.
            end: Tells whether they have ended, and how; raised when they have no more to say.

        Raises:
            MarigoldError: a worker could not make itself ready.
        """
        while not self._waiting:
            self._attend_or_end(shift, end)
            if isinstance(shift.outcome.error, MarigoldError):
                raise shift.outcome.error
        return self._waiting[0]

    def order(self, shift: Shift, journal: Journal, units: int) -> Orders:
        """Write down what is to be done; who arrives gets it from now on.

        Args:
            shift: Has the plan.
            journal: Tells the time.
            units: Members of photos that go through a worker's network together. Fewer do where
                an ensemble would not give every worker a batch.
        """
        jobs: Sequence[Job] = shift.plan.jobs
        if shift.policy.split == "ensemble":
            ensemble = shift.plan.settings.recipe.ensemble
            jobs = cut(jobs, ensemble, min(units, -(-ensemble // self.size)))
        self._orders = Orders(
            run=self.run,
            jobs=publish(self.store, self.run, jobs),
            workers=self.size,
            fingerprint=shift.plan.fingerprint,
            shard=shift.plan.shard,
            party=shift.place.party or "",
            at=journal.now(),
        )
        return self._orders

    def attend(self, shift: Shift) -> bool:
        """Hear what has been said, answer who has arrived; returns whether anything was said."""
        number = self.store.queue_len(TALK)
        for _ in range(number):
            self._hear(self.store.queue_pop(TALK, False), shift)
        while self._orders and self._waiting:
            ready = self._waiting.pop()
            self._hired.add(ready.worker)
            self.store.set(f"orders/{ready.token}", to_text(self._orders))
        if shift.stop.is_asked and not self._has_told_stop:
            self._has_told_stop = True
            self.store.set(f"{self.run}/stop", str(shift.stop.reason))
        return number > 0

    def see_out(self, shift: Shift, end: Callable[[], Exception | None]) -> None:
        """Attend until all have left, or the time to stop in is over; `end` as in `await_first`.

        Who has not arrived when all is done is waited for no longer: it may never come.

        Raises:
            DeadWorkerError: one was stopped, but not by the head, and left photos undone.
        """
        while self._is_awaited(shift) and shift.stop.grace != 0:
            self._attend_or_end(shift, end)
        if shift.outcome.is_short and not shift.stop.is_asked:
            told = [words for _, words in sorted(self._gone.items()) if words]
            raise DeadWorkerError("; ".join(told) or "workers left photos undone")

    def dismiss(self, worker: int) -> None:
        """Expect no more of a worker, which the head can see for itself."""
        self._gone[worker] = ""

    def close(self) -> None:
        """Send home who arrives from now on: all is done, or there was nothing to do."""
        with contextlib.suppress(RuntimeError):  # a store that is gone sends them home itself
            self.store.set(OVER, "")

    @contextlib.contextmanager
    def attending(self, shift: Shift) -> Iterator[None]:
        """Attend in a thread, while this process works as well."""

        def attend(over: threading.Event) -> None:
            try:
                while not over.is_set():
                    if not self.attend(shift):
                        over.wait(_PAUSE_S)
            except RuntimeError as error:  # of the store
                shift.outcome.break_off(DeviceError(f"the workers' store is gone: {error}"))
            except Exception as error:  # with nobody to hear the workers, the run would never end
                shift.outcome.break_off(error)

        with beside("head", attend):
            yield

    def find_silent(self) -> Exception | None:
        """Tell of a worker that has not spoken lately: nobody else notices a lost machine."""
        limit = time.monotonic() - _SILENCE_S
        for worker, at in self._spoke.items():
            if at < limit and worker not in self._gone:
                return DeviceError(f"worker {worker} was not heard of for {_SILENCE_S:.0f} s")
        return None

    def find_at_work(self) -> tuple[int, ...]:
        """Tell who was given orders and has not left in order: at work still, or dead."""
        return tuple(sorted(self._hired - self._gone.keys()))

    def _is_awaited(self, shift: Shift) -> bool:
        """Whether there is a worker to be seen out."""
        if shift.outcome.is_short:
            return len(self._gone) < self.size
        return bool(self._waiting or self.find_at_work())

    def _attend_or_end(self, shift: Shift, end: Callable[[], Exception | None]) -> None:
        error = end()  # asked first, so that nothing is said after it
        if not self.attend(shift):
            if error:
                raise error
            time.sleep(_PAUSE_S)

    def _hear(self, line: bytes, shift: Shift) -> None:
        number, run, text = line.split(b" ", 2)
        worker, word = int(number), from_text(text)
        if run.decode() not in ("", self.run):
            return  # of a run before this one, in the same store
        self._spoke[worker] = time.monotonic()
        match word:
            case Arrived():
                self._waiting.append(word)
            case Left(code, message):
                self._gone[worker] = message
                if code:
                    shift.outcome.break_off(_error(code, message))
            case Alive():
                pass
            case _:
                shift.tell(FromWorker(worker, word))


def _error(code: int, message: str) -> MarigoldError:
    """What broke a worker, as if it had happened here."""
    error = MarigoldError(message)
    error.exit_code = ExitCode(code)
    return error
