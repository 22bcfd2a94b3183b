from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marigold_cli.batch.progress import FromWorker
from marigold_cli.batch.shard import Shard, choose_shard
from marigold_cli.batch.status import read_status
from marigold_cli.errors import ExitCode, UsageError
from marigold_cli.files.discover import ImageRef

NAMES = st.binary(min_size=1, max_size=30).map(os.fsdecode)


def shards_of(name: str, count: int) -> list[int]:
    ref = ImageRef(Path(name), name)
    return [index for index in range(1, count + 1) if Shard(index, count).takes(ref)]


@given(NAMES, st.integers(1, 50))
def test_every_photo_is_in_one_shard(name, count):
    assert len(shards_of(name, count)) == 1


def test_shards_are_about_equal():
    counts = Counter(shards_of(f"day{n % 9}/IMG_{n:05}.JPG", 8)[0] for n in range(8000))

    assert all(900 < number < 1100 for number in counts.values())


def test_photos_that_would_share_outputs_are_in_the_same_shard():
    for number in range(50):
        assert shards_of(f"{number}.jpg", 7) == shards_of(f"{number}.png", 7)


ARRAY = {"SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "3"}


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        (None, {}, None),
        ("3/8", {}, Shard(3, 8)),
        ("1/1", {}, None),
        (None, {**ARRAY, "SLURM_ARRAY_TASK_ID": "4"}, Shard(1, 3)),
        (None, {**ARRAY, "SLURM_ARRAY_TASK_ID": "6"}, Shard(3, 3)),
        (None, {**ARRAY, "SLURM_ARRAY_TASK_ID": "14", "SLURM_ARRAY_TASK_STEP": "5"}, Shard(3, 3)),
        (None, {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "1",
                "SLURM_ARRAY_TASK_MIN": "7"}, None),
        ("2/2", {**ARRAY, "SLURM_ARRAY_TASK_ID": "4"}, Shard(2, 2)),
        ("1/1", {**ARRAY, "SLURM_ARRAY_TASK_ID": "4"}, None),
    ],
)  # fmt: skip
def test_the_shard_is_what_was_asked_for_or_that_of_the_array(text, environment, shard):
    assert choose_shard(text, environment) == shard


def test_a_shard_says_where_its_numbers_came_from():
    array = choose_shard(None, {**ARRAY, "SLURM_ARRAY_TASK_ID": "5"})

    assert (str(array), array.source) == ("2/3", "SLURM_ARRAY_TASK_ID=5 of an array of 3")
    assert choose_shard("2/3", {}).source == "--shard"


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/0", "-1/2", "1/2/3", "a/b"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="--shard"):
        choose_shard(text, {})


def test_an_array_with_gaps_is_refused_for_want_of_even_parts():
    with pytest.raises(UsageError, match="--shard I/N"):
        choose_shard(None, {**ARRAY, "SLURM_ARRAY_TASK_ID": "9"})


@pytest.fixture
def ten(studio):
    for seed in range(10):
        studio.shoot(f"{seed}.png", seed)
    return studio


def part(studio, index: int, count: int = 3):
    return replace(studio, shard=Shard(index, count))


def test_shards_do_all_photos_between_them_and_only_the_last_makes_it_whole(ten):
    codes = []
    for index in (2, 3, 1):
        summary = part(ten, index).run()
        assert summary.exit_code is ExitCode.OK
        codes.append(read_status(ten.out).exit_code)

    assert codes == [ExitCode.STOPPED, ExitCode.STOPPED, ExitCode.OK]
    assert Counter(record["input"] for record in ten.records("done")) == Counter(
        f"{seed}.png" for seed in range(10)
    )
    assert (part(ten, 2).run().done, ten.run().skipped) == (0, 10)
    assert read_status(ten.out).exit_code is ExitCode.OK


def test_a_shard_without_photos_says_so_in_the_journal(studio):
    studio.shoot("a.png")
    for index in (1, 2, 3):
        part(studio, index).run()

    assert read_status(studio.out).exit_code is ExitCode.OK


def test_a_bad_photo_in_one_shard_is_told_by_the_whole(ten):
    (ten.photos / "4.png").write_bytes(b"no picture")

    codes = [part(ten, index).run().exit_code for index in (1, 2, 3)]

    assert sorted(codes) == [ExitCode.OK, ExitCode.OK, ExitCode.PARTIAL]
    assert read_status(ten.out).exit_code is ExitCode.PARTIAL


def test_a_shard_may_have_several_workers(ten, engine):
    summary = part(ten, 1, 2).run_together(engine)
    rest = part(ten, 2, 2).run()

    assert {event.worker for event in ten.diary.of(FromWorker)} <= {0, 1}
    assert summary.done + rest.done == 10
    assert read_status(ten.out).exit_code is ExitCode.OK
    assert (ten.out / ".marigold/journal-1of2-worker0.jsonl").exists()
