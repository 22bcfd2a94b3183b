"""What the journal's lines say of runs: that one begins, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.fields import Fields, Json, get, get_list, get_object, get_or


@dataclass(frozen=True)
class Run:
    """A run begins, or one of its workers takes part.

    Attributes:
        fp: Fingerprint of its settings.
        jobs: Photos that it means to compute; 0 for a worker.
        versions: Of the program and the libraries that compute, by name.
        settings: What the fingerprint stands for, for people.
        about: Host, device and command line, for people.
        shard: The part of the photos that it looks after, "3/8"; empty: all.
        worker: Which of the run's workers begins; None: the run itself.
        id: The same when it begins once more because a worker died; empty: it never does.
        total: Photos that it takes, and others whose results are there; 0: not recorded.
        aside: Photos without a valid result that it does not take any more.
        overwrite: Whether it computes anew what had been done before it.
    """

    fp: str
    jobs: int
    versions: dict[str, str]
    settings: dict[str, Json] = field(default_factory=dict)
    about: dict[str, Json] = field(default_factory=dict)
    shard: str = ""
    worker: int | None = None
    id: str = ""
    total: int = 0
    aside: tuple[str, ...] = ()
    overwrite: bool = False
    ev: ClassVar[str] = "run"

    @classmethod
    def read(cls, fields: Fields) -> Run:
        """Take what a later run or a status needs."""
        versions = get_object(fields.get("versions", {}))
        worker = fields.get("worker")
        return cls(
            fp=get(fields, "fp", str),
            jobs=get(fields, "jobs", int),
            versions={name: str(version) for name, version in versions.items()},
            shard=get_or(fields, "shard", ""),
            worker=worker if isinstance(worker, int) else None,
            id=get_or(fields, "id", ""),
            total=get_or(fields, "total", 0),
            aside=tuple(map(str, get_list(fields.get("aside", [])))),
            overwrite=get_or(fields, "overwrite", False),
        )


@dataclass(frozen=True)
class End:
    """A run ended in order; photos that it began and did not finish are not its victims.

    Attributes:
        code: Exit code; the counts that follow are those of `Summary`.
        signal: What stopped it.
        unread: Folders that could not be read.
        lost: Workers that have not come to an end themselves: what they had in flight, they may
            have died of.
    """

    code: int
    done: int = 0
    skipped: int = 0
    failed: int = 0
    signal: int | None = None
    unread: tuple[Failure, ...] = ()
    lost: tuple[int, ...] = ()
    ev: ClassVar[str] = "end"

    @classmethod
    def read(cls, fields: Fields) -> End:
        """Take what a later run or a status needs."""
        folders = map(get_object, get_list(fields.get("unread", [])))
        workers = get_list(fields.get("lost", []))
        return cls(
            code=get(fields, "code", int),
            unread=tuple(map(Failure.read, folders)),
            lost=tuple(worker for worker in workers if isinstance(worker, int)),
        )
