"""What a prediction takes: time, memory, network evaluations."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from marigold_cli.files.disk import output_errors

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # of Linux

MEMORY = "memory.json"  # beside a run's folder of predictions


@dataclass(frozen=True)
class Cost:
    """What one picture took.

    Attributes:
        seconds: Mean time of prediction and writing, without loading the model [s].
        peak_bytes: Most memory at a time: of the GPU, or of the whole process without one.
        evaluations: Passes through the denoising network.
    """

    seconds: float | None = None
    peak_bytes: int | None = None
    evaluations: int | None = None


NO_COST = Cost()


def forget_peak() -> None:
    """Begin to measure the peak anew, where the system knows how."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):
        _FORGET.write_text("5")


def peak_memory() -> int:
    """The most memory in use at a time since then [bytes]."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    with contextlib.suppress(OSError):
        if peak := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text()):
            return 1024 * int(peak[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def keep_peak(predictions: Path, peak_bytes: int) -> None:
    """Remember a run's peak, the largest where a run went on several times."""
    path = predictions.parent / MEMORY
    largest = max(peak_bytes, kept_peak(predictions) or 0)
    with output_errors(path):
        path.write_text(json.dumps({"peak_bytes": largest}) + "\n", encoding="ascii")


def kept_peak(predictions: Path) -> int | None:
    """A run's peak [bytes]; None: not known."""
    try:
        return int(json.loads((predictions.parent / MEMORY).read_bytes())["peak_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
