"""Memory that large maps take, by a map in many strips."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.normals import normals_of
from marigold_cli.scene3d.options import ReferenceOptions
from marigold_cli.scene3d.reference import Reference
from marigold_cli.scene3d.resample import resample

HEIGHT, WIDTH = 4096, 32
STRAIGHT = Camera("SIMPLE_PINHOLE", WIDTH, HEIGHT, (4000.0, WIDTH / 2, HEIGHT / 2))
BENT = Camera("SIMPLE_RADIAL", WIDTH, HEIGHT, (4000.0, WIDTH / 2, HEIGHT / 2, -0.1))


def carry(depth: np.ndarray, folder: Path) -> None:
    resample({"depth": depth, "spread": depth}, BENT, STRAIGHT, depth.shape)


def make_normals(depth: np.ndarray, folder: Path) -> None:
    normals_of(depth, STRAIGHT)


def observe(depth: np.ndarray, folder: Path) -> None:
    np.save(folder / "a.npy", np.tile(depth, 8))  # so that the chosen points count for little
    Reference(ReferenceOptions(folder)).observe(folder / "a.npy", depth.shape, None)


@pytest.mark.parametrize(
    ("use", "most"),
    [
        (carry, 2 * 4 + 5),  # the results, and one strip
        (make_normals, 12 + 12 + 5),  # points as well
        (observe, 8 * 20),  # the file, its values, where they are known
    ],
)
def test_a_map_takes_its_own_size_and_little_more(
    use: Callable[[np.ndarray, Path], None], most: int, tmp_path: Path
) -> None:
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    use(depth[:128], tmp_path)  # what is kept from the first call on is not counted

    tracemalloc.start()
    use(depth, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak / depth.size < most
