"""Several workers make the members of one photo, and one of them merges all."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from marigold_cli.batch.claims import cut
from marigold_cli.batch.folder import Workplace
from marigold_cli.batch.options import Policy
from marigold_cli.batch.parts import Parts, check_split, clear
from marigold_cli.batch.plan import Job, Part, parts_of
from marigold_cli.batch.progress import FromWorker, PartDone, Warned
from marigold_cli.batch.stages import Origin
from marigold_cli.batch.status import read_status
from marigold_cli.depth import DepthMap, Floats
from marigold_cli.errors import ExitCode, ImageError, Kind, UsageError
from marigold_cli.files.decode import Photo
from marigold_cli.files.discover import ImageRef

SPLIT = Policy(fsync=False, split="ensemble")
ENSEMBLE = 7


@dataclass
class Choir:
    """Members of noise, each a little different by those that it goes through the network with."""

    units: int = 2
    log: Path | None = None  # of members that were computed
    before: Callable[[Photo, int], None] = lambda photo, first: None
    long_edge: int | None = None
    photos_per_call: int = 1
    name: str = "choir"
    device: str = "cpu"
    dtype: str = "float32"
    reason: str = "there is no other"
    sung: list[str] = field(default_factory=list)

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        everyone = range(ENSEMBLE)
        return [
            self.merge(photo, self.predict_members(photo, everyone, self.units, on_step))
            for photo in photos
        ]

    def predict_members(
        self, photo: Photo, members: range, batch: int, on_step: Callable[[int, int], None]
    ) -> Floats:
        batches = [members[start : start + batch] for start in range(0, len(members), batch)]
        return np.concatenate([self._sing(photo, some, on_step) for some in batches])

    def _sing(self, photo: Photo, some: range, on_step: Callable[[int, int], None]) -> Floats:
        self.before(photo, some.start)
        on_step(1, 1)
        if self.log:
            with self.log.open("a") as file:
                file.writelines(f"{photo.digest[:8]} {member}\n" for member in some)
        dice = [np.random.default_rng([member, int(photo.digest[:8], 16)]) for member in some]
        voices = [one.random((1, *photo.pixels.shape[:2]), np.float32) for one in dice]
        return np.stack(voices) + np.float32(some.start) / 97 + np.float32(len(some)) / 89

    def merge(self, photo: Photo, members: Floats) -> DepthMap:
        assert len(members) == ENSEMBLE
        return DepthMap(np.median(members[:, 0], axis=0).astype(np.float32) / 3)

    def restored(self, depth: DepthMap, size: tuple[int, int]) -> DepthMap:
        return depth


@pytest.fixture
def few(studio):
    studio.ensemble = ENSEMBLE
    for seed, name in enumerate(("a.png", "b.png", "\udcff\n[/].png")):
        studio.shoot(name, seed)
    return studio


@pytest.fixture
def choirs(few, engine) -> list[Choir]:
    """Two workers that write down what they compute."""
    engine.predictors = [Choir(log=few.root / "log"), Choir(log=few.root / "log")]
    return engine.predictors


def reference(studio) -> dict[str, bytes]:
    """What one worker makes of the same photos at the same batch size."""
    alone = replace(studio, root=studio.root / "alone")
    alone.root.mkdir()
    (alone.root / "photos").symlink_to(studio.photos)
    alone.run(predictor=Choir())
    return alone.results()


def computed(studio) -> Counter[str]:
    """How often each member was computed."""
    return Counter((studio.root / "log").read_text().splitlines())


def left_over(studio) -> list[Path]:
    return [path for path in (studio.out / ".marigold").glob("parts*/**/*") if path.is_file()]


@pytest.mark.program
def test_members_made_by_two_workers_are_those_of_one_to_the_bit(few, engine, choirs):
    summary = few.run_together(engine, SPLIT)

    assert (summary.done, summary.exit_code, engine.started) == (3, ExitCode.OK, 1)
    assert few.results() == reference(few)
    assert set(computed(few).values()) == {1}
    assert len(computed(few)) == 3 * ENSEMBLE
    assert len(few.records("done")) == 3
    assert left_over(few) == []
    assert few.run(predictor=Choir()).skipped == 3


@pytest.mark.program
def test_both_workers_make_members_of_the_only_photo(studio, engine):
    studio.ensemble = ENSEMBLE
    studio.shoot("a.png")
    slow = [Choir(before=lambda photo, first: time.sleep(0.05)) for _ in range(2)]
    engine.predictors = slow

    studio.run_together(engine, SPLIT)

    told = [event for event in studio.diary.of(FromWorker) if isinstance(event.event, PartDone)]
    assert {event.worker for event in told} == {0, 1}
    assert sorted(event.event.part for event in told) == [
        (0, 2, 7), (2, 4, 7), (4, 6, 7), (6, 7, 7),
    ]  # fmt: skip
    assert studio.results() == reference(studio)


@pytest.mark.program
def test_an_ensemble_that_one_pass_could_hold_is_spread_all_the_same(few, engine):
    engine.predictors = [Choir(units=100), Choir(units=100)]

    few.run_together(engine, SPLIT)

    told = {event.event.part for event in few.diary.of(FromWorker) if hasattr(event.event, "part")}
    assert {part for part in told if part} == {(0, 4, 7), (4, 7, 7)}


@dataclass
class Killer:
    """Kills its process when it comes to a member, the first time only."""

    mark: Path
    first: int

    def __call__(self, photo: Photo, first: int) -> None:
        if first == self.first and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.program
@pytest.mark.parametrize("first", [0, 4, 6])
def test_a_worker_killed_within_a_photo_costs_only_what_it_had_in_hand(few, engine, choirs, first):
    for choir in choirs:
        choir.before = Killer(few.root / "killed", first)

    summary = few.run_together(engine, SPLIT)

    assert (summary.done, summary.exit_code, engine.started) == (3, ExitCode.OK, 2)
    assert few.results() == reference(few)
    assert len(few.records("done")) == 3
    assert sum(computed(few).values()) <= 3 * ENSEMBLE + 2 * 2  # what both had in hand
    assert [event for event in few.diary.of(Warned) if "died" in event.message]
    assert (left_over(few), few.lies()) == ([], [])


@pytest.mark.program
@pytest.mark.parametrize("policy", [SPLIT, replace(SPLIT, overwrite=True)])
def test_a_photo_that_kills_is_set_aside_and_the_others_are_done(few, engine, choirs, policy):
    poison = few.sha256("b.png")

    def kill(photo: Photo, first: int) -> None:
        if photo.digest == poison:
            os.kill(os.getpid(), signal.SIGKILL)

    for choir in choirs:
        choir.before = kill

    summary = few.run_together(engine, policy)

    assert [(one.name, one.kind) for one in summary.failed] == [("b.png", "crash")]
    assert (summary.done, read_status(few.out).exit_code) == (2, ExitCode.PARTIAL)
    assert engine.started <= 4


@pytest.mark.program
def test_a_member_that_fails_fails_its_photo_once(few, engine, choirs):
    wrong = few.sha256("a.png")

    def fail(photo: Photo, first: int) -> None:
        if photo.digest == wrong:
            raise ImageError(Kind.MEMORY, "too large")

    for choir in choirs:
        choir.before = fail

    summary = few.run_together(engine, SPLIT)

    assert [(one.name, one.kind) for one in summary.failed] == [("a.png", "memory")]
    assert (summary.done, engine.started) == (2, 1)
    assert len(few.records("failed")) == 1
    assert left_over(few) == []


@pytest.mark.program
def test_a_picture_that_cannot_be_read_fails_once(few, engine, choirs):
    (few.photos / "a.png").write_bytes(b"no picture")

    summary = few.run_together(engine, SPLIT)

    assert (summary.done, len(summary.failed), len(few.records("failed"))) == (2, 1, 1)


class Impatient:
    """Stops the run as soon as some members are made."""

    def observe(self, event) -> None:
        match event:
            case FromWorker(_, PartDone()):
                os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.program
def test_a_run_that_is_stopped_goes_on_with_the_members_that_it_had(studio, engine):
    studio.ensemble = ENSEMBLE
    studio.shoot("a.png")
    engine.predictors = [Choir(units=1, log=studio.root / "log") for _ in range(2)]
    for choir in engine.predictors:
        choir.before = lambda photo, first: time.sleep(0.2)
    calm, studio.diary = studio.diary, Impatient()
    stopped = studio.run_together(engine, replace(SPLIT, grace_s=0))
    kept, before, studio.diary = left_over(studio), computed(studio), calm

    summary = studio.run_together(engine, SPLIT)

    assert (stopped.signal, stopped.done) == (signal.SIGTERM, 0)
    assert len(kept) == before.total() > 0
    assert (summary.done, set(computed(studio).values())) == (1, {1})
    assert left_over(studio) == []


PHOTO = "0" * 64


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    from torch.distributed import HashStore

    (tmp_path / ".marigold/tmp").mkdir(parents=True)
    place = Workplace(tmp_path, tmp_path / ".marigold/tmp", fsync=False)
    return Parts(place, HashStore(), "run", "f" * 16)


def origin(name: str = "a.png", digest: str = PHOTO) -> Origin:
    job = Job(ImageRef(Path("/photos") / name, name), (), "new")
    return Origin(job, (4, 5), 1, digest, 9, 9)


def members(part: Part) -> Floats:
    return np.random.default_rng(part.first).random((part.size, 1, 4, 5), np.float32)


def test_members_come_back_as_they_were_laid_down(parts):
    ranges = parts_of(7, 3)
    for part in ranges:
        parts.put(origin(), part, members(part))

    together = parts.gather(origin(), ranges[1])

    assert [str(part) for part in ranges] == ["0-3", "3-6", "6-7"]
    assert np.array_equal(together, np.concatenate([members(part) for part in ranges]))


@pytest.mark.parametrize("point", [0, 1, 100, 260, 300, -1])
def test_a_torn_part_is_never_used(parts, point):
    part = Part(0, 2, 4, 2)
    parts.put(origin(), part, members(part))
    (path,) = [path for path in parts.place.root.rglob("0-2") if path.is_file()]
    data = path.read_bytes()

    path.write_bytes(data[:point])
    assert parts.find(origin(), part) is None

    path.write_bytes(data[:point] + bytes([data[point] ^ 1]) + bytes(len(data[point:]) - 1))
    assert parts.find(origin(), part) is None


@pytest.mark.parametrize(
    "other",
    [
        lambda parts: (parts, origin(digest="1" * 64), Part(0, 2, 4, 2)),
        lambda parts: (replace(parts, fingerprint="e" * 16), origin(), Part(0, 2, 4, 2)),
        lambda parts: (parts, origin(), Part(0, 2, 8, 2)),
        lambda parts: (parts, origin(), Part(0, 2, 4, 1)),
    ],
)
def test_a_part_of_another_photo_or_of_other_settings_is_never_used(parts, other):
    parts.put(origin(), Part(0, 2, 4, 2), members(Part(0, 2, 4, 2)))
    elsewhere, photo, part = other(parts)

    assert elsewhere.find(photo, part) is None


def test_a_part_under_another_s_name_is_never_used(parts):
    part, other = Part(0, 2, 4, 2), Part(2, 4, 4, 2)
    parts.put(origin(), part, members(part))
    (path,) = [path for path in parts.place.root.rglob("0-2") if path.is_file()]

    path.rename(path.with_name("2-4"))

    assert parts.find(origin(), other) is None
    with pytest.raises(ImageError, match="changed while it was computed"):
        parts.gather(origin(), part)


def test_the_last_one_is_told_so_and_what_all_took(parts):
    job = origin().job

    told = [parts.count(job, part, 1.5) for part in (Part(2, 4, 5, 2), *parts_of(5, 2)[::2])]

    assert told == [None, None, 4.5]


def test_only_the_first_failure_counts(parts):
    job = origin().job

    assert not parts.has_failed(job)
    assert (parts.fail(job), parts.fail(job), parts.has_failed(job)) == (True, False, True)


def test_what_a_shard_has_in_the_making_is_none_of_the_others_business(parts):
    part = Part(0, 2, 4, 2)
    shards = [replace(parts, shard=shard) for shard in ("1/2", "2/2", "")]
    for one in shards:
        one.put(origin(), part, members(part))

    clear(parts.place.root, "1/2")
    after_one = [one.find(origin(), part) is None for one in shards]
    clear(parts.place.root, "")

    assert after_one == [True, False, False]
    assert all(one.find(origin(), part) is None for one in shards)


def test_a_job_is_cut_where_one_worker_begins_another_batch():
    jobs = cut([origin("a.png").job, origin("b.png").job], 5, 2)

    assert [(one.ref.name[0], str(one.part)) for one in jobs] == [
        ("a", "0-2"), ("a", "2-4"), ("a", "4-5"), ("b", "0-2"), ("b", "2-4"), ("b", "4-5"),
    ]  # fmt: skip


def test_a_split_needs_members_and_no_tiles(recipe):
    with pytest.raises(UsageError, match="--ensemble 10"):
        check_split(recipe, "tiny")
    with pytest.raises(UsageError, match="--tile"):
        check_split(replace(recipe, ensemble=4, tile=0), "tiny")
    check_split(replace(recipe, ensemble=4), "tiny")


def test_a_part_takes_its_name_from_no_photo(parts):
    name = "sub/\udcff\n[/]" + "x" * 300 + ".png"

    parts.put(origin(name), Part(0, 1, 2, 1), members(Part(0, 1, 2, 1)))

    assert parts.find(origin(name), Part(0, 1, 2, 1)) is not None
    assert sha256(os.fsencode(name)).hexdigest()[:16] in {
        path.name for path in (parts.place.root / ".marigold/parts").iterdir()
    }
