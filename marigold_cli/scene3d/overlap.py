"""What several photos see: neighbours by shared points, and one photo's depth seen from another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marigold_cli.depth import DepthKind, Doubles, Floats
from marigold_cli.fit import Affine
from marigold_cli.scene3d.alignment import to_depth
from marigold_cli.scene3d.observations import Anchors, sample
from marigold_cli.scene3d.resample import resize
from marigold_cli.scene3d.sparse import Cloud, Ids, View

NEIGHBOURS = 6
AGREES = 0.1  # |log depth ratio| up to which two views confirm each other
SAME = 0.3  # and up to which they may mean the same surface at all
_SHARED = 8  # points that make two photos neighbours
_LOOKED_AT = 2000  # points of a photo that are searched in the others
_THUMB = 160  # long edge of what is compared [px]


@dataclass(frozen=True)
class Sight:
    """A photo's camera, its values at reduced size, its points, and its line."""

    view: View
    values: Floats
    anchors: Anchors
    affine: Affine
    kind: DepthKind

    @property
    def depth(self) -> Floats:
        """[h, w] in the scene's unit; NaN where it is not positive."""
        return to_depth(self.values, self.affine, self.kind)

    def with_line(self, affine: Affine) -> Sight:
        """The same with another line."""
        return replace(self, affine=affine)


@dataclass(frozen=True)
class Overlap:
    """The pixels of one photo that another sees.

    Attributes:
        first: Index of the photo.
        second: Index of the other.
        rows: [N] places in the first's reduced map.
        columns: [N].
        here: [N] depth in the first.
        growth: [N] depth from the second is growth * here + offset.
        offset: The same for all.
        values: [N] what the second's model gave where these points fall.
        there: [N] its depth there.
    """

    first: int
    second: int
    rows: Ids
    columns: Ids
    here: Doubles
    growth: Doubles
    offset: float
    values: Doubles
    there: Doubles

    @property
    def log_ratio(self) -> Doubles:
        """Log of the first's depth over the second's, seen from the second [N].

        Near 0 they agree. Below, the second looks through the first's surface: one is wrong.
        Above, the second may just see something in front of it.
        """
        ratio: Doubles = np.log((self.growth * self.here + self.offset) / self.there)
        return ratio


def shrink(values: Floats, long_edge: int = _THUMB) -> Floats:
    """Bring a map's longer side to so many pixels; small maps stay as they are."""
    height, width = values.shape
    scale = min(1.0, long_edge / max(height, width))
    return resize(values, max(1, round(height * scale)), max(1, round(width * scale)))


def find_neighbours(
    views: Sequence[View], cloud: Cloud, limit: int = NEIGHBOURS
) -> list[tuple[int, int]]:
    """Ordered pairs of views that share most points, both ways round, sorted."""
    rows = [cloud.find(view.points) for view in views]
    rows = [np.unique(some[some >= 0]) for some in rows]
    owners = np.repeat(np.arange(len(views)), [some.size for some in rows])
    points = np.concatenate(rows) if rows else np.empty(0, np.int64)
    order = np.argsort(points, kind="stable")
    starts = np.searchsorted(points[order], np.arange(cloud.ids.size + 1))
    pairs = set()
    for index, some in enumerate(rows):
        few = some[:: max(1, some.size // _LOOKED_AT)]
        seen = [owners[order[starts[row] : starts[row + 1]]] for row in few]
        shared = np.bincount(np.concatenate(seen), minlength=len(views)) if seen else np.zeros(0)
        shared[index : index + 1] = 0
        best = np.argsort(-shared, kind="stable")[:limit]
        for other in best[shared[best] >= _SHARED]:
            pairs |= {(index, int(other)), (int(other), index)}
    return sorted(pairs)


def look(sights: Sequence[Sight], first: int, second: int, step: int = 1) -> Overlap:
    """Find the pixels of one photo that another one sees.

    Args:
        sights: All photos.
        first: Index of the one whose pixels are carried over.
        second: Index of the one that sees them.
        step: Take every so many pixels along both sides.
    """
    here, there = sights[first], sights[second]
    depth = here.depth[::step, ::step].astype(np.float64)
    pixels = here.view.camera.grid(*here.values.shape)[::step, ::step]
    local = here.view.camera.rays(pixels)  # [h, w, 3] with z = 1
    turn = there.view.pose.rotation @ here.view.pose.rotation.T
    offset = there.view.pose.translation - turn @ here.view.pose.translation
    seen = (local * depth[..., None]) @ turn.T + offset
    in_front = seen[..., 2] > 0  # NaN is not
    rows, columns = np.nonzero(in_front)
    camera = there.view.camera
    at = camera.project(seen[in_front])
    values = sample(there.values, at, (camera.height, camera.width))
    known = np.isfinite(values)
    met = to_depth(values.astype(np.float32), there.affine, there.kind).astype(np.float64)
    known &= np.isfinite(met)
    return Overlap(
        first=first,
        second=second,
        rows=rows[known] * step,
        columns=columns[known] * step,
        here=depth[in_front][known],
        growth=(local[in_front] @ turn[2])[known],
        offset=float(offset[2]),
        values=values[known],
        there=met[known],
    )


def disagreement(overlaps: Sequence[Overlap]) -> float | None:
    """Median of |log depth ratio| where two views mean the same surface; None: nowhere."""
    ratios = [np.abs(overlap.log_ratio) for overlap in overlaps]
    same = np.concatenate([some[some < SAME] for some in ratios]) if ratios else np.empty(0)
    return float(np.median(same)) if same.size else None


def agreements(overlaps: Iterable[Overlap]) -> dict[tuple[int, int], float]:
    """How far each two views confirm each other: the share of pixels, both ways round together."""
    counts: dict[tuple[int, int], list[int]] = {}
    for overlap in overlaps:
        ratio = overlap.log_ratio
        pair = (min(overlap.first, overlap.second), max(overlap.first, overlap.second))
        count = counts.setdefault(pair, [0, 0])
        count[0] += int((np.abs(ratio) <= AGREES).sum())
        count[1] += int((ratio < -AGREES).sum())
    return {pair: good / (good + bad) for pair, (good, bad) in counts.items() if good + bad}


def find_strays(
    shares: dict[tuple[int, int], float], least: float
) -> tuple[set[int], dict[int, float]]:
    """Photos that their neighbours do not confirm, the worst first so that it blames no other.

    Args:
        shares: Of `agreements`.
        least: Median share that a photo needs.

    Returns:
        The strays, and the median share of each photo that has neighbours.
    """
    beside: dict[int, dict[int, float]] = {}
    for (first, second), share in shares.items():
        beside.setdefault(first, {})[second] = share
        beside.setdefault(second, {})[first] = share
    medians = {photo: float(np.median(list(own.values()))) for photo, own in beside.items()}
    open_ends, strays = dict(medians), set[int]()
    while open_ends:
        worst = min(open_ends, key=lambda photo: open_ends[photo])
        if open_ends[worst] >= least:
            break
        del open_ends[worst]
        strays.add(worst)
        for other in beside[worst].keys() - strays:
            del beside[other][worst]
            open_ends.pop(other)
            if beside[other]:  # who has no neighbour left is judged by its points alone
                medians[other] = float(np.median(list(beside[other].values())))
                open_ends[other] = medians[other]
    return strays, dict(sorted(medians.items()))
