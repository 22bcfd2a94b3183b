"""Making a plan: the photos against the journal and the files that are there.

Nothing is written here; `marigold run --dry-run` prints exactly this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from marigold_cli.batch.decision import Decision, refuse
from marigold_cli.batch.failure import Failure
from marigold_cli.batch.folder import check_binding, check_place
from marigold_cli.batch.journal import fold
from marigold_cli.batch.options import Policy
from marigold_cli.batch.plan import Job, Plan, outputs_for
from marigold_cli.batch.records import Done, Failed, Void
from marigold_cli.batch.settings import Settings, fingerprint
from marigold_cli.batch.shard import Shard, named
from marigold_cli.batch.state import Entry, State
from marigold_cli.batch.verify import compare_hash
from marigold_cli.errors import ImageError, Kind, RefusedError
from marigold_cli.files.discover import Discovery, ImageRef
from marigold_cli.files.names import Output
from marigold_cli.files.source import read_source, trusted_time

_CRASHES = 2  # a photo that a process died of so often, with nothing else in flight, is left out
_THREADS = 8  # network folders answer slowly, but to many at a time


def make_plan(
    found: Discovery,
    settings: Settings,
    out: Path,
    policy: Policy,
    shard: Shard | None = None,
    run_id: str = "",
) -> Plan:
    """Compare the photos with the journal and the files that are there.

    Args:
        found: The photos.
        settings: What is wanted of them.
        out: The output folder.
        policy: What becomes of what is there.
        shard: The part of the photos that is looked after; None: all.
        run_id: The run's own name where it may begin once more because a worker died. What it has
            brought to an end by then, good or bad, is not touched again.

    Raises:
        SettingsMismatchError: the folder, or one of the photos in it, has other settings.
        ForeignFileError: a file without a record stands where an output should go.
        CollisionError: a photo of another folder has its depth there.
        RefusedError: there is nothing to resume, or no folder can stand at this place.
    """
    check_place(out)
    state = fold(out)
    if policy.resume and state.run is None:
        raise RefusedError(f"{out}: no journal to resume from; leave out --resume to begin")
    if not policy.overwrite:
        check_binding(out, settings)
    if shard:
        found = replace(found, photos=tuple(ref for ref in found.photos if shard.takes(ref)))
    planner = _Planner(state, settings, fingerprint(settings), out, policy, named(shard), run_id)
    with ThreadPoolExecutor(_THREADS) as pool:
        decisions = list(pool.map(planner.decide, found.photos))
    refuse(decisions, out)
    return planner.gather(decisions, found)


@dataclass(frozen=True)
class _Planner:
    state: State
    settings: Settings
    fingerprint: str
    out: Path
    policy: Policy
    shard: str
    run_id: str

    @cached_property
    def goes_on(self) -> bool:
        """Whether this very run has begun before."""
        stint = self.state.stints.get(self.shard)
        return bool(self.run_id) and stint is not None and stint.run.id == self.run_id

    @cached_property
    def finished(self) -> set[str]:
        """Photos that it had brought to an end."""
        return self.state.stints[self.shard].finished if self.goes_on else set()

    def decide(self, ref: ImageRef) -> Decision:
        """Find this photo's line in the decision table."""
        entry = self._entry(ref)
        if ref.name in self.finished and (entry.done or entry.failed):
            failure = entry.failed.failure if entry.failed else None
            return Decision(ref, failure=failure, is_finished=failure is None)
        outputs = outputs_for(ref, self.settings)
        job = self._job(ref, entry, outputs)
        if self.policy.overwrite and not (self.goes_on and entry.alone >= _CRASHES):
            return Decision(ref, self._again(job, entry))
        if entry.done:
            decision = self._decide_done(job, entry.done)
            return replace(decision, rival=self._rival(decision.job))
        if entry.alone >= _CRASHES:
            return self._quarantine(job, entry)
        if entry.failed and not self._may_retry(job, entry):
            return Decision(ref, failure=entry.failed.failure)
        foreign = tuple(self._foreign(entry, outputs))
        return Decision(ref, job, foreign=foreign, rival=self._rival(job))

    def _entry(self, ref: ImageRef) -> Entry:
        return self.state.entries.get(ref.name, Entry())

    def _job(self, ref: ImageRef, entry: Entry, outputs: tuple[Output, ...]) -> Job:
        is_begun = self.fingerprint in entry.fingerprints or entry.paths
        failed_by = entry.failed.kind if entry.failed else None
        size, mtime_ns = _stat(ref.path)
        return Job(
            ref,
            outputs,
            reason="failed before" if entry.failed else "interrupted" if is_begun else "new",
            attempt=entry.attempts + 1,
            alone=entry.crashes > 0 or failed_by == Kind.CRASH,
            size=size,
            mtime_ns=mtime_ns,
        )

    def _again(self, job: Job, entry: Entry) -> Job:
        is_new = not any(os.path.lexists(self.out / one.path) for one in job.outputs)
        return job if is_new and not entry.done else replace(job, reason="overwrite")

    def _quarantine(self, job: Job, entry: Entry) -> Decision:
        message = (
            f"the program died {entry.alone} times while it was working on nothing but this photo; "
            "it is left out until the photo changes or --overwrite is given"
        )
        record = Failed(job.ref.name, Kind.CRASH, message, job.attempt, job.size, job.mtime_ns)
        return Decision(job.ref, failure=record.failure, record=record)

    def _decide_done(self, job: Job, done: Done) -> Decision:
        if done.fp != self.fingerprint:
            return Decision(job.ref, is_other=True)
        if not self._are_there(job, done):
            return Decision(job.ref, replace(job, reason="output missing"))
        if self.policy.check == "stat" and (done.size, done.mtime_ns) == (job.size, job.mtime_ns):
            return Decision(job.ref)
        return self._compare_hash(job, done)

    def _compare_hash(self, job: Job, done: Done) -> Decision:
        now_ns = time.time_ns()
        try:
            source = read_source(job.ref.path)
        except ImageError:  # the run itself will meet and name it
            return Decision(job.ref, replace(job, reason="photo changed"))
        if source.digest != done.sha256:
            return Decision(job.ref, replace(job, reason="photo changed"))
        seen = replace(done, size=source.size, mtime_ns=trusted_time(source.mtime_ns, now_ns))
        return Decision(job.ref, record=seen if seen != done else None)

    def _are_there(self, job: Job, done: Done) -> bool:
        """Whether all outputs that these settings ask for are there, as far as is checked."""
        if {output.path for output in job.outputs} != {file.path for file in done.outputs}:
            return False
        if any(_stat(self.out / file.path)[0] != file.size for file in done.outputs):
            return False
        return self.policy.check == "stat" or not any(
            compare_hash(self.out, file) for file in done.outputs
        )

    def _may_retry(self, job: Job, entry: Entry) -> bool:
        failed = entry.failed
        if failed is None or (failed.size, failed.mtime_ns) != (job.size, job.mtime_ns):
            return True
        return self.policy.retry_failed and failed.kind != Kind.CRASH

    def _foreign(self, entry: Entry, outputs: tuple[Output, ...]) -> Iterator[str]:
        """Files at the targets that no run of ours can have written."""
        is_begun = self.fingerprint in entry.fingerprints  # killed between files and record
        for output in outputs:
            is_ours = is_begun or output.path in self.state.owners
            if not is_ours and os.path.lexists(self.out / output.path):
                yield output.path

    def _rival(self, job: Job | None) -> str:
        """A photo of another folder, still there, that the job's outputs belong to."""
        if job is None:
            return ""
        for output in job.outputs:
            owner = self.state.entries.get(self.state.owners.get(output.path, ""), Entry()).done
            if owner and _is_another(owner.path, job.ref.path):
                return owner.path
        return ""

    def gather(self, decisions: Sequence[Decision], found: Discovery) -> Plan:
        """Sort the decisions into a plan."""
        jobs = tuple(decision.job for decision in decisions if decision.job)
        idle = [one for one in decisions if not one.job and not one.failure]
        failures = [one for one in decisions if one.failure and self.goes_on]
        records = (*self._void(jobs), *(one.record for one in decisions if one.record))
        unread = tuple(Failure(one.name, one.kind, one.message) for one in found.unread)
        is_unknown = bool(self.shard) and self.shard not in self.state.stints
        return Plan(
            jobs=jobs,
            skipped=tuple(one.ref for one in idle if not one.is_finished),
            passed_over=tuple(one.failure for one in decisions if one.failure),
            settings=self.settings,
            fingerprint=self.fingerprint,
            records=records,
            unread=unread,
            left_out=found.left_out,
            is_news=bool(jobs or records) or unread != self.state.unread or is_unknown,
            bad_lines=self.state.bad_lines,
            versions=self.state.run.versions if self.state.run else {},
            shard=self.shard,
            run_id=self.run_id,
            goes_on=self.goes_on,
            finished=sum(one.is_finished for one in idle),
            failed=sum(bool(one.record) or one.ref.name in self.finished for one in failures),
            crashes=sum(self._entry(job.ref).crashes for job in jobs),
            latest=self.state.latest,
            units={
                device: units
                for (fp, device), units in self.state.units.items()
                if fp == self.fingerprint
            },
        )

    def _void(self, jobs: Sequence[Job]) -> Iterator[Void]:
        """Stop older records from counting whose outputs are about to be replaced."""
        names = {job.ref.name for job in jobs}
        names |= {self.state.owners.get(one.path, "") for job in jobs for one in job.outputs}
        known = self.state.entries.items()
        return (Void(name) for name, entry in known if name in names and entry.done)


def _is_another(known: str, path: Path) -> bool:
    """Whether a recorded photo is still there, and another file than the one at the path."""
    if not known or Path(known) == path.absolute():
        return False
    try:
        return Path(known).exists() and not path.samefile(known)
    except OSError:  # the run itself will meet and name it
        return True


def _stat(path: Path) -> tuple[int, int]:
    """Size [bytes] and time of change [ns]; zeros when it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns
