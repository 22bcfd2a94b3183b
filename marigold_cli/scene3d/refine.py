"""All photos' lines together: points hold the scale, overlaps make neighbours agree.

The unknowns are scale and shift of every photo. A point gives depth / reference - 1, a pixel of one
photo that another sees gives its depth seen from there over the other's, less 1. Both are linear in
the unknowns once the pixels are found (disparity: linearised), so that Gauss and Newton need a few
rounds of sparse least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from marigold_cli.blocks import Blocks
from marigold_cli.depth import DepthKind, Doubles
from marigold_cli.fit import Affine
from marigold_cli.scene3d.overlap import SAME, Overlap, Sight, disagreement, look
from marigold_cli.scene3d.robust import spread_of, tukey_weights

_ROUNDS = 5
_STEP = 3  # every so many pixels of the reduced maps are compared, or more
_MOST = 5_000_000  # pixels of all pairs together; each takes about 100 bytes
_PAIR_WEIGHT = 20.0  # a pair of views counts like so many points: its pixels' errors are alike
_DAMPING = 1e-9  # of a photo's diagonal
_LEAST_DAMPING = 1e-12  # of a photo of which nothing is known


class _Equations:
    """Normal equations of steps [P, 2] of all photos' lines, as they are gathered."""

    def __init__(self, photos: int) -> None:
        self.diagonal, self.target = np.zeros((photos, 2, 2)), np.zeros((photos, 2))
        self.pairs: list[tuple[int, int]] = []
        self.couplings: list[Doubles] = []  # [2, 2]

    def add(self, photo: int, rows: Doubles, errors: Doubles, weights: Doubles) -> None:
        """Equations rows @ step = -errors of one photo; rows [N, 2]."""
        weighted = rows * weights[:, None]
        self.diagonal[photo] += weighted.T @ rows
        self.target[photo] -= weighted.T @ errors

    def couple(self, pair: tuple[int, int], first: Doubles, second: Doubles) -> None:
        """What two photos' unknowns have in common; rows [N, 2], the first's weighted."""
        self.pairs.append(pair)
        self.couplings.append(first.T @ second)

    def solve(self) -> Doubles:
        """The steps; held a little, for a photo may have neither points nor neighbours."""
        trace = np.trace(self.diagonal, axis1=1, axis2=2)[:, None, None]
        diagonal = self.diagonal + (_DAMPING * trace + _LEAST_DAMPING) * np.eye(2)
        first, second = np.array(self.pairs, np.intp).reshape(-1, 2).T
        couplings = np.array(self.couplings).reshape(-1, 2, 2)
        return Blocks(diagonal, self.target, first, second, couplings).solve()


def refine(
    sights: Sequence[Sight], pairs: Sequence[tuple[int, int]]
) -> tuple[list[Sight], float, float] | None:
    """Refine all lines together.

    Args:
        sights: The photos with their lines so far.
        pairs: Ordered pairs of neighbours.

    Returns:
        The photos with new lines, and the disagreement before and after; None where nothing
        overlaps or nothing was gained.
    """
    current = list(sights)
    overlaps = _look_at(current, pairs)
    before = best = disagreement(overlaps)
    if before is None or best is None:
        return None
    refined = current
    for _ in range(_ROUNDS):
        step = _gather(current, overlaps).solve()
        current = [
            sight.with_line(Affine(sight.affine.scale + more[0], sight.affine.shift + more[1]))
            for sight, more in zip(current, step.tolist(), strict=True)
        ]
        overlaps = _look_at(current, pairs)
        after = disagreement(overlaps)
        if after is None or after >= best:
            break
        best, refined = after, current
    return (refined, before, best) if best < before else None


def disagree(sights: Sequence[Sight], pairs: Sequence[tuple[int, int]]) -> float | None:
    """Median of |log depth ratio| between neighbours, as `refine` has it; None: no overlap."""
    return disagreement(_look_at(sights, pairs))


def _look_at(sights: Sequence[Sight], pairs: Sequence[tuple[int, int]]) -> list[Overlap]:
    pixels = sum(sights[first].values.size for first, _ in pairs)
    step = max(_STEP, math.ceil(math.sqrt(pixels / _MOST)))
    return [look(sights, first, second, step) for first, second in pairs]


def _gather(sights: Sequence[Sight], overlaps: Sequence[Overlap]) -> _Equations:
    """Linearise everything around the lines so far, with robust weights in standard deviations."""
    equations = _Equations(len(sights))
    held = [_hold(equations, photo, sight) for photo, sight in enumerate(sights)]
    errors = [(some.growth * some.here + some.offset) / some.there - 1 for some in overlaps]
    same = [np.abs(error) < SAME for error in errors]
    joined = np.concatenate([error[mask] for error, mask in zip(errors, same, strict=True)])
    # maps that agree better than points can tell may still be wrong together
    deviation = max(spread_of(joined), float(np.median(held))) if joined.size else 1.0
    for overlap, error, mask in zip(overlaps, errors, same, strict=True):
        _join(
            equations, sights, overlap, error, mask * tukey_weights(error, deviation) / deviation**2
        )
    return equations


def _hold(equations: _Equations, photo: int, sight: Sight) -> float:
    """A photo's points hold its line; returns their standard deviation."""
    some = sight.anchors
    line = sight.affine.scale * some.values + sight.affine.shift
    ahead = line > 0
    values, true, line = some.values[ahead], some.depth[ahead], line[ahead]
    depth = 1 / line if sight.kind is DepthKind.AFFINE_DISPARITY else line
    errors = depth / true - 1
    deviation = spread_of(errors) if errors.size else 1.0
    rows = _gradient(sight, values, depth) / true[:, None]
    equations.add(photo, rows, errors, tukey_weights(errors, deviation) / deviation**2)
    return deviation


def _join(
    equations: _Equations,
    sights: Sequence[Sight],
    overlap: Overlap,
    errors: Doubles,
    weights: Doubles,
) -> None:
    """Two photos' lines agree where they see the same."""
    if not weights.any():
        return
    weights = weights * (_PAIR_WEIGHT / overlap.here.size)
    first, second = sights[overlap.first], sights[overlap.second]
    own = _value_at(first, overlap)
    ahead = _gradient(first, own, overlap.here) * (overlap.growth / overlap.there)[:, None]
    back = -_gradient(second, overlap.values, overlap.there) / overlap.there[:, None]
    equations.add(overlap.first, ahead, errors, weights)
    equations.add(overlap.second, back, errors, weights)
    equations.couple((overlap.first, overlap.second), ahead * weights[:, None], back)


def _value_at(sight: Sight, overlap: Overlap) -> Doubles:
    return sight.values[overlap.rows, overlap.columns].astype(np.float64)


def _gradient(sight: Sight, values: Doubles, depth: Doubles) -> Doubles:
    """Depth's derivatives by scale and shift, [N, 2]."""
    if sight.kind is DepthKind.AFFINE_DISPARITY:
        return np.stack([-values * depth**2, -(depth**2)], axis=1)
    return np.stack([values, np.ones_like(values)], axis=1)
