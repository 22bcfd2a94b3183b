"""No test reaches the network; one that talks to itself says so by asking for `loopback`.

Real small depth models of transformers, made from a seed, are here for all rooms.
"""

from __future__ import annotations

import gc
import json
import logging
import signal
import socket
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
_RULES = {  # as published, but smaller: what their image processors saved
    "depth-anything": {
        **_IMAGENET,
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": 56, "width": 56},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 14,
        "resample": 3,
        "do_pad": False,
    },
    "dpt": {
        **_HALF,
        "feature_extractor_type": "DPTFeatureExtractor",
        "size": 64,
        "keep_aspect_ratio": False,
        "ensure_multiple_of": 1,
        "resample": 2,
    },
    "zoedepth": {
        **_HALF,
        "image_processor_type": "ZoeDepthImageProcessor",
        "size": {"height": 64, "width": 96},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 32,
        "resample": 2,
        "do_pad": True,
    },
    "depth-pro": {
        **_HALF,
        "image_processor_type": "DepthProImageProcessor",
        "size": {"height": 64, "width": 64},
        "resample": 2,
    },
}
_RULES["depth-anything-metric"] = _RULES["depth-anything"]


gc.disable()  # looking for garbage among all that is imported takes as long as importing it


def pytest_collection_finish() -> None:
    """Look for garbage again, but not in what is there to stay."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _attention() -> None:
    """Hear the signals that shells keep from what they start in the background."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def _loudness() -> Iterator[None]:
    """A command that is called within a test sets how loud the program is; put it back."""
    loggers = logging.getLogger(), logging.getLogger("marigold_cli")
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture(scope="session")
def feedforward(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A depth model of transformers by name, in its published layout; not to be changed."""

    @cache
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp("feedforward") / name
        _build(name).save_pretrained(folder)
        rules = {"do_resize": True, "do_rescale": True, "do_normalize": True, **_RULES[name]}
        (folder / "preprocessor_config.json").write_text(json.dumps(rules))
        return folder

    return make


def _build(name: str) -> Any:
    import torch
    import transformers as hf
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    small = {"num_attention_heads": 2, "intermediate_size": 32}
    deep = {**small, "hidden_size": 32, "num_hidden_layers": 4}
    taps = {"out_indices": [1, 2, 3, 4], "reshape_hidden_states": False}
    neck = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}
    if name.startswith("depth-anything"):
        config = hf.DepthAnythingConfig(
            backbone_config=hf.Dinov2Config(**deep, **taps, image_size=56, patch_size=14),
            reassemble_hidden_size=32,
            head_hidden_size=8,
            depth_estimation_type="metric" if name.endswith("metric") else "relative",
            max_depth=20,
            **neck,
        )
        network = hf.DepthAnythingForDepthEstimation(config)
    elif name == "dpt":
        config = hf.DPTConfig(
            **deep, **neck, image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3]
        )
        network = hf.DPTForDepthEstimation(config)
    elif name == "zoedepth":
        config = hf.ZoeDepthConfig(
            backbone_config=hf.BeitConfig(
                **deep, **taps, image_size=64, patch_size=16, use_relative_position_bias=True
            ),
            num_relative_features=8,
            bottleneck_features=8,
            num_attractors=[4, 2, 2, 1],
            bin_embedding_dim=8,
            bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0}],
            **neck,
        )
        network = hf.ZoeDepthForDepthEstimation(config)
    else:
        parts = {
            f"{part}_model_config": hf.Dinov2Config(
                **small, hidden_size=16, num_hidden_layers=2, image_size=16, patch_size=4
            )
            for part in ("image", "patch", "fov")
        }
        config = hf.DepthProConfig(
            fusion_hidden_size=8,
            patch_size=16,
            intermediate_hook_ids=[1, 0],
            intermediate_feature_dims=[8, 8],
            scaled_images_ratios=[0.5, 1.0],
            scaled_images_overlap_ratios=[0.0, 0.2],
            scaled_images_feature_dims=[8, 8],
            use_fov_model=True,
            **parts,
        )
        network = hf.DepthProForDepthEstimation(config)
    dice = torch.Generator().manual_seed(3)
    with torch.no_grad():  # as they are initialised, they would say the same of every photo
        for key, weight in network.named_parameters():
            if weight.ndim > 1:
                fan = weight[0].numel()
                weight.copy_(torch.randn(weight.shape, generator=dice) * 1.5 / fan**0.5)
            elif key.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=dice) * 0.3)
    return network.eval()


@pytest.fixture
def loopback() -> None:
    """Allows connections to a server of the test's own on this machine."""


@pytest.fixture(autouse=True)
def no_network(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Any]]:
    """Refuses names and connections, and fails the test also where the refusal was swallowed."""
    allowed = ["127.0.0.1", "::1", "localhost"] if "loopback" in request.fixturenames else []
    refused: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def check(host: Any) -> None:
        if host not in allowed:
            refused.append(host)
            raise OSError(f"no network in tests: {host!r}")

    def connect_here(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):  # else it is the path of a socket in a folder
            check(address[0])
        connect(self, address)

    def look_up_here(host: Any, *arguments: Any, **options: Any) -> Any:
        check(host)
        return look_up(host, *arguments, **options)

    if not request.node.get_closest_marker("network"):
        monkeypatch.setattr(socket.socket, "connect", connect_here)
        monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    yield refused
    assert refused == []


@pytest.fixture
def tar(tmp_path: Path) -> Callable[[Path], Path]:
    """Packs a folder as `tar -cf archive.tar .` in it does."""

    def pack(folder: Path) -> Path:
        archive = tmp_path / "archive.tar"
        with tarfile.open(archive, "w") as file:
            file.add(folder, arcname=".")
        return archive

    return pack


@pytest.fixture
def cut() -> Callable[[Path, float], None]:
    """Leaves a file only its first part, a share of it."""

    def shorten(path: Path, share: float) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return shorten
