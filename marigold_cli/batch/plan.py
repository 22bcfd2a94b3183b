"""What a run has to do: every photo with the reason why, or why it is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.records import Done, Failed, Void
from marigold_cli.batch.settings import Settings
from marigold_cli.files.discover import ImageRef
from marigold_cli.files.extras import Extra
from marigold_cli.files.names import Output, outputs_of


@dataclass(frozen=True)
class Part:
    """Some members of a photo's ensemble, as one of several workers makes them.

    Attributes:
        first: The first of them, counted from 0.
        stop: The first one behind them.
        of: Members of the whole ensemble.
        batch: So many go through the network together.
    """

    first: int
    stop: int
    of: int
    batch: int

    @property
    def size(self) -> int:
        """So many members it has."""
        return self.stop - self.first

    def __str__(self) -> str:
        return f"{self.first}-{self.stop}"


@dataclass(frozen=True)
class Job:
    """One photo to compute.

    Attributes:
        ref: The photo.
        outputs: Every file to write.
        reason: "new", "interrupted", "failed before", "output missing", "photo changed" or
            "overwrite".
        attempt: 1 for the first try.
        alone: Whether a process died while it was in flight: nothing else shall be then.
        size: The photo file's size now [bytes]; 0: unknown.
        mtime_ns: Its time of change now; 0: unknown.
        part: What of it is to be made here; None: all, and at once.
    """

    ref: ImageRef
    outputs: tuple[Output, ...]
    reason: str
    attempt: int = 1
    alone: bool = False
    size: int = 0
    mtime_ns: int = 0
    part: Part | None = None


@dataclass(frozen=True)
class Past:
    """What earlier runs tell of themselves.

    Attributes:
        exit_code: Of the last one over the same photos; None: there was none.
        versions: Of the libraries that the last one was made with, by name.
        crashes: Times that a process died with one of the jobs in flight.
        units: Members of photos that fit a device together, as they found out, by device.
        latest: When the last record of the journals was written [s since 1970].
        bad_lines: Lines of the journals that could not be read, since the last run ended.
    """

    exit_code: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    crashes: int = 0
    units: Mapping[str, int] = field(default_factory=dict)
    latest: float = 0.0
    bad_lines: int = 0


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        jobs: Photos to compute, in the order of their names.
        skipped: Photos whose outputs are there.
        passed_over: Photos that failed before and are not tried again.
        settings: What the folder is or will be bound to.
        fingerprint: Of the settings.
        records: What the journal must hold before the first output is replaced: records that count
            no longer, new ones for photos that were touched but hold the same bytes, crashes.
        unread: Folders that cannot be read.
        left_out: Photos in folders that need an extra which is not installed.
        is_news: Whether the journal must hear of this plan even if there is no job: of records, or
            of other folders unread or photos set aside than the last time.
        total: Photos that are taken, and others whose results are there.
        aside: Photos of earlier runs without a valid result that are not taken any more.
        shard: The part of the photos that is looked after, "3/8"; empty: all.
        run_id: What tells the same run, begun once more because a worker died, from another one;
            empty: it never is.
        goes_on: Whether this is such a run, or one that ends an overwrite which was interrupted.
        finished: Photos that it had computed already; they are not among the skipped.
        failed: Photos passed over that have failed in it.
        past: What earlier runs tell of themselves.
    """

    jobs: tuple[Job, ...]
    skipped: tuple[ImageRef, ...]
    passed_over: tuple[Failure, ...]
    settings: Settings
    fingerprint: str
    records: tuple[Void | Done | Failed, ...] = ()
    unread: tuple[Failure, ...] = ()
    left_out: Mapping[Extra, int] = field(default_factory=dict)
    is_news: bool = True
    total: int = 0
    aside: tuple[str, ...] = ()
    shard: str = ""
    run_id: str = ""
    goes_on: bool = False
    finished: int = 0
    failed: int = 0
    past: Past = Past()

    @property
    def party(self) -> str | None:
        """The words of all who may be at work on it together; None: one process alone."""
        if self.shard:
            count = self.shard.partition("/")[2]
            return f"shards of {count}, settings {self.fingerprint}"
        return f"workers of {self.run_id}" if self.run_id else None


def parts_of(ensemble: int, batch: int) -> list[Part]:
    """An ensemble cut where one worker begins another batch of members."""
    starts = range(0, ensemble, batch)
    return [Part(first, min(first + batch, ensemble), ensemble, batch) for first in starts]


def outputs_for(ref: ImageRef, settings: Settings) -> tuple[Output, ...]:
    """Every file that these settings ask for of a photo."""
    modality, intrinsics = settings.kind.modality, settings.intrinsics
    return outputs_of(ref.stem, settings.formats, settings.uncertainty, modality, intrinsics)
