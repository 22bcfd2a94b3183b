from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from marigold_cli.batch.options import OutputOptions
from marigold_cli.batch.settings import fingerprint, make_settings
from marigold_cli.checkpoints import hub
from marigold_cli.checkpoints.card import FeedForwardCard
from marigold_cli.checkpoints.load import load_feedforward
from marigold_cli.checkpoints.needed import needed_files
from marigold_cli.checkpoints.predictor import FeedForwardPredictor, open_predictor
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.depth import DepthKind
from marigold_cli.errors import DeviceError, ModelError, UsageError
from marigold_cli.files.decode import Photo
from marigold_cli.inference import feedforward as core
from marigold_cli.inference.options import Noise, PredictOptions

KINDS = {
    "depth-anything": DepthKind.AFFINE_DISPARITY,
    "depth-anything-metric": DepthKind.METRIC,
    "dpt": DepthKind.AFFINE_DISPARITY,
    "zoedepth": DepthKind.METRIC,
    "depth-pro": DepthKind.METRIC,
}

Make = Callable[[str], Path]
Edit = Callable[[Path, dict[str, object]], None]


@pytest.fixture
def copy(feedforward: Make, tmp_path: Path) -> Path:
    """A sound Depth Anything to do something to."""
    return shutil.copytree(feedforward("depth-anything"), tmp_path / "depth-anything")


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_what_the_numbers_mean_is_read_from_the_configuration(
    name: str, kind: DepthKind, feedforward: Make
) -> None:
    card = resolve(str(feedforward(name)))

    assert isinstance(card, FeedForwardCard)
    assert card.kind is kind
    assert len(card.identity) == 64


@pytest.mark.parametrize("name", KINDS)
def test_an_opened_predictor_gives_the_models_depth(
    name: str, feedforward: Make, photo: Photo
) -> None:
    card = resolve(str(feedforward(name)))
    assert isinstance(card, FeedForwardCard)
    steps: list[tuple[int, int]] = []

    predictor = open_predictor(card, card.decide(PredictOptions()), "cpu", "float32")
    depths = predictor.predict([photo, photo], lambda done, total: steps.append((done, total)))

    assert isinstance(predictor, FeedForwardPredictor)
    expected = core.predict(load_feedforward(card), photo)
    assert all(np.array_equal(depth.values, expected.values) for depth in depths)
    assert expected.kind is card.kind
    assert steps == [(1, 2), (2, 2)]
    assert (predictor.device, predictor.dtype, predictor.long_edge) == ("cpu", "float32", None)


class Dying(torch.nn.Linear):
    """A network whose device breaks under it."""

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access")


def test_a_dead_device_ends_the_run_and_is_no_photos_fault(feedforward: Make, photo: Photo) -> None:
    model = replace(load_feedforward(resolve(str(feedforward("dpt")))), network=Dying(1, 1))
    predictor = FeedForwardPredictor(model, "dpt", "cuda:99", "float32")

    with pytest.raises(DeviceError, match="cuda:99 does not work any more"):
        predictor.predict([photo], lambda done, total: None)


def test_what_means_nothing_for_one_pass_is_passed_over_and_binds_no_folder(
    feedforward: Make,
) -> None:
    card = resolve(str(feedforward("dpt")))
    asked = PredictOptions(
        steps=50, ensemble=10, resolution=768, seed=3, noise=Noise.GAUSSIAN, fast=False
    )

    settings = [
        make_settings(card, card.decide(options), OutputOptions(), "float32", None)
        for options in (asked, PredictOptions(), PredictOptions(fast=True))
    ]

    assert len({fingerprint(one) for one in settings}) == 1
    assert (settings[0].recipe.steps, settings[0].recipe.ensemble) == (1, 1)


@pytest.mark.parametrize(
    ("output", "vae", "message"),
    [
        (OutputOptions(uncertainty=True), None, "no spread for --uncertainty"),
        (OutputOptions(), "another", "no autoencoder that --vae could replace"),
    ],
)
def test_an_output_that_one_pass_cannot_give_is_refused(
    output: OutputOptions, vae: str | None, message: str, feedforward: Make
) -> None:
    card = resolve(str(feedforward("dpt")))

    with pytest.raises(UsageError, match=message):
        make_settings(card, card.decide(PredictOptions()), output, "float32", vae)


def test_metric_depth_cannot_be_inverted_and_disparity_can(feedforward: Make) -> None:
    output = OutputOptions(invert=True)
    metric, disparity = (resolve(str(feedforward(name))) for name in ("zoedepth", "dpt"))

    with pytest.raises(UsageError, match="cannot be turned around"):
        make_settings(metric, metric.decide(PredictOptions()), output, "float32", None)

    assert make_settings(
        disparity, disparity.decide(PredictOptions()), output, "float32", None
    ).invert


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"model_type": "glpn"}, "known depth models are depth_anything, dpt"),
        ("config.json", {"model_type": None}, "has the model type 'None'"),
        ("config.json", {"architectures": ["DPTForSemanticSegmentation"]}, "its class is"),
        ("config.json", {"depth_estimation_type": "ordinal"}, "neither relative nor metric"),
        ("config.json", {"auto_map": {"AutoModel": "evil.Evil"}}, "code of its own"),
        ("config.json", {"backbone": "facebook/dinov2-small"}, "asks for backbone = "),
        ("config.json", {"use_timm_backbone": True}, "asks for use_timm_backbone"),
        ("config.json", {"backbone_config": {"model_type": "timm_backbone"}}, "'timm_backbone'"),
        ("preprocessor_config.json", {"size": {"height": 0, "width": 56}}, "makes no sense"),
        ("preprocessor_config.json", {"size": None}, "makes no sense: 'size'"),
        ("preprocessor_config.json", {"image_mean": [0.5]}, "three numbers"),
        ("preprocessor_config.json", {"resample": 7}, "makes no sense"),
        ("preprocessor_config.json", {"rescale_factor": 1}, "rescale_factor"),
        ("preprocessor_config.json", {"do_pad": True}, "pads or crops"),
        ("preprocessor_config.json", {"do_resize": False}, "leaves photos as they are"),
    ],
)
def test_what_this_program_cannot_follow_is_refused_by_name(
    file: str, changes: dict[str, object], message: str, copy: Path, edit: Edit
) -> None:
    edit(copy / file, changes)

    with pytest.raises(ModelError, match=message) as caught:
        resolve(str(copy))

    assert str(copy) in str(caught.value)


def test_a_dpt_on_dinov2_does_not_say_what_it_means(
    feedforward: Make, tmp_path: Path, edit: Edit
) -> None:
    folder = shutil.copytree(feedforward("dpt"), tmp_path / "dpt")
    edit(folder / "config.json", {"backbone_config": {"model_type": "dinov2"}})

    with pytest.raises(ModelError, match="does not say what its numbers mean"):
        resolve(str(folder))


@pytest.mark.parametrize("file", ["model.safetensors", "preprocessor_config.json"])
def test_a_missing_file_is_named(file: str, copy: Path) -> None:
    (copy / file).unlink()

    with pytest.raises(ModelError, match=file):
        resolve(str(copy))


def test_pickled_weights_and_code_are_refused(copy: Path) -> None:
    (copy / "modeling.py").write_text("raise SystemExit\n")
    with pytest.raises(ModelError, match="brings code along"):
        resolve(str(copy))

    (copy / "modeling.py").unlink()
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only as a pickle"):
        resolve(str(copy))


def test_missing_tensors_are_refused_and_not_left_at_random(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    del tensors["head.conv3.weight"]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    card = resolve(str(copy))
    assert isinstance(card, FeedForwardCard)

    with pytest.raises(ModelError, match=r"1 tensors are missing, head\.conv3\.weight"):
        load_feedforward(card)


def test_the_identity_follows_weights_and_rules(copy: Path, edit: Edit) -> None:
    first = resolve(str(copy)).identity
    edit(copy / "preprocessor_config.json", {"resample": 2})
    second = resolve(str(copy)).identity
    (copy / "README.md").write_text("of no matter")

    assert first != second
    assert resolve(str(copy)).identity == second


def test_a_model_in_the_hubs_cache_is_found_shown_and_listed(
    feedforward: Make, cache: Callable[[str, Path], Path]
) -> None:
    cache("depth-anything/Depth-Anything-V2-Small-hf", feedforward("depth-anything"))
    cache("me/other-depth", feedforward("zoedepth"))

    card = resolve("depth-anything-s")
    listed = {one.name: one for one in hub.list_models()}

    assert card.name == "depth-anything/Depth-Anything-V2-Small-hf"
    assert card.identity == "0123456789abcdef0123456789abcdef01234567"
    assert hub.show("depth-anything-s").files == (
        "./model.safetensors",
        "config.json",
        "preprocessor_config.json",
    )
    assert listed[card.name].state == "cached"
    assert listed["me/other-depth"].size_bytes > 100_000
    assert listed["apple/DepthPro-hf"].state == "absent"


def test_a_pull_asks_for_configuration_rules_and_safetensors_only() -> None:
    names = ["config.json", "preprocessor_config.json", "model.safetensors", "pytorch_model.bin"]

    assert needed_files("a/b", names, half=False) == (
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    )


def test_a_vae_alone_is_no_depth_model(tiny_vae: Path) -> None:
    assert "model_type" not in json.loads((tiny_vae / "config.json").read_text())

    with pytest.raises(ModelError, match="has the model type 'None'"):
        resolve(str(tiny_vae))
