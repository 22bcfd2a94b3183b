from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marigold_cli.checkpoints.published import KNOWN
from marigold_cli.cli.models import lay_out
from marigold_cli.errors import ExitCode

Call = Callable[..., Any]  # gives an Answer of conftest.py


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def test_the_list_names_what_could_be_pulled(call: Call) -> None:
    answer = call("models", "list")

    assert answer.code == 0
    assert all(one.name in answer.out for one in KNOWN)
    assert "absent" in answer.out


def test_no_column_is_cut_however_narrow_the_terminal_is() -> None:
    rows = [("name", "short"), ("a-model-of-a-long-name", "model"), ("b", "-")]
    about = ["about", "what it is and where it comes from", "another"]

    wide = [*lay_out(rows, about, 80)]
    narrow = [*lay_out(rows, about, 40)]

    assert wide[2] == "b                       -      another"
    assert narrow[1].split("\n") == [
        "a-model-of-a-long-name  model",
        "    what it is and where it comes from",
    ]


def test_the_list_is_for_programs_too(call: Call) -> None:
    listed = json.loads(call("models", "list", "--json").out)

    states = {one["name"]: one["state"] for one in listed}
    assert all(states[one.name] == "absent" for one in KNOWN)


def test_a_folder_can_be_shown(call: Call, checkpoint: Path) -> None:
    answer = call("models", "show", checkpoint)

    assert answer.code == 0
    assert f"folder      {checkpoint}" in answer.out
    assert re.search(r"^ +unet/diffusion_pytorch_model.safetensors$", answer.out, re.MULTILINE)
    assert "checked" not in answer.out  # its identity is a hash of its bytes


def test_a_folder_is_shown_to_programs_too(call: Call, checkpoint: Path) -> None:
    facts = json.loads(call("models", "show", checkpoint, "--json").out)

    assert (facts["kind"], facts["steps"], facts["resolution"]) == ("affine-depth", 2, 64)
    assert facts["size_bytes"] > 0


def test_scores_are_shown_where_there_are_any(call: Call, checkpoint: Path, tmp_path: Path) -> None:
    measured = tmp_path / "measured"
    shutil.copytree(checkpoint, measured)
    table = "set,picture,abs_rel,delta1\nrooms,first,0.1,0.9\nrooms,second,0.3,0.7\n"
    (measured / "scores.csv").write_text(table)

    means = call("models", "show", measured).out
    each = call("models", "show", measured, "--each").out
    facts = json.loads(call("models", "show", measured, "--json").out)

    assert re.search(r"rooms +2 +0\.200 +0\.800", means)
    assert re.search(r"rooms +second +0\.300 +0\.700", each)
    assert "AbsRel" not in call("models", "show", checkpoint).out
    assert [one["abs_rel"] for one in facts["scores"]] == [0.1, 0.3]


def test_a_name_that_means_nothing_cannot_be_pulled(call: Call) -> None:
    answer = call("models", "pull", "../../etc")

    assert answer.code == ExitCode.MODEL
    assert "error: " in answer.err
