from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from marigold_cli.checkpoints.hub import list_models
from marigold_cli.checkpoints.identity import identify
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.checkpoints.snapshot import MAX_JSON_BYTES, Snapshot
from marigold_cli.checkpoints.weights import find_weights
from marigold_cli.errors import ModelError

UNREADABLE = Path("/proc/self/mem")  # a file that opens, and then fails as a broken disk does
ROOT = Snapshot("mine", Path("/"))  # so that a link to it leads nowhere out
V1_1, OTHER = "prs-eth/marigold-depth-v1-1", "somebody/marigold"

broken_disk = pytest.mark.skipif(not UNREADABLE.exists(), reason="no file here fails to be read")


@broken_disk
def test_a_configuration_that_the_disk_does_not_give_is_named() -> None:
    with pytest.raises(ModelError, match=r"^mine: proc/self/mem cannot be read: Input/output"):
        ROOT.read_json("proc/self/mem")


@broken_disk
def test_weights_that_the_disk_does_not_give_are_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(UNREADABLE)

    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read: Input/output error"):
        find_weights(ROOT, str(tmp_path)[1:], "model")


@broken_disk
def test_files_that_the_disk_does_not_give_have_no_identity() -> None:
    with pytest.raises(ModelError, match="proc/self/mem cannot be read: Input/output error"):
        identify(ROOT, ["proc/self/mem"])


def test_a_shard_of_an_impossible_name_is_refused(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    index = folder / "unet" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "x" * 300 + ".safetensors"}}))

    with pytest.raises(ModelError, match="cannot be read: File name too long"):
        resolve(str(folder))


def test_a_configuration_larger_than_any_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('"' + "x" * MAX_JSON_BYTES)

    with pytest.raises(ModelError, match=r"config\.json is larger than 4 MiB"):
        Snapshot("mine", tmp_path).read_json("config.json")


@broken_disk
def test_a_cached_model_that_cannot_be_read_keeps_nobody_from_the_others(
    cache: Callable[..., Path], whole: Path
) -> None:
    for name in (V1_1, OTHER):
        main = cache(name, whole).parents[1] / "refs" / "main"
        main.unlink()
        main.symlink_to(UNREADABLE)

    listed = {one.name: one for one in list_models()}

    assert listed[V1_1].state == "unusable"
    assert "its cache cannot be read" in listed[V1_1].about
    assert OTHER not in listed
    assert resolve(None).name == "tiny"
    with pytest.raises(ModelError, match=f"{OTHER}: its cache cannot be read"):
        resolve(OTHER)
