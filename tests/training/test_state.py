from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from marigold_cli.errors import RefusedError
from marigold_cli.training import state
from marigold_cli.training.state import Facts, find_state, load_state, save_state


def tensors(seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        "weights.a": torch.randn(3, 5, 7, generator=random),
        "weights.b": torch.randn((), generator=random),
        "wide": torch.randn(2, 3, 4, 4, generator=random).to(memory_format=torch.channels_last),
        "half": torch.randn(11, generator=random).half(),
    }


def blank() -> dict[str, Tensor]:
    return {name: torch.zeros_like(tensor) for name, tensor in tensors().items()}


def test_what_was_saved_comes_back_to_the_bit(tmp_path: Path) -> None:
    facts = Facts(7, 6, 1, 12.5, 65536.0, 3, {"seed": "0"})

    save_state(tmp_path, tensors(), facts)

    found, filled = find_state(tmp_path), blank()
    assert found
    load_state(found, filled)
    assert found.facts == facts
    assert all(torch.equal(filled[name], tensor) for name, tensor in tensors().items())
    assert filled["wide"].is_contiguous(memory_format=torch.channels_last)


def test_no_part_is_larger_than_16_mb(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    large = {"large": torch.randn(10_000_001, generator=random)}
    small = {f"small.{i}": torch.randn(1000, generator=random) for i in range(5000)}

    save_state(tmp_path, large | small, Facts(1))

    found = find_state(tmp_path)
    assert found
    parts = [found.folder / name for name in found.parts]
    sizes = [path.stat().st_size for path in parts]
    assert max(sizes) <= 16_000_000
    assert min(sizes[:-1]) > 15_000_000
    pieces = [values for path in parts for key, values in sorted_pieces(path) if "large" in key]
    assert torch.equal(torch.cat(pieces), large["large"])


def sorted_pieces(path: Path) -> list[tuple[str, Tensor]]:
    return sorted(load_file(path).items(), key=lambda item: int(item[0].split(":")[1]))


def test_tensors_are_cut_and_joined_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "PART_BYTES", 400)

    save_state(tmp_path, tensors(), Facts(1))

    found, filled = find_state(tmp_path), blank()
    assert found
    load_state(found, filled)
    assert len(found.parts) > 4
    assert all(torch.equal(filled[name], tensor) for name, tensor in tensors().items())


def test_a_new_state_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    save_state(tmp_path, tensors(), Facts(999_999))
    save_state(tmp_path, tensors(1), Facts(1_000_000))

    found = find_state(tmp_path)

    assert found
    assert found.facts.update == 1_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["1000000"]


def test_a_save_that_was_cut_off_leaves_the_state_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(tmp_path, tensors(), Facts(10))
    monkeypatch.setattr(state, "PART_BYTES", 400)
    monkeypatch.setattr(state, "asdict", cut_off)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path, tensors(1), Facts(20))

    found, filled = find_state(tmp_path), blank()

    assert (tmp_path / "000020").exists()
    assert found
    load_state(found, filled)
    assert found.facts.update == 10
    assert torch.equal(filled["weights.a"], tensors()["weights.a"])


def cut_off(facts: Facts) -> None:
    raise KeyboardInterrupt


def test_a_save_goes_over_the_remains_of_one_that_was_cut_off(tmp_path: Path) -> None:
    (tmp_path / "000010").mkdir()
    (tmp_path / "000010" / "part-00000.safetensors").write_bytes(b"half a par")

    save_state(tmp_path, tensors(), Facts(10))

    found = find_state(tmp_path)
    assert found
    load_state(found, blank())


def test_where_nothing_was_saved_there_is_none(tmp_path: Path) -> None:
    assert find_state(tmp_path / "state") is None


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "facts"])
def test_damage_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    save_state(tmp_path, tensors(), Facts(10))
    part = tmp_path / "000010" / "part-00000.safetensors"
    content = bytearray(part.read_bytes())
    if damage == "missing":
        part.unlink()
    elif damage == "facts":
        part.with_name("state.json").write_text("{}")
    else:
        content[-1] ^= 1
        part.write_bytes(content[:-4] if damage == "cut" else content)

    with pytest.raises(RefusedError, match=r"000010.*damaged or incomplete"):
        refill(tmp_path)


def refill(folder: Path) -> None:
    found = find_state(folder)
    assert found
    load_state(found, blank())


@pytest.mark.parametrize("other", ["more", "fewer", "larger"])
def test_the_state_of_another_network_is_refused(tmp_path: Path, other: str) -> None:
    save_state(tmp_path, tensors(), Facts(10))
    wanted = blank()
    if other == "more":
        wanted["new"] = torch.zeros(3)
    elif other == "fewer":
        del wanted["half"]
    else:
        wanted["half"] = torch.zeros(12).half()

    found = find_state(tmp_path)
    assert found
    with pytest.raises(RefusedError):
        load_state(found, wanted)


def test_facts_are_plain_json(tmp_path: Path) -> None:
    save_state(tmp_path, tensors(), Facts(10, binding={"data": "folder:x"}))

    stored = json.loads((tmp_path / "000010" / "state.json").read_text())

    assert stored["facts"]["binding"] == {"data": "folder:x"}
    assert set(stored["parts"]) == {"part-00000.safetensors"}
