"""COLMAP's sparse models in their binary form: little-endian, unpadded."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from marigold_cli.scene3d.camera import Camera, Pose
from marigold_cli.scene3d.lenses import LENSES
from marigold_cli.scene3d.sparse import Cloud, View, sort_cloud

_MODELS = tuple(LENSES)
_NO_POINT = -1
_SIGHTING = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])
_POINT = struct.Struct("<Q3d3BdQ")  # number, place, colour, error, length of track
_TRACK_ENTRY = 8  # [bytes]
_ROW = np.dtype([("id", "<i8"), ("place", "<f8", 3), ("error", "<f8"), ("track", "<i8")])

Triple = tuple[float, float, float]


def read_cameras(home: Path) -> dict[int, Camera]:
    """Read cameras.bin, by their numbers."""
    data = (home / "cameras.bin").read_bytes()
    (count,) = struct.unpack_from("<Q", data)
    cameras, at = {}, 8
    for _ in range(count):
        number, model, width, height = struct.unpack_from("<iiQQ", data, at)
        if not 0 <= model < len(_MODELS):
            raise ValueError(f"camera {number} is of an unknown model {model}")
        size = LENSES[_MODELS[model]].size
        params = struct.unpack_from(f"<{size}d", data, at + 24)
        cameras[number] = Camera(_MODELS[model], width, height, params)
        at += 24 + 8 * size
    return cameras


def read_views(home: Path, cameras: dict[int, Camera]) -> Iterator[View]:
    """Read images.bin."""
    data = (home / "images.bin").read_bytes()
    (count,) = struct.unpack_from("<Q", data)
    at = 8
    for _ in range(count):
        _, *pose, camera = struct.unpack_from("<I7dI", data, at)
        end = data.index(b"\0", at + 64)
        (seen,) = struct.unpack_from("<Q", data, end + 1)
        sightings = np.frombuffer(data, _SIGHTING, seen, end + 9)
        kept = sightings[sightings["point"] != _NO_POINT]
        yield View(
            name=os.fsdecode(data[at + 64 : end]),
            camera=cameras[camera],
            pose=Pose.of_quaternion(np.array(pose[:4]), np.array(pose[4:])),
            pixels=np.stack([kept["x"], kept["y"]], axis=1),
            points=kept["point"].astype(np.int64),
        )
        at = end + 9 + seen * _SIGHTING.itemsize


def read_cloud(home: Path) -> Cloud:
    """Read points3D.bin."""
    data = (home / "points3D.bin").read_bytes()
    (count,) = struct.unpack_from("<Q", data)
    if count * _POINT.size > len(data):  # before as much memory is asked for
        raise ValueError("a file ends too early")
    table = np.fromiter(_read_points(data, count), _ROW, count)
    return sort_cloud(table["id"], table["place"], table["error"], table["track"])


def _read_points(data: bytes, count: int) -> Iterator[tuple[int, Triple, float, int]]:
    at = 8
    for _ in range(count):
        number, x, y, z, _, _, _, error, track = _POINT.unpack_from(data, at)
        yield number, (x, y, z), error, track
        at += _POINT.size + track * _TRACK_ENTRY
    if at > len(data):
        raise ValueError("points3D.bin ends within a track")
