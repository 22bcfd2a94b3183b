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
        scores: By the data set's title, then by metric; shares, not percent, and degrees.
    """

    method: str
    source: str
    scores: Mapping[str, Mapping[str, float]]


_SETS = ("NYUv2", "KITTI", "ETH3D", "ScanNet", "DIODE")
_NORMALS_SETS = ("NYUv2 normals", "ScanNet normals", "iBims-1 normals", "Sintel normals")
_MARIGOLD = "Ke et al., CVPR 2024, table 1"
_E2E = "Martin Garcia et al., arXiv 2409.11355, README"


def _row(
    method: str,
    source: str,
    abs_rel: tuple[float, ...],
    *,
    delta1: tuple[float, ...] = (),
    degrees: tuple[float, ...] = (),
) -> Published:
    """A row from percentages, and mean angles of normals, in the order of the sets."""
    scores = {name: {"abs_rel": value / 100} for name, value in zip(_SETS, abs_rel, strict=False)}
    for name, value in zip(_SETS, delta1, strict=False):
        scores[name]["delta1"] = value / 100
    angles = {name: {"mean": value} for name, value in zip(_NORMALS_SETS, degrees, strict=False)}
    return Published(method, source, scores | angles)


PUBLISHED: tuple[Published, ...] = (
    _row(
        "Marigold, 50 x 10",
        _MARIGOLD,
        (5.5, 9.9, 6.5),
        delta1=(96.4, 91.6, 96.0),
    ),
    _row(
        "Marigold + E2E FT, 1 x 1",
        _E2E,
        (5.2, 9.6, 6.2, 5.8, 30.2),
        degrees=(16.2, 14.7, 15.8, 33.5),
    ),
    _row(
        "Stable Diffusion + E2E FT, 1 x 1",
        _E2E,
        (5.4, 9.6, 6.4, 5.8, 30.3),
        degrees=(16.5, 15.3, 16.1, 33.5),
    ),
)
