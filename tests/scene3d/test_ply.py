from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from marigold_cli.scene3d.ply import encode_ply, read_ply

PLACES = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    path.write_bytes(encode_ply(PLACES, PLACES, np.zeros((7, 3), np.uint8)))

    assert np.array_equal(read_ply(path), PLACES)


@pytest.mark.readers
def test_open3d_reads_places_normals_and_colours(tmp_path: Path) -> None:
    open3d = pytest.importorskip("open3d", exc_type=ImportError)
    path = tmp_path / "cloud.ply"
    colours = np.arange(21, dtype=np.uint8).reshape(7, 3)
    path.write_bytes(encode_ply(PLACES, -PLACES, colours))

    cloud = open3d.io.read_point_cloud(str(path))

    assert np.asarray(cloud.points) == pytest.approx(PLACES)
    assert np.asarray(cloud.normals) == pytest.approx(-PLACES)
    assert np.asarray(cloud.colors) * 255 == pytest.approx(colours)


def test_text_with_other_properties_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    path.write_text(
        "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 2\nproperty uchar red\n"
        "property double y\nproperty double x\nproperty float z\nelement face 1\n"
        "property list uchar int vertex_indices\nend_header\n9 2 1 3\n9 5 4 6.5\n3 0 1 0\n"
    )

    assert read_ply(path).tolist() == [[1, 2, 3], [4, 5, 6.5]]


def test_big_endian_behind_another_element_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    head = (
        "ply\nformat binary_big_endian 1.0\nelement camera 1\nproperty short id\n"
        "element vertex 1\nproperty double x\nproperty double y\nproperty double z\nend_header\n"
    )
    path.write_bytes(head.encode() + struct.pack(">hddd", 3, 1.5, -2, 9))

    assert read_ply(path).tolist() == [[1.5, -2, 9]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text",
        b"ply\nformat odd 1.0\nend_header\n",
        b"ply\nformat ascii 1.0\nelement face 1\nend_header\n3\n",
        b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\n"
        b"property float z\nend_header\n1 2 3\n",
        b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\n"
        b"property float y\nproperty float z\nend_header\n1234",
    ],
)
def test_what_is_no_cloud_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cloud.ply"
    path.write_bytes(content)

    with pytest.raises(ValueError):
        read_ply(path)
