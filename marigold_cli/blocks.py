"""Least squares for the scales and shifts of many maps at once: a sparse system in 2 x 2 blocks.

Every map has a block of its own, and every two maps that meet have one between them. The matrix is
never written out: conjugate gradients, eased by the inverse of its diagonal, need only products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Doubles

Indices = NDArray[np.intp]

_PRECISION = 1e-12  # of the right-hand side
_MOST_STEPS = 500


@dataclass(frozen=True)
class Blocks:
    """Symmetric, positive definite equations for T pairs of unknowns.

    Attributes:
        diagonal: [T, 2, 2].
        target: The right-hand side, [T, 2].
        first: [P].
        second: [P].
        coupling: [P, 2, 2], added to the block in row `first` and column `second`, and its
            transpose to the one in row `second` and column `first`.
    """

    diagonal: Doubles
    target: Doubles
    first: Indices
    second: Indices
    coupling: Doubles

    def multiply(self, unknowns: Doubles) -> Doubles:
        """The left-hand side for unknowns [T, 2]."""
        product: Doubles = np.einsum("tij,tj->ti", self.diagonal, unknowns)
        here, there = unknowns[self.first], unknowns[self.second]
        np.add.at(product, self.first, np.einsum("pij,pj->pi", self.coupling, there))
        np.add.at(product, self.second, np.einsum("pji,pj->pi", self.coupling, here))
        return product

    def solve(self) -> Doubles:
        """Find the unknowns [T, 2]."""
        inverse = np.linalg.inv(self.diagonal)
        unknowns, residual = np.zeros_like(self.target), self.target.copy()
        direction, before = np.zeros_like(self.target), np.inf
        goal = _PRECISION * np.linalg.norm(self.target)
        for _ in range(_MOST_STEPS):
            if np.linalg.norm(residual) <= goal:
                break
            eased = np.einsum("tij,tj->ti", inverse, residual)
            now = float((residual * eased).sum())
            direction = eased + now / before * direction
            product = self.multiply(direction)
            step = now / float((direction * product).sum())
            unknowns += step * direction
            residual -= step * product
            before = now
        return unknowns
