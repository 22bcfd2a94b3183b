"""What the journals of a folder come to: the fold of their records, one by one in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.records import Done, End, Failed, Record, Run, Start, Void
from marigold_cli.batch.shard import siblings


@dataclass
class Entry:
    """What the journals know of one photo.

    Attributes:
        done: Its last completion, if that still counts.
        failed: Its last failure, if nothing came after it.
        fingerprints: Settings under which it was ever begun: such outputs may lie there unrecorded.
        paths: Every output that was ever recorded for it.
        attempts: Failures since the last completion.
        crashes: Times that a process died while it was in flight, since it was last finished.
        alone: How many of these nothing else was in flight, so that they are its own doing.
    """

    done: Done | None = None
    failed: Failed | None = None
    fingerprints: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    attempts: int = 0
    crashes: int = 0
    alone: int = 0


@dataclass
class Stint:
    """The last run over the folder or over one of its shards.

    Attributes:
        run: Its beginning.
        end: How it ended; None: it goes on, or died.
        finished: Photos that came to an end in it, good or bad.
    """

    run: Run
    end: End | None = None
    finished: set[str] = field(default_factory=set)


@dataclass
class State:
    """The fold of all journals of a folder.

    Attributes:
        entries: By photo, in the order of their first record.
        owners: The photo whose record names an output, by the output's path.
        bad_lines: Lines that could not be read: torn by a crash, or damaged.
        stints: The last runs by shard, the latest at the end; one named "" is of all photos.
        latest: When the last record was written [s since 1970].
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    bad_lines: int = 0
    stints: dict[str, Stint] = field(default_factory=dict)
    latest: float = 0.0
    _writers: dict[int, Run] = field(default_factory=dict)  # how each began
    _flights: dict[str, tuple[int, bool]] = field(default_factory=dict)  # photo: whose, alone?

    @property
    def run(self) -> Run | None:
        """The last run; None: there never was one."""
        return next(reversed(self.stints.values())).run if self.stints else None

    @property
    def ends(self) -> list[End | None]:
        """How the last run ended, or every part of the last split; None: not yet."""
        if self.run is None:
            return []
        known = {shard: stint.end for shard, stint in self.stints.items()}
        return [known.get(shard) for shard in siblings(self.run.shard)]

    @property
    def unread(self) -> tuple[Failure, ...]:
        """Folders that the last run could not read."""
        unread = {one.name: one for end in self.ends if end for one in end.unread}
        return tuple(unread.values())

    def entry(self, name: str) -> Entry:
        """The entry of a photo, made if need be."""
        return self.entries.setdefault(name, Entry())

    def apply(self, record: Record | None, writer: int) -> None:
        """Fold one record; None: a line that cannot be read."""
        match record:
            case None:
                self.bad_lines += 1
                self._acquit(writer)  # a full disk or a loss of power tears lines, never a photo
            case Run():
                self._count_crashes(writer)
                self._begin(record, writer)
            case End():
                self._acquit(writer)
                self._end(record, writer)
            case Start(name, fp, alone):
                self.entry(name).fingerprints.add(fp)
                self._take_off(name, writer, alone)
            case Void(name):
                self._finish(name, None, None)
            case Done(name):
                self._finish(name, record, None, writer)
                self._own(record)
            case Failed(name):
                self._finish(name, None, record, writer)

    def close(self) -> None:
        """Fold the end of the journals: what is in flight now has died, or is still at work."""
        for name in tuple(self._flights):
            self._crash(name)

    def _begin(self, run: Run, writer: int) -> None:
        self._writers[writer] = run
        if run.worker is not None:
            return
        before = self.stints.pop(run.shard, None)
        split = siblings(run.shard)
        self.stints = {shard: stint for shard, stint in self.stints.items() if shard in split}
        stint = self.stints[run.shard] = Stint(run)
        if before and run.id and before.run.id == run.id:
            stint.finished = before.finished

    def _stint(self, writer: int) -> Stint | None:
        run = self._writers.get(writer)
        return self.stints.get(run.shard) if run else None

    def _end(self, end: End, writer: int) -> None:
        stint = self._stint(writer)
        if stint and self._writers[writer].worker is None:
            stint.end = end
            for other, run in self._writers.items():
                if run.shard == stint.run.shard:
                    self._acquit(other)  # the end of a run is the end of its workers

    def _finish(
        self, name: str, done: Done | None, failed: Failed | None, writer: int | None = None
    ) -> None:
        self._flights.pop(name, None)
        entry = self.entry(name)
        entry.done, entry.failed = done, failed
        entry.attempts = failed.attempt if failed else 0
        entry.crashes = entry.alone = 0
        if writer is not None and (stint := self._stint(writer)):
            stint.finished.add(name)

    def _own(self, done: Done) -> None:
        """Give the outputs to this photo; another one that had them has them no longer."""
        for file in done.outputs:
            owner = self.owners.get(file.path, done.input)
            if owner != done.input:
                self.entry(owner).done = None
            self.owners[file.path] = done.input
            self.entry(done.input).paths.add(file.path)

    def _take_off(self, name: str, writer: int, alone: bool) -> None:
        if self._flights.get(name, (writer, alone))[0] != writer:
            self._crash(name)  # a photo is given to another only when its first worker is dead
        self._flights[name] = (writer, alone)

    def _crash(self, name: str) -> None:
        _, alone = self._flights.pop(name)
        entry = self.entry(name)
        entry.crashes += 1
        entry.alone += alone

    def _count_crashes(self, writer: int) -> None:
        for name in tuple(self._in_flight(writer)):
            self._crash(name)

    def _acquit(self, writer: int) -> None:
        for name in tuple(self._in_flight(writer)):
            del self._flights[name]

    def _in_flight(self, writer: int) -> Iterator[str]:
        return (name for name, (other, _) in self._flights.items() if other == writer)
