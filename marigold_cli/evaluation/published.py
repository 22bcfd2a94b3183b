"""Numbers that others published for the same sets and protocol, to stand beside one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One row of a paper's table.

    Attributes:
        method: As the paper calls it.
        source: Where it stands.
        scores: By the data set's title, then by metric; shares, not percent.
    """

    method: str
    source: str
    scores: Mapping[str, Mapping[str, float]]


_SETS = ("NYUv2", "KITTI", "ETH3D", "ScanNet", "DIODE")
_MARIGOLD = "Ke et al., CVPR 2024, table 1"
_E2E = "Martin Garcia et al., arXiv 2409.11355, README"


def _row(
    method: str, source: str, abs_rel: tuple[float, ...], delta1: tuple[float, ...] = ()
) -> Published:
    """A row from percentages in the order of the sets."""
    scores = {name: {"abs_rel": value / 100} for name, value in zip(_SETS, abs_rel, strict=True)}
    for name, value in zip(_SETS, delta1, strict=False):
        scores[name]["delta1"] = value / 100
    return Published(method, source, scores)


PUBLISHED: tuple[Published, ...] = (
    _row(
        "Marigold, 50 x 10",
        _MARIGOLD,
        (5.5, 9.9, 6.5, 6.4, 30.8),
        (96.4, 91.6, 96.0, 95.1, 77.3),
    ),
    _row("Marigold + E2E FT, 1 x 1", _E2E, (5.2, 9.6, 6.2, 5.8, 30.2)),
    _row("Stable Diffusion + E2E FT, 1 x 1", _E2E, (5.4, 9.6, 6.4, 5.8, 30.3)),
)
