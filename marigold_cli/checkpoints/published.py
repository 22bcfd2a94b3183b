"""The published checkpoints: their names, and which of them stands in for which."""

from __future__ import annotations

from dataclasses import dataclass


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
ALIASES = {published.alias: published.name for published in KNOWN}

FULL_SIZE = "about 5 GB, or 2.6 GB with --half"  # 1.29e9 parameters in float32, float16
