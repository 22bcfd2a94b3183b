"""The published checkpoints: their names, and which of them stands in for which."""

from __future__ import annotations

from dataclasses import dataclass

from marigold_cli.depth import Modality


@dataclass(frozen=True)
class Published:
    """A checkpoint on the Hugging Face hub.

    Attributes:
        name: Its hub id.
        alias: What a user may type instead.
        about: One line for `marigold models list`.
    """

    name: str
    alias: str
    about: str


V1_1 = Published(
    "prs-eth/marigold-depth-v1-1", "marigold-v1-1", "the best for most photos, 1 to 50 steps"
)
V1_0 = Published(
    "prs-eth/marigold-depth-v1-0", "marigold-v1-0", "the paper's first, 10 to 50 steps"
)
LCM = Published("prs-eth/marigold-depth-lcm-v1-0", "marigold-lcm", "few steps, superseded by v1-1")
E2E = Published(
    "GonzaloMG/marigold-e2e-ft-depth", "marigold-e2e", "fine-tuned end to end for one step"
)

KNOWN = (V1_1, V1_0, LCM, E2E)
NORMALS = (  # the better first
    Published("prs-eth/marigold-normals-v1-1", "marigold-normals", "surface normals"),
    Published("prs-eth/marigold-normals-v0-1", "marigold-normals-v0-1", "the first for normals"),
)
E2E_NORMALS = Published(
    "GonzaloMG/marigold-e2e-ft-normals", "marigold-e2e-normals", "surface normals in one step"
)
STABLE_DIFFUSION = (  # fine-tuned end to end from Stable Diffusion itself
    Published("GonzaloMG/stable-diffusion-e2e-ft-depth", "sd-e2e", "depth in one step"),
    Published("GonzaloMG/stable-diffusion-e2e-ft-normals", "sd-e2e-normals", "normals in one step"),
)
INTRINSICS = (
    Published(
        "prs-eth/marigold-iid-appearance-v1-1",
        "marigold-iid-appearance",
        "albedo, roughness and metallicity",
    ),
    Published(
        "prs-eth/marigold-iid-lighting-v1-1",
        "marigold-iid-lighting",
        "albedo, diffuse shading and residual",
    ),
)
COMPARISONS = (  # what others made, to hold a Marigold against
    Published(
        "depth-anything/Depth-Anything-V2-Small-hf",
        "depth-anything-s",
        "disparity in one pass, 25 million parameters",
    ),
    Published(
        "depth-anything/Depth-Anything-V2-Base-hf",
        "depth-anything-b",
        "disparity in one pass, 98 million; CC-BY-NC",
    ),
    Published(
        "depth-anything/Depth-Anything-V2-Large-hf",
        "depth-anything-l",
        "disparity in one pass, 335 million; CC-BY-NC",
    ),
    Published("Intel/dpt-large", "midas", "disparity in one pass, MiDaS 3"),
    Published("Intel/zoedepth-nyu-kitti", "zoedepth", "metres in one pass"),
    Published("apple/DepthPro-hf", "depth-pro", "metres in one pass, sharp edges"),
)
EVERY = (*KNOWN, *NORMALS, E2E_NORMALS, *INTRINSICS, *STABLE_DIFFUSION, *COMPARISONS)
ALIASES = {published.alias: published.name for published in EVERY}

FULL_SIZE = "about 5 GB, or 2.6 GB with --half"  # 1.29e9 parameters in float32, float16


def preferred(modality: Modality, fast: bool) -> tuple[Published, ...]:
    """What is taken where no model is named, the best first.

    Args:
        modality: What is to be estimated.
        fast: Whether one step will be asked of it.
    """
    if modality is Modality.IID:
        return INTRINSICS
    if modality is Modality.NORMALS:
        return (E2E_NORMALS, *NORMALS) if fast else NORMALS
    return (E2E, V1_1, V1_0, LCM) if fast else (V1_1, V1_0, LCM)
