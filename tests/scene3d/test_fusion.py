"""COLMAP itself fuses our export of a scene with known surfaces."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marigold_cli.scene3d.align import align
from marigold_cli.scene3d.export import export
from marigold_cli.scene3d.options import AlignOptions, ExportOptions
from marigold_cli.scene3d.ply import read_ply

Site = Any  # of conftest.py


@pytest.mark.readers
@pytest.mark.skipif(not shutil.which("colmap"), reason="needs the colmap program")
def test_colmap_fuses_our_depth_onto_the_true_surfaces(
    site: Site, scatter_points: Callable[..., Any]
) -> None:
    site.points = scatter_points(site.world, wrong=0.05)
    site.survey()
    site.photograph()
    random = np.random.default_rng(0)

    def put_through_a_random_affine(depth: np.ndarray) -> np.ndarray:
        share = (depth - depth.min()) / np.ptp(np.minimum(depth, 100))
        return random.uniform(0.02, 0.2) + random.uniform(0.4, 0.8) * share

    site.predict(put_through_a_random_affine)
    align(AlignOptions(site.out, site.scene))
    done = export(ExportOptions(site.out, "colmap", site.scene))

    subprocess.run(
        shlex.split(done.advice[0]),
        check=True,
        capture_output=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=600,
    )

    places = read_ply(site.scene / "fused.ply")
    shot = site.world.shots[0]
    depth = (places @ shot.rotation.T + shot.translation)[:, 2]
    near = (depth > 0.1) & (depth < 100)
    assert len(places) > 5000
    assert near.mean() > 0.6
    assert np.median(site.world.away(places[near]) / depth[near]) < 0.02
