from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from marigold_cli.checkpoints import card, cpu
from marigold_cli.checkpoints.cpu import bfloat16_units, choose_cpu_dtype
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.depth import DepthKind


@pytest.mark.parametrize(
    ("flags", "names", "dtype"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", [], "float32"),
        ("flags\t\t: fpu avx512_bf16 avx512f", ["AVX512-BF16"], "bfloat16"),
        ("flags\t\t: avx512_bf16 amx_bf16 amx_tile", ["AMX", "AVX512-BF16"], "bfloat16"),
        ("bugs\t\t: avx512_bf16", [], "float32"),
        ("Features\t: asimd bf16", [], "float32"),
    ],
)
def test_what_the_cpu_multiplies_is_read_from_the_kernel(
    flags: str, names: list[str], dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu.platform, "machine", lambda: "x86_64")
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor\t: 0\n{flags}\n\nprocessor\t: 1\n{flags}\n")

    assert (bfloat16_units(told), choose_cpu_dtype(told)) == (names, dtype)


@pytest.mark.parametrize("kind", DepthKind)
def test_what_was_measured_for_depth_alone_is_taken_for_depth_alone(
    kind: DepthKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "choose_cpu_dtype", lambda: "bfloat16")
    is_depth = kind not in (DepthKind.NORMALS, DepthKind.INTRINSICS)

    cpu_dtype = replace(resolve("tiny"), kind=kind).cpu_dtype

    assert cpu_dtype == ("bfloat16" if is_depth else "float32")


def test_without_a_kernel_that_tells_it_is_float32(tmp_path: Path) -> None:
    assert choose_cpu_dtype(tmp_path / "nothing") == "float32"


@pytest.mark.skipif(not hasattr(torch.cpu, "get_capabilities"), reason="an older torch")
def test_torch_sees_the_same_units_of_this_machine() -> None:
    seen = torch.cpu.get_capabilities()

    known = [name for flag, name in cpu._UNITS.items() if seen.get(flag)]

    assert bfloat16_units() == known
