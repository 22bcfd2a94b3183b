"""COLMAP's sparse models in their text form; names are the rest of their line, blanks and all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marigold_cli.scene3d.camera import Camera, Pose
from marigold_cli.scene3d.lenses import LENSES
from marigold_cli.scene3d.sparse import Cloud, View, sort_cloud

_NO_POINT = -1


def read_cameras(home: Path) -> dict[int, Camera]:
    """Read cameras.txt, by their numbers."""
    cameras = {}
    for line in _lines(home / "cameras.txt"):
        number, model, width, height, *params = line.split()
        if model not in LENSES or len(params) != LENSES[model].size:
            raise ValueError(f"camera {number} is of an unknown model {model}")
        cameras[int(number)] = Camera(model, int(width), int(height), tuple(map(float, params)))
    return cameras


def read_views(home: Path, cameras: dict[int, Camera]) -> Iterator[View]:
    """Read images.txt: two lines an image, of which the second may be empty."""
    lines = iter(_text(home / "images.txt"))
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(maxsplit=9)
        pose = np.array(fields[1:8], np.float64)
        sightings = np.array(next(lines, "").split(), np.float64).reshape(-1, 3)
        kept = sightings[sightings[:, 2] != _NO_POINT]
        yield View(
            name=fields[9].strip(),
            camera=cameras[int(fields[8])],
            pose=Pose.of_quaternion(pose[:4], pose[4:]),
            pixels=kept[:, :2].copy(),
            points=kept[:, 2].astype(np.int64),
        )


def read_cloud(home: Path) -> Cloud:
    """Read points3D.txt."""
    rows = [line.split() for line in _lines(home / "points3D.txt")]
    table = np.array([(*row[1:4], row[7]) for row in rows], np.float64).reshape(-1, 4)
    ids = np.array([int(row[0]) for row in rows], np.int64)
    tracks = np.array([(len(row) - 8) // 2 for row in rows], np.int64)
    return sort_cloud(ids, table[:, :3], table[:, 3], tracks)


def _lines(path: Path) -> Iterator[str]:
    return (line for line in _text(path) if line.strip() and not line.startswith("#"))


def _text(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
