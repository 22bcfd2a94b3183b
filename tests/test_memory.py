"""Peak memory of the real command, in processes of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parent / "bench" / "memory.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(scope="module")
def memory() -> ModuleType:
    spec = importlib.util.spec_from_file_location("memory", BENCH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("detail", [("--tile", "auto"), ("--refine",)])
def test_all_files_of_200_megapixels_take_less_than_4_gb(
    memory: ModuleType, tmp_path: Path, detail: tuple[str, ...]
) -> None:
    memory.make_photo(tmp_path / "photo.jpg", memory.BIG)

    notes = memory.measure(tmp_path, *detail, *memory.EVERYTHING)

    when, _, peak = notes[-1]
    assert when == "end"
    assert peak * (1 << 20) < 4e9


def test_memory_is_flat_over_500_photos(memory: ModuleType, tmp_path: Path) -> None:
    for index in range(500):
        memory.make_photo(tmp_path / f"{index:04}.jpg", memory.SMALL, turn=index)

    notes = memory.measure(tmp_path, "--fast", "--resolution", "64")

    early = next(peak for when, _, peak in notes if int(when) >= 50)
    assert notes[-1][0] == "end"
    assert notes[-1][2] < early + 32
