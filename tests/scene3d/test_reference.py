from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from marigold_cli.errors import NoInputError, RefusedError, UsageError
from marigold_cli.scene3d.align import align
from marigold_cli.scene3d.options import AlignOptions, ReferenceOptions
from marigold_cli.scene3d.ply import encode_ply

Site = Any  # of conftest.py
Keep = Callable[[Path, np.ndarray, Any], None]


def dense(path: Path, depth: np.ndarray, site: Site) -> None:
    np.save(path.with_suffix(".npy"), np.where(depth > 4, np.nan, depth))


def sparse(path: Path, depth: np.ndarray, site: Site) -> None:
    seen = np.random.default_rng(0).random(depth.shape) < 0.02
    np.save(path.with_name(path.stem + "_depth.npy"), np.where(seen, depth, 0))


def smaller(path: Path, depth: np.ndarray, site: Site) -> None:
    np.save(path.with_suffix(".npy"), depth[1::3, 1::3])


def millimetres(path: Path, depth: np.ndarray, site: Site) -> None:
    steps = np.round(depth * 1000).astype(np.uint16)
    path.with_suffix(".png").write_bytes(imagecodecs.png_encode(steps))


def points(path: Path, depth: np.ndarray, site: Site) -> None:
    places = (site.world.rays() * depth[..., None])[::5, ::5].reshape(-1, 3).astype(np.float32)
    behind = np.concatenate([places, -places[:50]])
    content = encode_ply(behind, behind, np.zeros(behind.shape, np.uint8))
    path.with_name(path.name + ".ply").write_bytes(content)


def provide(site: Site, keep: Keep) -> Path:
    for shot in site.world.shots:
        path = site.root / "lidar" / shot.name
        path.parent.mkdir(parents=True, exist_ok=True)
        keep(path, shot.depth, site)
    return site.root / "lidar"


@pytest.mark.parametrize("keep", [dense, sparse, smaller, millimetres, points])
def test_measured_depth_makes_depth_metric(indoors: Site, keep: Keep) -> None:
    indoors.predict()
    camera = tuple(indoors.world.intrinsics)
    reference = ReferenceOptions(provide(indoors, keep), intrinsics=camera)

    found = align(AlignOptions(indoors.out, reference=reference))

    assert found.rejected == {}
    assert found.unit == "reference"
    for shot in indoors.world.shots:
        depth = np.load(indoors.out / shot.name.replace(".png", "_metric.npy"))
        assert np.median(np.abs(depth / shot.depth - 1)) < 0.005


def test_points_take_the_camera_of_the_sparse_model(indoors: Site) -> None:
    indoors.survey()
    indoors.predict()
    reference = ReferenceOptions(provide(indoors, points))

    found = align(AlignOptions(indoors.out, indoors.scene, reference))

    assert found.rejected == {}
    assert found.unit == "scene"
    assert all(photo.points > 800 for photo in found.photos)  # more than the model has


def test_points_are_not_put_through_a_lens_that_is_not_known(indoors: Site, writers: Any) -> None:
    folder = writers["text"](indoors.world, indoors.points, indoors.scene)
    (folder / "cameras.txt").write_text("4 FOV 192 144 170 170 96 72 0.9\n")
    indoors.predict()

    found = align(AlignOptions(indoors.out, folder, ReferenceOptions(provide(indoors, points))))

    reasons = {photo.reason for photo in found.photos}
    assert reasons == {"nothing can be computed with a FOV camera yet"}


def test_points_without_a_camera_are_refused(indoors: Site) -> None:
    indoors.predict()

    with pytest.raises(UsageError, match="--intrinsics"):
        align(AlignOptions(indoors.out, reference=ReferenceOptions(provide(indoors, points))))


def test_a_missing_and_a_damaged_reference_are_named(indoors: Site) -> None:
    indoors.predict()
    folder = provide(indoors, dense)
    (folder / "room/01.npy").unlink()
    (folder / "room/02.npy").write_bytes(b"nonsense")
    np.save(folder / "room/03.npy", np.zeros((3, 4, 5)))

    found = align(AlignOptions(indoors.out, reference=ReferenceOptions(folder)))

    reasons = {name: photo.reason for name, photo in found.rejected.items()}
    assert reasons["room/01.png"] == "there is no reference for it"
    assert "cannot be read" in reasons["room/02.png"]
    assert "not one number for each pixel" in reasons["room/03.png"]
    assert len(reasons) == 3


def test_suffixes_may_be_in_capitals(indoors: Site) -> None:
    indoors.predict()
    folder = provide(indoors, millimetres)
    for path in (folder / "room").iterdir():
        path.rename(path.with_suffix(".PNG"))

    found = align(AlignOptions(indoors.out, reference=ReferenceOptions(folder)))

    assert found.rejected == {}


def test_a_reference_of_another_picture_is_named_as_such(indoors: Site) -> None:
    indoors.predict()
    folder = provide(indoors, dense)
    np.save(folder / "room/03.npy", np.ones((100, 192)))

    found = align(AlignOptions(indoors.out, reference=ReferenceOptions(folder)))

    assert "the reference 192 x 100: not the same picture" in found.rejected["room/03.png"].reason


def test_references_and_a_model_of_different_units_are_refused(indoors: Site) -> None:
    indoors.survey()
    indoors.predict()
    feet = provide(indoors, lambda path, depth, site: smaller(path, depth / 0.3048, site))

    with pytest.raises(RefusedError, match=r"is 3\.2\d* of the references"):
        align(AlignOptions(indoors.out, indoors.scene, ReferenceOptions(feet)))
    assert not (indoors.out / "alignment.json").exists()


@pytest.mark.parametrize("more", [{"step": 0.0}, {"intrinsics": (0.0, 1.0, 2.0, 2.0)}])
def test_a_unit_or_focal_length_of_zero_is_a_wrong_call(tmp_path: Path, more: Any) -> None:
    with pytest.raises(UsageError, match="above 0"):
        ReferenceOptions(tmp_path, **more)


def test_a_folder_of_other_references_is_refused(indoors: Site, tmp_path: Path) -> None:
    indoors.predict()
    (tmp_path / "other").mkdir()

    for folder in (tmp_path / "other", tmp_path / "nowhere"):
        with pytest.raises(NoInputError, match="reference"):
            align(AlignOptions(indoors.out, reference=ReferenceOptions(folder)))
