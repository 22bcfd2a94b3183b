from __future__ import annotations

from pathlib import Path

import pytest

from marigold_cli.checkpoints.scores import SCORES, Mean, Score, average, read_scores
from marigold_cli.errors import ModelError


def test_a_table_is_read_and_averaged_by_set(tmp_path: Path) -> None:
    table = "set,picture,abs_rel,delta1\nrooms,a,0.1,0.9\nroads,b,0.4,0.5\nrooms,c,0.3,0.7\n"
    (tmp_path / SCORES).write_text(table)

    scores = read_scores(tmp_path)

    assert scores[1] == Score("roads", "b", 0.4, 0.5)
    assert average(scores) == [
        Mean("rooms", 2, pytest.approx(0.2), pytest.approx(0.8)),
        Mean("roads", 1, 0.4, 0.5),
    ]


def test_a_checkpoint_without_a_table_has_no_scores(tmp_path: Path) -> None:
    assert read_scores(tmp_path) == ()
    assert average(()) == []


@pytest.mark.parametrize(
    "table", [b"a,b\n1,2\n", b"set,picture,abs_rel,delta1\nx,y,z,0\n", b"\xff"]
)
def test_what_is_no_such_table_is_said_so(tmp_path: Path, table: bytes) -> None:
    (tmp_path / SCORES).write_bytes(table)

    with pytest.raises(ModelError, match=r"scores\.csv: is no table of set, picture"):
        read_scores(tmp_path)
