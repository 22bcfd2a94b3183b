from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from marigold_cli import doctor
from marigold_cli.checkpoints.cpu import choose_cpu_dtype
from marigold_cli.doctor import Check, examine

Call = Callable[..., Any]  # gives an Answer of conftest.py


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def test_the_doctor_looks_at_everything_that_matters() -> None:
    checks = {check.name: check for check in examine()}

    assert checks["torch"].found == version("torch")
    assert checks["diffusers"].ok
    assert checks["--dtype auto"].found.startswith(choose_cpu_dtype())
    assert choose_cpu_dtype() in checks["cpu bfloat16"].found
    assert {"--compile", "--compile auto"} & checks.keys()
    assert f"{torch.get_num_threads()} of " in checks["cpu threads"].found
    assert re.search(r"\d GB free", checks["disk, here"].found)
    assert {"default device", "disk, models", "extra heic", "extra raw"} <= checks.keys()


def test_what_is_not_in_order_comes_with_advice() -> None:
    assert all(check.advice for check in examine() if not check.ok)


def test_a_missing_model_is_no_fault_but_worth_a_word() -> None:
    (check,) = (check for check in examine() if check.name == "full model")

    assert check.ok
    assert "marigold models pull" in check.advice


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))

    (check,) = (check for check in examine() if check.name == "disk, models")

    assert (check.ok, check.found) == (False, f"{tmp_path} cannot be written to")


def test_a_version_that_is_too_old_is_found() -> None:
    check = doctor._package("numpy", ">=99")

    assert check == Check(
        "numpy", False, f"{version('numpy')}, needed >=99", "pip install 'numpy>=99'"
    )


def test_a_package_that_is_missing_is_found() -> None:
    check = doctor._package("no-such-package", ">=1")

    assert (check.ok, check.advice) == (False, "pip install 'no-such-package>=1'")


def test_a_check_that_breaks_is_a_finding() -> None:
    def break_down() -> None:
        raise OSError("no such device")

    assert [check.ok for check in doctor._guarded("disk", break_down)] == [False]


def test_the_report_is_a_table_for_people(call: Call) -> None:
    answer = call("doctor")

    assert answer.code == 0
    assert re.search(r"^ok +torch +\d", answer.out, re.MULTILINE)


def test_the_report_is_a_list_for_programs(call: Call) -> None:
    checks = json.loads(call("doctor", "--json").out)

    assert {"name", "ok", "found", "advice"} == checks[0].keys()
