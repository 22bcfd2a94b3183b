"""One loop for every protocol: it reads, learns, writes down, and stops when asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from accelerate import Accelerator

from marigold_cli.batch.signals import Stop
from marigold_cli.training.curve import Curve
from marigold_cli.training.learner import Learner, Outcome
from marigold_cli.training.options import Pace, Upkeep
from marigold_cli.training.progress import Advance, Observer
from marigold_cli.training.reader import Reader
from marigold_cli.training.samples import Samples
from marigold_cli.training.sheets import draw_sheet, write_sheet
from marigold_cli.training.state import save_state
from marigold_cli.training.validation import Validation, judge


@dataclass(frozen=True)
class Desk:
    """What a training writes down, and where.

    Attributes:
        out: Folder of curve.csv, validation.csv, sheets/ and state/.
        upkeep: When.
        shown: Pictures of the sheets.
        binding: What must be the same when it goes on.
        seconds: Time that earlier runs took [s].
    """

    out: Path
    upkeep: Upkeep
    shown: Samples
    binding: dict[str, str]
    seconds: float = 0.0


def train(
    accelerator: Accelerator,
    learner: Learner,
    reader: Reader,
    pace: Pace,
    desk: Desk,
    stop: Stop,
    observer: Observer,
) -> bool:
    """Learn until the last update or until asked to stop; the state is saved then.

    Returns:
        Whether the last update is done.
    """
    keeper = _Keeper(accelerator, learner, desk)
    samples = pace.batch * pace.accumulate * accelerator.num_processes
    with keeper, reader.batches(learner.update, pace.updates) as batches:
        while learner.update < pace.updates:
            passes = islice(batches, pace.accumulate)
            outcome = learner.advance(passes, lambda: stop.is_asked)
            seconds = keeper.write(outcome, samples)
            observer.advance(
                Advance(
                    learner.update,
                    pace.updates,
                    outcome.loss,
                    outcome.rate,
                    samples,
                    seconds,
                    keeper.scores,
                )
            )
            if outcome.is_stop_asked:
                break
        keeper.save()
    return learner.update >= pace.updates


class _Keeper:
    """Writes curve, sheets, scores and state; on the main process only, while the others wait.

    Attributes:
        scores: Of the last sheet, in words; empty before the first.
    """

    def __init__(self, accelerator: Accelerator, learner: Learner, desk: Desk) -> None:
        self._accelerator, self._learner, self._desk = accelerator, learner, desk
        self._start = time.monotonic()
        self._saved: int | None = None
        self.scores = ""
        path = desk.out / "curve.csv"
        self._curve = Curve(path, learner.update) if accelerator.is_main_process else None
        self._validation = Validation(desk.out / "validation.csv", learner.update)

    def write(self, outcome: Outcome, samples: int) -> float:
        """Write down an update; returns the time since this run began [s]."""
        update, upkeep = self._learner.update, self._desk.upkeep
        seconds = time.monotonic() - self._start
        if self._curve:
            total = self._desk.seconds + seconds
            self._curve.add(update, outcome.loss, outcome.rate, update * samples, total)
        is_drawn = upkeep.sheet_every > 0 and update % upkeep.sheet_every == 0
        # The first drawing of a run may fail, for want of memory for one; what was learned is
        # safe by then, so that the next run gets further.
        if update % upkeep.save_every == 0 or (is_drawn and self._saved is None):
            self.save()
        if is_drawn:
            self._on_main(self._draw)
        return seconds

    def save(self) -> None:
        """Save the state, unless this very one is saved."""
        if self._saved != self._learner.update:
            self._on_main(self._save)
            self._saved = self._learner.update

    def _save(self) -> None:
        assert self._curve
        self._curve.sync()
        seconds = self._desk.seconds + time.monotonic() - self._start
        facts = self._learner.facts(seconds, self._desk.binding)
        save_state(state_folder(self._desk.out), self._learner.tensors(), facts)

    def _draw(self) -> None:
        protocol, shown = self._learner.protocol, self._desk.shown
        with self._learner.average.worn_by(protocol.network):
            predicted = protocol.predict(shown)
        path = self._desk.out / "sheets" / f"{self._learner.update:06d}.png"
        write_sheet(draw_sheet(shown, predicted), path)
        scores = judge(shown, predicted)
        self._validation.add(self._learner.update, scores)
        self.scores = " · ".join(score.text for score in scores)

    def _on_main(self, act: Callable[[], None]) -> None:
        if self._accelerator.is_main_process:
            act()
        self._accelerator.wait_for_everyone()

    def __enter__(self) -> _Keeper:
        return self

    def __exit__(self, *problem: object) -> None:
        self._validation.close()
        if self._curve:
            self._curve.__exit__(*problem)


def state_folder(out: Path) -> Path:
    """Where a training keeps what it needs to go on."""
    return out / "state"
