"""Making a plan: the photos against the journal and the files that are there.

Nothing is written here; `marigold run --dry-run` prints exactly this. What becomes of a photo, by
the first line that fits:

this very run brought it to an end        it stays as it is
--overwrite                               computed, unless the overwrite that goes on has made it
results, but of other settings            the run is refused
results that are missing or altered       computed
results of another state of the photo     computed
results                                   skipped
a process died of it twice, alone         left out by name, unless it is another file by now
a failure, and the photo is as it was     passed over with --skip-failed, or where a process died of
                                          it; else computed
files of nobody, or of another photo      the run is refused
nothing                                   computed
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from marigold_cli.batch.decision import (
    Decision,
    find_foreign,
    find_outdated,
    find_rival,
    is_deadly,
    quarantine,
    refuse,
)
from marigold_cli.batch.failure import Failure
from marigold_cli.batch.folder import check_binding, check_place
from marigold_cli.batch.journal import fold
from marigold_cli.batch.options import Policy
from marigold_cli.batch.outputs import THREADS, find_altered, find_missing
from marigold_cli.batch.plan import Job, Past, Plan, outputs_for
from marigold_cli.batch.records import Done, Void
from marigold_cli.batch.runs import Run
from marigold_cli.batch.settings import Settings, fingerprint
from marigold_cli.batch.shard import Shard, named
from marigold_cli.batch.state import Entry, State, Stint
from marigold_cli.batch.versions import versions
from marigold_cli.errors import ImageError, Kind, RefusedError
from marigold_cli.files.discover import Discovery, ImageRef
from marigold_cli.files.source import read_source, stat_photo, trusted_time


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
    others = sorted(state.entries.keys() - {ref.name for ref in found.photos})
    if shard:
        found = replace(found, photos=tuple(ref for ref in found.photos if shard.takes(ref)))
    planner = _Planner(state, settings, fingerprint(settings), out, policy, named(shard), run_id)
    with ThreadPoolExecutor(THREADS) as pool:
        decisions = list(pool.map(planner.decide, found.photos))
        are_whole = list(pool.map(planner.has_results, others))
    refuse(decisions, out)
    aside = [name for name, is_whole in zip(others, are_whole, strict=True) if not is_whole]
    total = len(decisions) + (0 if shard else len(others) - len(aside))
    return replace(planner.gather(decisions, found, aside), total=total)


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
    def before(self) -> Stint | None:
        """The last run over the same photos."""
        return self.state.stints.get(self.shard)

    @cached_property
    def is_same_run(self) -> bool:
        """Whether this very run has begun before."""
        return bool(self.run_id) and self.before is not None and self.before.run.id == self.run_id

    @cached_property
    def finished(self) -> set[str]:
        """Photos that it had brought to an end."""
        return self.before.finished if self.before and self.is_same_run else set()

    @cached_property
    def made_anew(self) -> set[str] | None:
        """Photos that an overwrite had brought to an end when it stopped; None: there is none."""
        run = Run(self.fingerprint, 0, versions(), overwrite=self.policy.overwrite)
        return self.before.finished if self.before and self.before.goes_on_in(run) else None

    def decide(self, ref: ImageRef) -> Decision:
        """Find what becomes of a photo: the first line of the table that fits."""
        entry = self._entry(ref)
        if ref.name in self.finished and (entry.done or entry.failed):
            failure = entry.failed.failure if entry.failed else None
            return Decision(ref, failure=failure, is_finished=failure is None)
        job = self._job(ref, entry)
        if self.policy.overwrite:
            return self._decide_anew(job, entry)
        if entry.done:
            decision = self._decide_done(job, entry.done)
            rival = find_rival(decision.job, self.state) if decision.job else ""
            return replace(decision, rival=rival)
        if is_deadly(job, entry):
            return quarantine(job, entry)
        if entry.failed and not self._may_retry(job, entry):
            return Decision(ref, failure=entry.failed.failure)
        is_begun = self.fingerprint in entry.fingerprints  # killed between files and record
        foreign = () if is_begun else find_foreign(job, self.state, self.out)
        return Decision(ref, job, foreign=foreign, rival=find_rival(job, self.state))

    def has_results(self, name: str) -> bool:
        """Whether a photo that is not taken has its results still."""
        done = self.state.entries[name].done
        return done is not None and not any(find_missing(self.out, file) for file in done.outputs)

    def _decide_anew(self, job: Job, entry: Entry) -> Decision:
        """What becomes of a photo whatever is there, but for what this overwrite has made."""
        if (self.is_same_run or self.made_anew is not None) and is_deadly(job, entry):
            return quarantine(job, entry)
        if entry.done and job.ref.name in (self.made_anew or ()):
            return self._decide_done(job, entry.done)
        is_foreign = job.reason == "new" and find_foreign(job, self.state, self.out)
        is_anew = entry.done or is_foreign
        return Decision(job.ref, replace(job, reason="overwrite") if is_anew else job)

    def _entry(self, ref: ImageRef) -> Entry:
        return self.state.entries.get(ref.name, Entry())

    def _job(self, ref: ImageRef, entry: Entry) -> Job:
        is_begun = self.fingerprint in entry.fingerprints or entry.paths
        failed_by = entry.failed.kind if entry.failed else None
        size, mtime_ns = stat_photo(ref.path)
        return Job(
            ref,
            outputs_for(ref, self.settings),
            reason="failed before" if entry.failed else "interrupted" if is_begun else "new",
            attempt=entry.attempts + 1,
            alone=entry.crashes > 0 or failed_by == Kind.CRASH,
            size=size,
            mtime_ns=mtime_ns,
        )

    def _decide_done(self, job: Job, done: Done) -> Decision:
        if done.fp != self.fingerprint:
            return Decision(job.ref, is_other=True)
        if not self._are_there(job, done):
            return Decision(job.ref, replace(job, reason="output missing"))
        if self.policy.check == "stat" and (done.size, done.mtime_ns) == (job.size, job.mtime_ns):
            return Decision(job.ref)
        return self._decide_by_hash(job, done)

    def _decide_by_hash(self, job: Job, done: Done) -> Decision:
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
        find = find_missing if self.policy.check == "stat" else find_altered
        return not any(find(self.out, file) for file in done.outputs)

    def _may_retry(self, job: Job, entry: Entry) -> bool:
        failed = entry.failed
        if failed is None or (failed.size, failed.mtime_ns) != (job.size, job.mtime_ns):
            return True
        return self.policy.retry_failed and failed.kind != Kind.CRASH

    def gather(self, decisions: Sequence[Decision], found: Discovery, aside: list[str]) -> Plan:
        """Sort the decisions into a plan."""
        jobs = tuple(decision.job for decision in decisions if decision.job)
        idle = [one for one in decisions if not one.job and not one.failure]
        failures = [one for one in decisions if one.failure and self.is_same_run]
        outdated = find_outdated(jobs, self.state, self.fingerprint)
        records = (*map(Void, outdated), *(one.record for one in decisions if one.record))
        unread = tuple(Failure(one.name, one.kind, one.message) for one in found.unread)
        is_unknown = self.before is None and bool(self.shard or self.state.run)
        is_other = (unread, {*aside}) != (self.state.unread, self.state.aside)
        return Plan(
            jobs=jobs,
            skipped=tuple(one.ref for one in idle if not one.is_finished),
            passed_over=tuple(one.failure for one in decisions if one.failure),
            settings=self.settings,
            fingerprint=self.fingerprint,
            records=records,
            unread=unread,
            left_out=found.left_out,
            is_news=bool(jobs or records) or is_unknown or is_other,
            aside=tuple(aside),
            shard=self.shard,
            run_id=self.run_id,
            goes_on=self.is_same_run or self.made_anew is not None,
            finished=sum(one.is_finished for one in idle),
            failed=sum(bool(one.record) or one.ref.name in self.finished for one in failures),
            past=self._recall(jobs),
        )

    def _recall(self, jobs: Sequence[Job]) -> Past:
        return Past(
            exit_code=self.before.code if self.before else None,
            versions=self.state.run.versions if self.state.run else {},
            crashes=sum(self._entry(job.ref).crashes for job in jobs),
            units=self.state.units_under(self.fingerprint),
            latest=self.state.latest,
            bad_lines=sum(stint.bad_lines for stint in self.state.stints.values()),
        )
