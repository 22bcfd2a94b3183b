"""What the journal's lines say: one frozen value for each kind; lines.py turns them to JSON.

    run     a run begins                 start   a photo is begun; not durable by itself
    void    a photo's older records      made    some members of it are made, for others to merge
            count no longer              done    its outputs are durable
    end     a run ended in order         failed  it could not be turned into depth
    fits    a device had to take fewer members of photos together

The fields are named as in the file. Unknown kinds and fields of later versions are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.fields import Fields, get, get_list, get_object, get_or
from marigold_cli.batch.runs import End, Run


@dataclass(frozen=True)
class OutputFile:
    """One file that was written: POSIX path relative to the output folder, size [bytes], hash."""

    path: str
    size: int
    sha256: str

    @classmethod
    def read(cls, fields: Fields) -> OutputFile:
        """Read one of a line's outputs."""
        return cls(get(fields, "path", str), get(fields, "size", int), get(fields, "sha256", str))


@dataclass(frozen=True)
class Start:
    """A photo is begun, or the part of it that one of several workers makes.

    Attributes:
        alone: Whether nothing else was in flight, so that a crash is its own doing.
        part: Its members that are made, "0-5"; empty: all.
        size: The photo file's size when the run was planned [bytes]; 0: unknown.
        mtime_ns: Its time of change then; 0: unknown.
    """

    input: str
    fp: str
    alone: bool
    part: str = ""
    size: int = 0
    mtime_ns: int = 0
    ev: ClassVar[str] = "start"

    @classmethod
    def read(cls, fields: Fields) -> Start:
        """Read the fields of a line."""
        return cls(
            input=get(fields, "input", str),
            fp=get(fields, "fp", str),
            alone=get(fields, "alone", bool),
            part=get_or(fields, "part", ""),
            size=get_or(fields, "size", 0),
            mtime_ns=get_or(fields, "mtime_ns", 0),
        )


@dataclass(frozen=True)
class Made:
    """A part of a photo is made, or not wanted any more: it is no longer in flight."""

    input: str
    part: str
    ev: ClassVar[str] = "made"

    @classmethod
    def read(cls, fields: Fields) -> Made:
        """Read the fields of a line."""
        return cls(get(fields, "input", str), get(fields, "part", str))


@dataclass(frozen=True)
class Void:
    """A photo's older records count no longer: its outputs are about to be replaced."""

    input: str
    ev: ClassVar[str] = "void"

    @classmethod
    def read(cls, fields: Fields) -> Void:
        """Read the fields of a line."""
        return cls(get(fields, "input", str))


@dataclass(frozen=True)
class Done:
    """A photo whose outputs are durable.

    Attributes:
        input: The photo, as in `ImageRef.name`.
        size: The photo file's size when it was read [bytes].
        mtime_ns: Its time of change then; 0: too young to be trusted, so hash it next time.
        sha256: Hash of the very bytes that were decoded.
        fp: Fingerprint of the settings.
        seed: The user's seed.
        batch_used: Photos in the same predict call.
        secs: Time spent on it [s].
        outputs: Every file that belongs to it.
        path: Where the photo was read, absolute; empty: unknown.
    """

    input: str
    size: int
    mtime_ns: int
    sha256: str
    fp: str
    seed: int
    batch_used: int
    secs: float
    outputs: tuple[OutputFile, ...]
    path: str = ""
    ev: ClassVar[str] = "done"

    @classmethod
    def read(cls, fields: Fields) -> Done:
        """Read the fields of a line."""
        secs = fields.get("secs")
        return cls(
            input=get(fields, "input", str),
            size=get(fields, "size", int),
            mtime_ns=get(fields, "mtime_ns", int),
            sha256=get(fields, "sha256", str),
            fp=get(fields, "fp", str),
            seed=get(fields, "seed", int),
            batch_used=get(fields, "batch_used", int),
            secs=float(secs) if isinstance(secs, int | float) else 0.0,
            outputs=tuple(OutputFile.read(get_object(one)) for one in get_list(fields["outputs"])),
            path=get_or(fields, "path", ""),
        )


@dataclass(frozen=True)
class Failed:
    """A photo that could not be turned into depth.

    Attributes:
        input: The photo, as in `ImageRef.name`.
        kind: A short stable word.
        message: What happened.
        attempt: How often it was tried.
        size: The photo file's size when the run was planned [bytes]; 0: unknown.
        mtime_ns: Its time of change then; 0: unknown.
    """

    input: str
    kind: str
    message: str
    attempt: int
    size: int
    mtime_ns: int
    ev: ClassVar[str] = "failed"

    @property
    def failure(self) -> Failure:
        """What of it is told."""
        return Failure(self.input, self.kind, self.message)

    @classmethod
    def read(cls, fields: Fields) -> Failed:
        """Read the fields of a line."""
        return cls(
            input=get(fields, "input", str),
            kind=get(fields, "kind", str),
            message=get(fields, "message", str),
            attempt=get(fields, "attempt", int),
            size=get(fields, "size", int),
            mtime_ns=get(fields, "mtime_ns", int),
        )


@dataclass(frozen=True)
class Fits:
    """So many members of photos fit a device together; `fp` says how much each takes."""

    device: str
    units: int
    fp: str
    ev: ClassVar[str] = "fits"

    @classmethod
    def read(cls, fields: Fields) -> Fits:
        """Read the fields of a line."""
        return cls(get(fields, "device", str), get(fields, "units", int), get(fields, "fp", str))


Record: TypeAlias = Run | Start | Made | Void | Done | Failed | Fits | End
