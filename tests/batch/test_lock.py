from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from marigold_cli.batch.journal import Journal
from marigold_cli.batch.lock import admitted
from marigold_cli.errors import OutputInUseError


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.mark.parametrize(
    ("here", "then", "is_let_in"),
    [
        (None, None, False),
        (None, "us", False),
        ("us", None, False),
        ("us", "them", False),
        ("us", "us and more", False),
        ("us", "us", True),
    ],
)
def test_only_those_who_say_the_same_words_are_let_in(lock, here, then, is_let_in, monkeypatch):
    monkeypatch.setattr("marigold_cli.batch.lock._PAUSE_S", 0)

    with admitted(lock, here) as was_first:
        refusal = contextlib.nullcontext() if is_let_in else pytest.raises(OutputInUseError)
        with refusal, admitted(lock, then) as is_first:
            assert not is_first

    assert was_first
    with admitted(lock, then) as is_first:
        assert is_first


def test_a_party_goes_on_when_its_first_one_has_left(lock, monkeypatch):
    monkeypatch.setattr("marigold_cli.batch.lock._PAUSE_S", 0)
    first = contextlib.ExitStack()
    first.enter_context(admitted(lock, "us"))

    with admitted(lock, "us"):
        first.close()
        with admitted(lock, "us"):
            pass
        with pytest.raises(OutputInUseError), admitted(lock, None):
            pass


def test_a_journal_has_one_writer(tmp_path):
    path = tmp_path / "journal.jsonl"

    with Journal(path), pytest.raises(OutputInUseError, match="another run writes"):
        Journal(path)

    with Journal(path):
        pass
