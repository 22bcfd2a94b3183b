"""What can go wrong, and the exit code that tells a script about it.

MarigoldError
├── UsageError              2  the call itself is wrong
├── RefusedError            3  refused before any work, so that nothing is mixed or overwritten
│   ├── CollisionError         two photos would share an output name
│   ├── SettingsMismatchError  the output folder holds results of other settings
│   ├── ForeignFileError       a file that is not ours stands at an output's name
│   └── OutputInUseError       another run is writing to this folder
├── NoInputError            4  nothing to work on
│   └── DataSetError           pictures to train on or to measure by are missing or broken
├── ModelError              5  checkpoint not found, incomplete, or refused as unsafe
├── DeviceError             6  the device asked for cannot be used
├── OutputError             7  the output folder cannot be written any more
└── ImageError             10  one photo failed; the others go on
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum


def name_some(names: Sequence[str], shown: int = 5) -> str:
    """Name some of many, and say how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more:,} more" if more > 0 else "")


class ExitCode(IntEnum):
    """Exit codes of every command; an unknown non-zero code means failure."""

    OK = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    NO_INPUT = 4
    MODEL = 5
    DEVICE = 6
    OUTPUT = 7
    PARTIAL = 10
    STOPPED = 75

    @property
    def meaning(self) -> str:
        """One line for the documentation, in the reader's words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "every photo has a valid output, new or already there",
    ExitCode.BUG: "a bug in this program (traceback)",
    ExitCode.USAGE: "wrong usage",
    ExitCode.REFUSED: (
        "refused before any work: other settings, foreign files, a name collision, or folder in use"
    ),
    ExitCode.NO_INPUT: "no usable input",
    ExitCode.MODEL: "model not found, incomplete, or refused as unsafe",
    ExitCode.DEVICE: "device unusable",
    ExitCode.OUTPUT: "output not writable any more (disk full, read-only); stopped early",
    ExitCode.PARTIAL: "some photos failed; after --max-failures others were not tried",
    ExitCode.STOPPED: "stopped early on request; run the same line again to go on",
}


class MarigoldError(Exception):
    """Something a user can fix; the message says what, where and what to do."""

    exit_code = ExitCode.BUG


class UsageError(MarigoldError):
    """A call that cannot mean anything."""

    exit_code = ExitCode.USAGE


class RefusedError(MarigoldError):
    """A run that would mix or overwrite results."""

    exit_code = ExitCode.REFUSED


class CollisionError(RefusedError):
    """Two photos that would share an output name."""


class SettingsMismatchError(RefusedError):
    """An output folder that is bound to other settings."""


class ForeignFileError(RefusedError):
    """A file without a record where an output should go."""


class OutputInUseError(RefusedError):
    """An output folder that another run is writing to."""


class NoInputError(MarigoldError):
    """Input that is missing or holds no image."""

    exit_code = ExitCode.NO_INPUT


class DataSetError(NoInputError):
    """Pictures with truth that are missing or broken."""


class ModelError(MarigoldError):
    """A checkpoint that is missing, incomplete or unsafe."""

    exit_code = ExitCode.MODEL


class DeviceError(MarigoldError):
    """A device that is absent or cannot hold the model."""

    exit_code = ExitCode.DEVICE


class OutputError(MarigoldError):
    """An output folder that takes no more bytes."""

    exit_code = ExitCode.OUTPUT


class Kind(StrEnum):
    """Why a photo has no depth map: short stable words for the journal and for scripts."""

    MISSING = "missing"  # gone since it was listed
    PERMISSION = "permission"  # must not be read
    NOT_A_FILE = "not-a-file"  # a pipe, a device, a folder
    CHANGED = "changed"  # kept changing while it was read
    IO = "io"  # the disk or the network drive fails, or its name is too long for the output
    EMPTY = "empty"  # no bytes
    FORMAT = "format"  # no picture that can be read here
    TRUNCATED = "truncated"  # cut off
    TOO_LARGE = "too-large"  # beyond --max-pixels, or beyond any photo in bytes
    MEMORY = "memory"  # of the machine or of the device
    NOT_FINITE = "not-finite"  # the model gave values that are no numbers
    CONSTANT = "constant"  # the model gave the same depth everywhere
    CRASH = "crash"  # the process died of it, more than once
    ERROR = "error"  # nothing that was foreseen: a bug


class ImageError(MarigoldError):
    """One photo that cannot be turned into depth; its `kind` says why in one word."""

    exit_code = ExitCode.PARTIAL

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def first_line(error: BaseException) -> str:
    """What an error of another library says, in one line; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
