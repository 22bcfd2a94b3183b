from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from marigold_cli.depth import Modality
from marigold_cli.errors import OutputError
from marigold_cli.training.checkpoint import Index, write_network
from marigold_cli.training.state import Facts, save_state

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def unet(marigold: Path) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(marigold / "unet")


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """A disk that takes no larger files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_other_weights_are_written_and_the_network_stays_as_it_is(
    unet: UNet2DConditionModel, tmp_path: Path
) -> None:
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    doubled = {name: 2 * weight for name, weight in before.items()}

    write_network(unet, doubled, tmp_path / "unet", half=True)

    found = load_file(tmp_path / "unet" / WEIGHTS)
    assert all(torch.equal(found[name], weight.half()) for name, weight in doubled.items())
    assert all(torch.equal(unet.state_dict()[name], weight) for name, weight in before.items())
    assert [path.name for path in tmp_path.iterdir()] == ["unet"]


def test_a_checkpoint_does_not_tell_where_it_was_made(
    unet: UNet2DConditionModel, tmp_path: Path
) -> None:
    write_network(unet, unet.state_dict(), tmp_path / "unet", half=False)

    assert "_name_or_path" not in json.loads((tmp_path / "unet" / "config.json").read_text())


def test_a_network_is_written_over_an_older_one(unet: UNet2DConditionModel, tmp_path: Path) -> None:
    zeros = {name: torch.zeros_like(weight) for name, weight in unet.state_dict().items()}

    write_network(unet, unet.state_dict(), tmp_path / "unet", half=False)
    write_network(unet, zeros, tmp_path / "unet", half=False)

    assert not any(weight.any() for weight in load_file(tmp_path / "unet" / WEIGHTS).values())


def test_a_full_disk_is_said_so_and_leaves_the_older_one(
    unet: UNet2DConditionModel, tmp_path: Path
) -> None:
    write_network(unet, unet.state_dict(), tmp_path / "unet", half=False)
    before = (tmp_path / "unet" / WEIGHTS).read_bytes()

    with small_files(10_000), pytest.raises(OutputError):
        write_network(unet, unet.state_dict(), tmp_path / "unet", half=True)

    assert (tmp_path / "unet" / WEIGHTS).read_bytes() == before


def test_a_full_disk_is_said_so_of_a_state_too(tmp_path: Path) -> None:
    with small_files(10_000), pytest.raises(OutputError, match="state"):
        save_state(tmp_path / "state", {"weights": torch.zeros(10_000)}, Facts(1))


@pytest.mark.parametrize("modality", [Modality.DEPTH, Modality.NORMALS])
def test_an_index_names_its_pipeline_and_every_component(
    modality: Modality, tmp_path: Path
) -> None:
    Index(modality, 4, 640).write(tmp_path)

    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == f"Marigold{modality.value.title()}Pipeline"
    assert index["prediction_type"] == modality.value
    assert index["default_processing_resolution"] == 640
    assert {name for name, value in index.items() if isinstance(value, list)} == {
        "scheduler",
        "text_encoder",
        "tokenizer",
        "unet",
        "vae",
    }
    assert "_marigold" not in index
