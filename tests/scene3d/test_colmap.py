from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marigold_cli.errors import NoInputError
from marigold_cli.scene3d.colmap import find_model, read_model, read_survey

Site = Any  # of conftest.py
Writer = Callable[..., Path]


def test_text_and_binary_say_the_same(indoors: Site, writers: dict[str, Writer]) -> None:
    text, binary = (
        read_model(write(indoors.world, indoors.points, indoors.root / form))
        for form, write in writers.items()
    )

    assert text.views.keys() == binary.views.keys()
    for name, view in text.views.items():
        other = binary.views[name]
        assert view.camera == other.camera
        assert np.array_equal(view.points, other.points)
        assert np.array_equal(view.pixels, other.pixels)
        assert np.array_equal(view.pose.rotation, other.pose.rotation)
    for key, values in vars(text.cloud).items():
        assert np.array_equal(values, vars(binary.cloud)[key])


@pytest.mark.parametrize("form", ["text", "binary"])
def test_cameras_stand_where_they_stood_and_points_lie_where_they_were(
    indoors: Site, writers: dict[str, Writer], form: str
) -> None:
    model = read_model(writers[form](indoors.world, indoors.points, indoors.root / form))

    for index, shot in enumerate(indoors.world.shots):
        view = model.views[shot.name]
        assert view.pose.rotation == pytest.approx(shot.rotation, abs=1e-12)
        assert view.pose.centre == pytest.approx(shot.centre, abs=1e-12)
        rows = model.cloud.find(view.points)
        places = [indoors.points.places[point] for point, _, _ in indoors.points.of(index)]
        assert np.allclose(model.cloud.places[rows], places)
    assert np.diff(model.cloud.ids).min() > 0
    lengths = [len(track) for track in indoors.points.tracks().values()]
    assert sorted(model.cloud.tracks) == sorted(lengths)


def test_a_number_that_no_point_has_is_not_found(indoors: Site, writers: dict[str, Writer]) -> None:
    cloud = read_model(writers["text"](indoors.world, indoors.points, indoors.root)).cloud

    rows = cloud.find(np.array([cloud.ids[3], cloud.ids[3] + 1, 10**12, -5]))

    assert rows.tolist() == [3, -1, -1, -1]


def test_the_model_with_most_images_is_found_below(
    indoors: Site, writers: dict[str, Writer]
) -> None:
    writers["binary"](indoors.world, indoors.points, indoors.root / "sparse" / "1")
    few = type(indoors.world)(indoors.world.solids, indoors.world.shots[:2])
    points = type(indoors.points)(indoors.points.places, [])
    writers["text"](few, points, indoors.root / "sparse" / "0")

    assert find_model(indoors.root) == indoors.root / "sparse" / "1"
    assert len(read_model(indoors.root / "sparse" / "0").views) == 2


def test_an_image_without_points_and_a_name_with_blanks_are_read(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 SIMPLE_RADIAL 64 48 50 32 24 0.1\n")
    (tmp_path / "images.txt").write_text(
        "# two lines each\n"
        "1 1 0 0 0 0 0 0 1 day 1/my photo.jpg\n\n"
        "5 1 0 0 0 0 0 0 1 b.jpg\n1.5 2.5 -1 3.5 4.5 9\n"
    )
    (tmp_path / "points3D.txt").write_text("9 1 2 3 0 0 0 0.7 5 1\n")

    model = read_model(tmp_path)

    assert list(model.views) == ["b.jpg", "day 1/my photo.jpg"]
    assert model.views["day 1/my photo.jpg"].points.size == 0
    assert model.views["b.jpg"].pixels.tolist() == [[3.5, 4.5]]
    assert model.cloud.tracks.tolist() == [1]


def test_points_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 64 48 50 50 32 24\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.jpg\n1 2 3 1 2 4\n")
    (tmp_path / "points3D.txt").write_text("3 1 2 nan 0 0 0 0.7 1 0\n4 1 2 3 0 0 0 0.7 1 1\n")

    assert read_model(tmp_path).cloud.ids.tolist() == [4]


def test_an_empty_folder_and_an_empty_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no sparse model"):
        read_model(tmp_path)

    for name in ("cameras", "images", "points3D"):
        (tmp_path / f"{name}.bin").write_bytes(bytes(8))
    with pytest.raises(NoInputError, match="no registered image"):
        read_model(tmp_path)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_is_cut_off_is_refused(
    indoors: Site, writers: dict[str, Writer], name: str, share: float
) -> None:
    folder = writers["binary"](indoors.world, indoors.points, indoors.root)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * share)])

    with pytest.raises(NoInputError, match=r"cut off or damaged \((a file ends|.*buffer|.*track)"):
        read_model(folder)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_a_byte_that_is_wrong_is_refused_or_read_and_never_a_bug(
    indoors: Site, writers: dict[str, Writer], name: str
) -> None:
    world = type(indoors.world)(indoors.world.solids, indoors.world.shots[:1])
    points = type(indoors.points)(indoors.points.places, indoors.points.of(0)[:0])
    points.sightings.extend((0, *one) for one in indoors.points.of(0)[:2])
    folder = writers["binary"](world, points, indoors.root)
    data = (folder / name).read_bytes()

    refused = 0
    for place in range(len(data)):
        wrong = bytearray(data)
        wrong[place] ^= 0x80
        (folder / name).write_bytes(wrong)
        try:
            read_model(folder)
        except NoInputError:
            refused += 1

    assert 7 < refused < len(data)


def test_a_file_that_the_disk_cannot_read_is_named(
    indoors: Site, writers: dict[str, Writer]
) -> None:
    folder = writers["binary"](indoors.world, indoors.points, indoors.root)
    (folder / "images.bin").unlink()
    (folder / "images.bin").symlink_to("/proc/self/mem")  # its first byte fails with EIO

    with pytest.raises(NoInputError, match=f"{folder}: cannot be read"):
        read_model(folder)


def test_the_registered_images_are_read_without_the_points(
    indoors: Site, writers: dict[str, Writer]
) -> None:
    folder = writers["binary"](indoors.world, indoors.points, indoors.root)
    views = read_model(folder).views
    (folder / "points3D.bin").write_bytes(b"damaged")

    assert read_survey(folder).views.keys() == views.keys()


def test_a_missing_camera_and_an_unknown_one_are_named(
    indoors: Site, writers: dict[str, Writer]
) -> None:
    folder = writers["text"](indoors.world, indoors.points, indoors.root)
    cameras = folder / "cameras.txt"
    cameras.write_text(cameras.read_text().replace("4 PINHOLE", "5 PINHOLE"))
    with pytest.raises(NoInputError, match="camera that is missing: 4"):
        read_model(folder)

    cameras.write_text("4 CAMERA_OBSCURA 64 48 50\n")
    with pytest.raises(NoInputError, match="unknown model CAMERA_OBSCURA"):
        read_model(folder)


def test_text_is_read_where_binary_is_not_whole(indoors: Site, writers: dict[str, Writer]) -> None:
    folder = writers["text"](indoors.world, indoors.points, indoors.root)
    (folder / "images.bin").write_bytes(bytes(8))

    assert len(read_model(folder).views) == len(indoors.world.shots)


@pytest.mark.readers
@pytest.mark.parametrize("form", ["text", "binary"])
def test_models_with_rigs_and_frames_are_read_as_colmap_reads_them(
    tmp_path: Path, form: str
) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 2, 3, 4
    options.num_points3D = 50
    options.sensor_from_rig_translation_stddev = 0.1
    options.sensor_from_rig_rotation_stddev = 5.0
    theirs = pycolmap.synthesize_dataset(options)
    (theirs.write_text if form == "text" else theirs.write_binary)(str(tmp_path))
    assert (tmp_path / ("rigs.txt" if form == "text" else "rigs.bin")).exists()

    model = read_model(tmp_path)

    assert len(model.views) == theirs.num_images() == 24
    for image in theirs.images.values():
        view = model.views[image.name]
        pose = image.cam_from_world()
        assert view.pose.rotation == pytest.approx(pose.rotation.matrix(), abs=1e-9)
        assert view.pose.translation == pytest.approx(pose.translation, abs=1e-9)
        assert view.camera.params == pytest.approx(image.camera.params)
        seen = [point for point in image.points2D if point.has_point3D()]
        assert view.points.tolist() == [point.point3D_id for point in seen]
        assert view.pixels == pytest.approx(np.array([point.xy for point in seen]), abs=1e-6)
    assert model.cloud.ids.tolist() == sorted(theirs.points3D)


def test_binary_is_read_where_both_are(indoors: Site, writers: dict[str, Writer]) -> None:
    folder = writers["text"](indoors.world, indoors.points, indoors.root / "both")
    other = writers["binary"](indoors.world, indoors.points, indoors.root / "binary")
    for path in other.iterdir():
        shutil.copy(path, folder)
    (folder / "images.txt").write_text("nonsense")

    assert len(read_model(folder).views) == len(indoors.world.shots)
