"""What came of a run: the counts, the failed photos and the exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from marigold_cli.batch.failure import Failure
from marigold_cli.errors import ExitCode


@dataclass(frozen=True)
class Summary:
    """What came of a run.

    Attributes:
        done: Photos computed by this run.
        skipped: Photos whose outputs were already there.
        failed: Photos without a valid output, those passed over because they failed before too;
            and folders that could not be read.
        seconds: Wall-clock time of the run [s].
        stopped: Whether photos were left undone by a signal, a limit, failures or an error.
        exit_code: What the process should end with, unless `signal` is set.
        signal: The signal that asked for the stop; `signals.die_by` it should be the last word.
        error: What stopped the run, where that was an error; the reader's words, with advice.
        predict_s: Time that the prediction of the photos done took, summed over workers [s]; its
            share of `seconds` is how busy one worker kept the network.
        remaining: Photos that were left undone.
        left_out: Photos in folders that need an extra which is not installed, by its name.
    """

    done: int
    skipped: int
    failed: tuple[Failure, ...]
    seconds: float
    stopped: bool
    exit_code: ExitCode
    signal: int | None = None
    error: str | None = None
    predict_s: float = 0.0
    remaining: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """The summary as one line of ASCII JSON."""
        return json.dumps(
            {
                "done": self.done,
                "skipped": self.skipped,
                "failed": [vars(failure) for failure in self.failed],
                "seconds": round(self.seconds, 3),
                "predict_s": round(self.predict_s, 3),
                "stopped": self.stopped,
                "remaining": self.remaining,
                "exit_code": int(self.exit_code),
                "signal": self.signal,
                "error": self.error,
                "left_out": dict(self.left_out),
            }
        )
