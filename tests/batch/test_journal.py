from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marigold_cli.batch.folder import occupied
from marigold_cli.batch.journal import Journal, fold, journal_of
from marigold_cli.batch.lines import from_line, to_line
from marigold_cli.batch.records import Done, Failed, Made, OutputFile, Start, Void
from marigold_cli.batch.runs import End, Run
from marigold_cli.batch.shard import Shard
from marigold_cli.batch.status import read_status
from marigold_cli.errors import ForeignFileError, OutputError, RefusedError

NAMES = st.binary(min_size=1, max_size=40).map(os.fsdecode)


def done(name: str, fp: str = "f" * 16, path: str | None = None) -> Done:
    output = OutputFile(path or f"{name}_depth.npy", 10, "0" * 64)
    return Done(name, 5, 6, "1" * 64, fp, 0, 1, 0.5, (output,))


def write(out: Path, *records, name: str = "journal.jsonl") -> None:
    out.mkdir(exist_ok=True)
    with Journal(out / name, fsync=False) as journal:
        for record in records:
            journal.append(record)


def worker(out: Path, number: int) -> Path:
    """The journal of a worker, in a folder that is there."""
    path = journal_of(out, worker=number)
    path.parent.mkdir(exist_ok=True)
    return path


@given(NAMES)
def test_every_file_name_comes_back_from_one_line_of_ascii(name):
    for record in (
        done(name),
        Failed(name, "format", name, 1, 2, 3),
        Start(name, "f", True, "0-2", 5, 6),
        Made(name, "0-2"),
    ):
        line = to_line(record, at=1.5)

        assert from_line(line) == (record, 1.5)
        assert line.count(b"\n") == 1
        assert json.loads(line.decode("ascii"))["input"] == name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(NAMES, unique=True, max_size=8))
def test_no_name_can_forge_a_record(tmp_path, names):
    out = tmp_path / os.urandom(4).hex()
    forged = '"}\n{"v":1,"ev":"done","input":"forged"'

    write(out, *(done(name) for name in names), Failed(forged, "format", forged, 1, 0, 0))

    assert set(fold(out).entries) == {*names, forged}


def test_the_last_word_on_a_photo_counts(tmp_path):
    write(tmp_path, done("a"), done("b"), Failed("b", "io", "gone", 1, 0, 0), done("c"), Void("c"))

    entries = fold(tmp_path).entries

    assert [bool(entries[name].done) for name in "abc"] == [True, False, False]
    assert [bool(entries[name].failed) for name in "abc"] == [False, True, False]


def test_a_torn_last_line_is_skipped_counted_and_healed(tmp_path):
    write(tmp_path, done("a"), done("b"))
    journal = tmp_path / "journal.jsonl"
    os.truncate(journal, journal.stat().st_size - 7)

    torn = fold(tmp_path)
    write(tmp_path, done("c"))
    healed = fold(tmp_path)

    assert (list(torn.entries), torn.bad_lines) == (["a"], 1)
    assert (list(healed.entries), healed.bad_lines) == (["a", "c"], 1)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense", b"\xff\xfe", b"[]", b"null", b"{}", b'{"ev":1}', b'{"ev":"done"}', b"[" * 9999,
        b'{"ev":"done","input":7}', b'{"ev":"failed","input":"a"}', b'{"ev":"start","input":"a"}',
        to_line(done("a"), 1).replace(b'"size":10', b'"size":"10"'),
        to_line(done("a"), 1).replace(b'[{"path"', b'[7,{"path"'),
        to_line(done("a"), 1)[:-2],
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_skipped_and_counted(tmp_path, line):
    write(tmp_path, done("b"))
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(line.rstrip(b"\n") + b"\n")
    write(tmp_path, done("c"))

    state = fold(tmp_path)

    assert (list(state.entries), state.bad_lines) == (["b", "c"], 1)


def test_records_and_fields_of_later_versions_are_ignored(tmp_path):
    later = to_line(done("a"), 1).replace(b'{"v":1', b'{"v":9,"colour":"red"')
    (tmp_path / "journal.jsonl").write_bytes(b'{"v":9,"ev":"dream","input":"x"}\n' + later)

    state = fold(tmp_path)

    assert (list(state.entries), state.bad_lines) == (["a"], 0)


def test_all_journals_of_a_folder_are_folded_in_the_order_of_their_time(tmp_path):
    early, late = to_line(done("a", "1"), 100.0), to_line(done("a", "2"), 200.0)
    (tmp_path / "journal.jsonl").write_bytes(late)
    worker(tmp_path, 1).write_bytes(early + to_line(done("b"), 150.0))

    entries = fold(tmp_path).entries

    assert entries["a"].done.fp == "2"
    assert entries["b"].done


def test_within_a_journal_the_order_holds_whatever_the_clock_did(tmp_path):
    lines = [to_line(done("a"), 500.0), to_line(Failed("a", "io", "gone", 1, 0, 0), 20.0)]
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines))

    assert fold(tmp_path).entries["a"].failed


def test_an_output_belongs_to_the_photo_that_was_done_last(tmp_path):
    write(tmp_path, done("a.png", path="a.npy"), done("a.jpg", path="a.npy"))

    state = fold(tmp_path)

    assert state.owners == {"a.npy": "a.jpg"}
    assert state.entries["a.png"].done is None


RUN = Run("f", 1, {})


@pytest.mark.parametrize(
    ("records", "crashes", "alone"),
    [
        ([RUN, Start("a", "f", False)], 1, 0),
        ([RUN, Start("a", "f", True)], 1, 1),
        ([RUN, Start("a", "f", True), RUN, Start("a", "f", True), RUN], 2, 2),
        ([RUN, Start("a", "f", True), End(75)], 0, 0),
        ([RUN, Start("a", "f", True), done("a")], 0, 0),
        ([RUN, Start("a", "f", True), RUN, Start("a", "f", True), done("a"), End(0)], 0, 0),
        ([RUN, Start("a", "f", True), Failed("a", "io", "", 1, 0, 0)], 0, 0),
    ],
)
def test_a_photo_that_was_in_flight_when_a_run_died_is_remembered(
    tmp_path, records, crashes, alone
):
    write(tmp_path, *records)

    entry = fold(tmp_path).entries["a"]

    assert (entry.crashes, entry.alone) == (crashes, alone)


def test_journals_of_workers_are_folded_with_that_of_their_head(tmp_path):
    (tmp_path / ".marigold").mkdir()
    write(tmp_path, RUN, Void("a"))
    write(tmp_path, done("a"), name=".marigold/journal-worker0.jsonl")
    write(tmp_path, done("b"), name=".marigold/journal-3of8-worker1.jsonl")

    assert {name for name, one in fold(tmp_path).entries.items() if one.done} == {"a", "b"}


def test_outputs_are_not_listed_and_a_user_s_own_journal_is_left_alone(tmp_path, monkeypatch):
    write(tmp_path, RUN, done("a"))
    write(tmp_path, done("b"), name="journal_2025.jsonl")
    listed = []
    for name in ("listdir", "scandir"):
        real = getattr(os, name)
        spy = lambda path, real=real: listed.append(Path(path)) or real(path)  # noqa: E731
        monkeypatch.setattr(os, name, spy)

    state = fold(tmp_path)

    assert list(state.entries) == ["a"]
    assert tmp_path not in listed


def as_another_user(studio, look) -> int:
    """Run a function in the studio as a user who owns nothing there, if we may become one."""
    os.chdir(studio.root)
    if os.geteuid() == 0:
        os.setuid(65534)
    look()
    return 0


@pytest.fixture
def of_a_shard(studio):
    """Results of a shard, its journal in the hidden folder, where others may look."""
    studio.shard = Shard(1, 2)
    for seed in range(6):
        studio.shoot(f"{seed}.png", seed)
    umask = os.umask(0o022)
    studio.run()
    os.umask(umask)
    studio.root.chmod(0o755)
    return studio


def test_another_user_is_told_how_far_the_runs_came(of_a_shard, child):
    with occupied(of_a_shard.out, fsync=False):
        own = read_status(of_a_shard.out)

        def look() -> None:
            assert read_status(Path("depths")) == own

        code = child(lambda: as_another_user(of_a_shard, look))

    assert (code, own.done > 0, own.is_running) == (0, True, True)


@pytest.mark.parametrize("closed", [".marigold", ".marigold/journal-1of2.jsonl"])
def test_who_may_not_read_the_journals_is_told_so(of_a_shard, child, closed):
    (of_a_shard.out / closed).chmod(0)

    def look() -> None:
        with pytest.raises(RefusedError, match=f"{closed}: may not be read"):
            fold(Path("depths"))

    code = child(lambda: as_another_user(of_a_shard, look))
    (of_a_shard.out / closed).chmod(0o755)
    assert code == 0


def lines(*told) -> bytes:
    return b"".join(to_line(record, at) for at, record in told)


def test_a_photo_is_in_flight_with_one_worker_only(tmp_path):
    """Worker 1 died with it; worker 0 got it next and finished it."""
    (tmp_path / "journal.jsonl").write_bytes(lines((1, RUN), (5, RUN)))
    worker(tmp_path, 0).write_bytes(
        lines((6, Run("f", 0, {}, worker=0)), (7, Start("a", "f", True)), (8, done("a")))
    )
    worker(tmp_path, 1).write_bytes(
        lines((2, Run("f", 0, {}, worker=1)), (3, Start("a", "f", True)))
    )
    before = fold(tmp_path).entries["a"]
    worker(tmp_path, 0).write_bytes(
        lines((6, Run("f", 0, {}, worker=0)), (7, Start("a", "f", True)))
    )

    after = fold(tmp_path).entries["a"]

    assert (before.crashes, before.alone) == (0, 0)
    assert (after.crashes, after.alone) == (2, 2)


def two_workers(out: Path, *seconds) -> None:
    """Worker 0 has made a part of a photo and has another in hand; worker 1 does as told."""
    (out / "journal.jsonl").write_bytes(lines((1, RUN)))
    first, then = Start("a", "f", True, "0-2"), Start("a", "f", True, "2-4")
    worker(out, 0).write_bytes(
        lines((2, Run("f", 0, {}, worker=0)), (3, first), (4, Made("a", "0-2")), (5, then))
    )
    worker(out, 1).write_bytes(lines((2, Run("f", 0, {}, worker=1)), *seconds))


def test_workers_that_die_together_over_one_photo_are_one_death(tmp_path):
    two_workers(tmp_path, (3, Start("a", "f", True, "4-6")))

    entry = fold(tmp_path).entries["a"]
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(lines((9, RUN)))
    once_more = fold(tmp_path).entries["a"]

    assert (entry.crashes, entry.alone) == (1, 1)
    assert (once_more.crashes, once_more.alone) == (1, 1)


def test_no_part_is_in_flight_once_its_photo_is_done(tmp_path):
    two_workers(tmp_path, (3, Start("a", "f", True, "4-6")), (6, done("a")))

    entry = fold(tmp_path).entries["a"]

    assert (entry.crashes, bool(entry.done)) == (0, True)


def test_a_part_that_is_made_is_no_longer_in_flight(tmp_path):
    two_workers(tmp_path)
    with worker(tmp_path, 0).open("ab") as journal:
        journal.write(lines((6, Made("a", "2-4"))))

    assert fold(tmp_path).entries["a"].crashes == 0


@pytest.mark.parametrize(
    ("end", "later", "crashes"),
    [
        (End(75), [], 0),
        (End(75, lost=(1,)), [], 0),
        (End(75, lost=(0,)), [], 1),
        (End(75, lost=(0,)), [(6, End(0))], 0),
    ],
)
def test_the_end_of_a_run_acquits_its_workers_but_those_it_has_lost(tmp_path, end, later, crashes):
    """A worker that is at work still writes an end of its own, be it later."""
    (tmp_path / "journal.jsonl").write_bytes(lines((1, RUN), (5, end)))
    worker(tmp_path, 0).write_bytes(
        lines((2, Run("f", 0, {}, worker=0)), (3, Start("a", "f", True)), *later)
    )

    state = fold(tmp_path)
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(lines((9, RUN)))
    next_run = fold(tmp_path)

    assert (state.entries["a"].crashes, next_run.entries["a"].alone) == (crashes, crashes)
    assert [end.code for end in state.ends] == [75]


def test_journals_of_an_earlier_version_know_of_no_lost_workers_and_no_sizes(tmp_path):
    old = [b'{"v":1,"ev":"start","at":1.0,"input":"a","fp":"f","alone":true,"part":""}']
    old.append(b'{"v":1,"ev":"end","at":2.0,"code":75}')

    records = [from_line(line)[0] for line in old]

    assert records == [Start("a", "f", True), End(75)]


def test_deaths_are_not_counted_against_another_file_of_the_same_name(tmp_path):
    first, anew = Start("a", "f", True, size=5, mtime_ns=6), Start("a", "f", True, "", 7, 8)

    write(tmp_path, RUN, first, RUN, first, RUN, anew)
    entry = fold(tmp_path).entries["a"]

    assert (entry.crashes, entry.alone, entry.begun) == (1, 1, (7, 8))


def test_a_worker_s_end_is_not_the_run_s(tmp_path):
    (tmp_path / "journal.jsonl").write_bytes(lines((1, RUN)))
    worker(tmp_path, 0).write_bytes(lines((2, Run("f", 0, {}, worker=0)), (3, End(0))))

    assert fold(tmp_path).ends == [None]


def test_who_has_read_the_journals_writes_no_earlier_time(tmp_path, monkeypatch):
    """The clock of the machine that wrote before was an hour ahead."""
    with Journal(tmp_path / "journal.jsonl", fsync=False) as journal:
        monkeypatch.setattr(time, "time", lambda: 7200.0)
        journal.append(done("a"))
    state = fold(tmp_path)

    with Journal(worker(tmp_path, 0), fsync=False, after=state.latest) as journal:
        monkeypatch.setattr(time, "time", lambda: 3600.0)
        journal.append(Void("a"))

    assert fold(tmp_path).entries["a"].done is None


@pytest.mark.parametrize(
    ("again", "finished"), [(Run("f", 1, {}, id="x"), {"a"}), (Run("f", 1, {}, id="y"), set())]
)
def test_what_a_run_has_finished_is_known_when_it_begins_once_more(tmp_path, again, finished):
    write(tmp_path, Run("f", 2, {}, id="x"), done("a"), again)

    assert fold(tmp_path).stints[""].finished == finished


def test_a_torn_line_acquits_the_photos_in_flight(tmp_path):
    write(tmp_path, RUN, Start("a", "f", True), done("b"))
    journal = tmp_path / "journal.jsonl"
    os.truncate(journal, journal.stat().st_size - 7)

    assert fold(tmp_path).entries["a"].crashes == 0


def test_lines_of_several_threads_do_not_mix(tmp_path):
    with Journal(tmp_path / "journal.jsonl", fsync=False) as journal:
        threads = [
            threading.Thread(target=lambda n=n: [journal.note(done(f"{n}.{k}")) for k in range(50)])
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    state = fold(tmp_path)

    assert (len(state.entries), state.bad_lines) == (400, 0)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_plain_file_is_no_journal_of_ours(tmp_path, kind):
    out, victim = tmp_path / "out", tmp_path / "victim"
    out.mkdir()
    victim.write_bytes(b"precious")
    path = out / "journal.jsonl"
    {
        "link": lambda: path.symlink_to(victim),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()

    with pytest.raises(ForeignFileError):
        fold(out)
    with pytest.raises((ForeignFileError, OutputError)):
        write(out, done("a"))

    assert victim.read_bytes() == b"precious"


def test_a_record_that_does_not_fit_on_the_disk_is_an_error_and_the_next_one_is_whole(
    tmp_path, monkeypatch
):
    real = os.write
    with Journal(tmp_path / "journal.jsonl", fsync=False) as journal:
        monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:9]))
        with pytest.raises(OutputError, match="free some space"):
            journal.append(done("a"))
        monkeypatch.undo()
        journal.append(done("b"))

    state = fold(tmp_path)

    assert (list(state.entries), state.bad_lines) == (["b"], 1)


def test_a_mark_is_settled_by_a_later_synchronisation(tmp_path, monkeypatch):
    synced = []
    with Journal(tmp_path / "journal.jsonl") as journal:
        monkeypatch.setattr(os, "fsync", synced.append)
        mark = journal.note(Start("a", "f", False))
        journal.append(done("b"))
        journal.settle(mark)

    assert len(synced) == 1
