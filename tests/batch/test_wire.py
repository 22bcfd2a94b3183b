from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from marigold_cli.batch.progress import (
    JobDone,
    JobFailed,
    JobStarted,
    ModelLoaded,
    PartDone,
    StepDone,
    Warned,
)
from marigold_cli.batch.wire import Alive, Arrived, Left, Orders, from_text, to_text

NAMES = st.binary(min_size=1, max_size=30).map(os.fsdecode)


@given(NAMES, st.integers(), st.floats(0, 1e9))
def test_every_word_comes_back_from_one_line_of_ascii(name, number, amount):
    words = [
        Arrived(name, number, name, 3),
        Orders(name, number, 2, name, "3/8", name, amount),
        Alive(),
        Left(number, name),
        ModelLoaded(name, name, name, name, amount),
        JobStarted(name),
        JobStarted(name, (0, 2, 5)),
        StepDone((name, name), number, 10),
        StepDone((name,), number, 10, (2, 4, 5)),
        PartDone(name, (2, 4, 5), is_wanted=False),
        Warned(name),
        JobDone(name, amount, (name, name)),
        JobFailed(name, "io", name),
    ]

    for word in words:
        text = to_text(word).encode("ascii")

        assert from_text(text) == word
        assert b"\n" not in text
