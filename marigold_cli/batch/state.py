"""What the journals of a folder come to: the fold of their records, one by one in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from marigold_cli.batch.failure import Failure
from marigold_cli.batch.records import Done, Failed, Fits, Made, Record, Start, Void
from marigold_cli.batch.runs import End, Run
from marigold_cli.batch.shard import siblings
from marigold_cli.errors import ExitCode

_Flight: TypeAlias = tuple[str, str]  # a photo, and which part of it; empty: all


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
        begun: Size and time of change of the file that these deaths are counted for.
    """

    done: Done | None = None
    failed: Failed | None = None
    fingerprints: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    attempts: int = 0
    crashes: int = 0
    alone: int = 0
    begun: tuple[int, int] = (0, 0)


@dataclass
class Stint:
    """The last run over the folder or over one of its shards.

    Attributes:
        run: Its beginning.
        end: How it ended; None: it goes on, or died.
        finished: Photos that came to an end in it, good or bad.
        begun: Photos that were begun since its beginning was last recorded.
        bad_lines: Lines since then that could not be read; none once it has ended.
    """

    run: Run
    end: End | None = None
    finished: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    bad_lines: int = 0

    @property
    def code(self) -> int:
        """The exit code that it has recorded, or that says that it has not ended."""
        return self.end.code if self.end else int(ExitCode.STOPPED)

    @property
    def remaining(self) -> int:
        """Photos that it meant to compute and that have not come to an end."""
        return max(0, self.run.jobs - len(self.begun & self.finished))

    def goes_on_in(self, run: Run) -> bool:
        """Whether another run is this one, begun once more, or an overwrite that ends this one."""
        if run.id and run.id == self.run.id:
            return True
        if not (run.overwrite and self.run.overwrite) or (self.end and not self.remaining):
            return False
        return (run.fp, run.versions) == (self.run.fp, self.run.versions)


@dataclass
class State:
    """The fold of all journals of a folder.

    Attributes:
        entries: By photo, in the order of their first record.
        owners: The photo whose record names an output, by the output's path.
        bad_lines: Lines that could not be read: torn by a crash, or damaged.
        stints: The last runs by shard, the latest at the end; one named "" is of all photos.
        latest: When the last record was written [s since 1970].
        aside: Photos without a valid result that the last run did not take any more.
        units: Members of photos that fit a device together, by settings and device, where it had
            to be found out.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    bad_lines: int = 0
    stints: dict[str, Stint] = field(default_factory=dict)
    latest: float = 0.0
    aside: set[str] = field(default_factory=set)
    units: dict[tuple[str, str], int] = field(default_factory=dict)
    _writers: dict[int, Run] = field(default_factory=dict)  # how each began
    _flights: dict[_Flight, tuple[int, bool]] = field(default_factory=dict)  # whose, alone?

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
    def unbegun(self) -> tuple[str, ...]:
        """Parts of the last split that no run has begun."""
        parts = siblings(self.run.shard) if self.run else ()
        return tuple(part for part in parts if part not in self.stints)

    @property
    def unread(self) -> tuple[Failure, ...]:
        """Folders that the last run could not read."""
        unread = {one.name: one for end in self.ends if end for one in end.unread}
        return tuple(unread.values())

    @property
    def counted(self) -> dict[str, Entry]:
        """The entries that the last run has to answer for."""
        return {name: one for name, one in self.entries.items() if name not in self.aside}

    def units_under(self, fp: str) -> dict[str, int]:
        """Members of photos that fit a device together, by device, with these settings."""
        return {device: units for (one, device), units in self.units.items() if one == fp}

    def entry(self, name: str) -> Entry:
        """The entry of a photo, made if need be."""
        return self.entries.setdefault(name, Entry())

    def apply(self, record: Record | None, writer: int) -> None:
        """Fold one record; None: a line that cannot be read."""
        match record:
            case None:
                self._skip_line(writer)
            case Run():
                self._crash(self._in_flight(writer))
                self._begin(record, writer)
            case End():
                self._acquit(writer)
                self._end(record, writer)
            case Start() | Made():
                self._fly(record, writer)
            case Void(name):
                self._finish(name, None, None)
            case Done() | Failed():
                self._conclude(record, writer)
            case Fits(device, units, fp):
                self.units[fp, device] = units

    def close(self) -> None:
        """Fold the end of the journals: what is in flight now has died, or is still at work."""
        self._crash(tuple(self._flights))

    def _begin(self, run: Run, writer: int) -> None:
        self._writers[writer] = run
        if run.worker is not None:
            return
        self._crash(self._in_flight(*self._crew(run.shard)))  # the workers of the run before it
        before = self.stints.pop(run.shard, None)
        split = siblings(run.shard)
        self.stints = {shard: stint for shard, stint in self.stints.items() if shard in split}
        finished = before.finished if before and before.goes_on_in(run) else set()
        self.stints[run.shard] = Stint(run, finished=finished)
        self.aside = set(run.aside)

    def _skip_line(self, writer: int) -> None:
        self.bad_lines += 1
        if stint := self._stint(writer):
            stint.bad_lines += 1
        self._acquit(writer)  # a full disk or a loss of power tears lines, never a photo

    def _stint(self, writer: int) -> Stint | None:
        run = self._writers.get(writer)
        return self.stints.get(run.shard) if run else None

    def _end(self, end: End, writer: int) -> None:
        stint = self._stint(writer)
        if stint and self._writers[writer].worker is None:
            stint.end, stint.bad_lines = end, 0
            crew = self._crew(stint.run.shard)  # the end of a run is that of its workers
            self._acquit(*(one for one in crew if self._writers[one].worker not in end.lost))

    def _conclude(self, record: Done | Failed, writer: int) -> None:
        if isinstance(record, Done):
            self._finish(record.input, record, None, writer)
            self._own(record)
        else:
            self._finish(record.input, None, record, writer)

    def _finish(
        self, name: str, done: Done | None, failed: Failed | None, writer: int | None = None
    ) -> None:
        for flight in [flight for flight in self._flights if flight[0] == name]:
            del self._flights[flight]
        self.aside.discard(name)
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

    def _fly(self, record: Start | Made, writer: int) -> None:
        """Follow a photo, or a part of it, while it is in flight."""
        flight = record.input, record.part
        if isinstance(record, Made):
            self._flights.pop(flight, None)
            return
        entry = self.entry(record.input)
        entry.fingerprints.add(record.fp)
        if stint := self._stint(writer):
            stint.begun.add(record.input)
        if self._flights.get(flight, (writer, True))[0] != writer:
            self._crash([flight])  # it is given to another only when its first worker is dead
        self._flights[flight] = (writer, record.alone)
        if entry.begun != (record.size, record.mtime_ns):
            entry.begun, entry.crashes, entry.alone = (record.size, record.mtime_ns), 0, 0

    def _crash(self, flights: Sequence[_Flight]) -> None:
        """Count one death for each photo, however many workers had parts of it in flight."""
        deaths: dict[str, bool] = {}
        for flight in flights:
            _, alone = self._flights.pop(flight)
            deaths[flight[0]] = deaths.get(flight[0], False) or alone
        for name, alone in deaths.items():
            entry = self.entry(name)
            entry.crashes += 1
            entry.alone += alone

    def _acquit(self, *writers: int) -> None:
        self._flights = {one: its for one, its in self._flights.items() if its[0] not in writers}

    def _in_flight(self, *writers: int) -> list[_Flight]:
        return [flight for flight, (whose, _) in self._flights.items() if whose in writers]

    def _crew(self, shard: str) -> list[int]:
        """Who has written of a shard, or of all photos: heads and workers."""
        return [writer for writer, run in self._writers.items() if run.shard == shard]
