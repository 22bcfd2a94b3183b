"""Every export is read back as its tool reads it."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.errors import (
    CollisionError,
    ForeignFileError,
    NoInputError,
    RefusedError,
    UsageError,
)
from marigold_cli.scene3d.align import align
from marigold_cli.scene3d.camera import Camera
from marigold_cli.scene3d.colmap import read_model
from marigold_cli.scene3d.export import Exported, export
from marigold_cli.scene3d.exports import LAYOUTS
from marigold_cli.scene3d.options import AlignOptions, ExportOptions, TrustOptions
from marigold_cli.scene3d.ply import read_ply

Site = Any  # of conftest.py

REFUSED = 3  # the photo that the model is wrong about
EVERYTHING = TrustOptions(None, None, consistent=False)


@pytest.fixture(scope="module")
def aligned_once(
    tmp_path_factory: pytest.TempPathFactory, make_indoors: Any, finish: Any, models: Any
) -> Site:
    """A scene in which one photo is not metric; not to be changed."""
    site = make_indoors(tmp_path_factory.mktemp("aligned"))
    site.survey()
    site.photograph()
    shutil.copytree(site.scene / "sparse", site.scene / "sparse" / "0")
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in site.world.shots
    }
    maps[site.world.shots[REFUSED].name] = DepthMap(np.zeros((144, 192), np.float32))
    finish(site.out, maps)
    fit(site)
    return site


@pytest.fixture
def aligned(aligned_once: Site, tmp_path: Path) -> Site:
    """A copy of that scene."""
    shutil.copytree(aligned_once.root, tmp_path, dirs_exist_ok=True)
    return replace(aligned_once, root=tmp_path)


def fit(site: Site, **more: Any) -> None:
    align(AlignOptions(site.out, site.scene, fsync=False, refine=False, **more))


def run(site: Site, layout: str, **more: Any) -> Exported:
    return export(ExportOptions(site.out, layout, site.scene, fsync=False, **more))


def off(depth: np.ndarray, shot: Any) -> float:
    """Median relative error where there is depth, which must be nearly everywhere."""
    known = np.isfinite(depth) & (depth > 0)
    assert known.mean() > 0.8
    return float(np.median(np.abs(depth / shot.depth - 1)[known]))


def good(site: Site) -> list[Any]:
    return [shot for index, shot in enumerate(site.world.shots) if index != REFUSED]


def bad(site: Site) -> Any:
    return site.world.shots[REFUSED]


def read_colmap_array(path: Path) -> np.ndarray:
    """Planes [C, H, W] as COLMAP's Mat::Read has them."""
    width, height, channels, data = path.read_bytes().split(b"&", 3)
    shape = int(channels), int(height), int(width)
    return np.frombuffer(data, "<f4").reshape(shape)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_refused_photo_is_named_and_never_metric(aligned: Site, layout: str) -> None:
    views = [{"viewId": str(n), "path": shot.name} for n, shot in enumerate(aligned.world.shots)]
    (aligned.scene / "cameras.sfm").write_text(json.dumps({"views": views}))

    done = run(aligned, layout)

    assert list(done.refused) == [bad(aligned).name], done.refused
    assert len(done.written) == 5
    assert done.advice
    assert all((aligned.scene / path).is_file() for path in done.files)
    stem = Path(bad(aligned).name).stem
    maps = [
        path for path in done.files if Path(path).name.split(".")[0] in (stem, f"{stem}_aligned")
    ]
    for path in maps:  # what must be there holds no depth
        if path.endswith(".npy"):
            assert not np.load(aligned.scene / path).any()
        else:
            assert not imagecodecs.png_decode((aligned.scene / path).read_bytes()).any()
    assert bool(maps) == (layout in ("3dgs", "nerfstudio", "dn-splatter"))


def test_colmap_has_planar_maps_masks_and_its_list(aligned: Site) -> None:
    done = run(aligned, "colmap")

    for shot in good(aligned):
        name = f"{shot.name}.geometric.bin"
        (depth,) = read_colmap_array(aligned.scene / "stereo/depth_maps" / name)
        normals = read_colmap_array(aligned.scene / "stereo/normal_maps" / name)
        mask = np.asarray(Image.open(aligned.scene / "stereo/masks" / f"{shot.name}.png"))
        assert off(depth, shot) < 0.005
        assert normals.shape == (3, 144, 192)
        assert np.abs(np.linalg.norm(normals, axis=0) - 1).max() < 1e-4
        assert (normals[2] < 0).mean() > 0.9
        assert set(np.unique(mask)) <= {0, 255}
        assert np.array_equal(mask > 0, depth > 0)
        assert 0.002 < (mask == 0).mean() < 0.2
    listed = (aligned.scene / "stereo/fusion.cfg").read_text().splitlines()
    assert sorted(listed) == [shot.name for shot in aligned.world.shots]
    assert "--StereoFusion.mask_path" in done.advice[0]


@pytest.mark.readers
def test_pycolmap_reads_the_depth_maps(aligned: Site) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    run(aligned, "colmap")
    shot = good(aligned)[0]
    path = aligned.scene / "stereo/depth_maps" / f"{shot.name}.geometric.bin"

    theirs = pycolmap.DepthMap()
    theirs.read(str(path))

    assert np.array_equal(theirs.to_array(), read_colmap_array(path)[0])


def test_the_undistorters_list_is_left_alone(aligned: Site) -> None:
    (aligned.scene / "stereo").mkdir()
    (aligned.scene / "stereo/fusion.cfg").write_text("theirs\n")

    run(aligned, "colmap")
    run(aligned, "colmap")

    assert (aligned.scene / "stereo/fusion.cfg").read_text() == "theirs\n"


def test_our_own_list_follows_the_model_and_theirs_is_never_taken_away(aligned: Site) -> None:
    listed = aligned.scene / "stereo/fusion.cfg"
    run(aligned, "colmap")
    full = listed.read_text()

    listed.write_text("room/00.png\n")
    run(aligned, "colmap")
    assert listed.read_text() == full

    shutil.rmtree(aligned.scene / ".marigold")  # as if the undistorter had written the same
    shutil.rmtree(aligned.scene / "stereo/depth_maps")
    shutil.rmtree(aligned.scene / "stereo/normal_maps")
    shutil.rmtree(aligned.scene / "stereo/masks")
    run(aligned, "colmap")
    listed.write_text("room/00.png\n")
    run(aligned, "colmap")
    assert listed.read_text() == "room/00.png\n"


def test_splats_get_true_inverse_depth_as_their_loader_reads_it(aligned: Site) -> None:
    run(aligned, "3dgs")

    params = json.loads((aligned.scene / "sparse/0/depth_params.json").read_text())
    assert set(params) == {shot.name.removesuffix(".png") for shot in aligned.world.shots}
    scales = np.array([one["scale"] for one in params.values()])
    median = np.median(scales[scales > 0])
    for shot in aligned.world.shots:
        own = params[shot.name.removesuffix(".png")]
        steps = np.asarray(Image.open(aligned.scene / "depths" / shot.name))
        assert steps.dtype == np.uint16
        assert steps.shape == (144, 192)
        inverse = steps.astype(np.float32) / 2.0**16 * own["scale"] + own["offset"]
        is_reliable = 0.2 * median <= own["scale"] <= 5 * median
        assert is_reliable == (shot.name != bad(aligned).name)
        if is_reliable:
            assert np.median(np.abs(inverse * shot.depth - 1)) < 0.005
            assert (steps > 0).all()  # 0 would be infinitely far


def test_a_map_that_cannot_be_read_is_not_reliable_for_splats(aligned: Site) -> None:
    lost = good(aligned)[0].name
    (aligned.out / lost.replace(".png", "_depth.npy")).unlink()

    done = run(aligned, "3dgs")

    params = json.loads((aligned.scene / "sparse/0/depth_params.json").read_text())
    assert "is gone" in done.refused[lost]
    assert params[lost.removesuffix(".png")]["scale"] == 0
    assert sum(one["scale"] > 0 for one in params.values()) == 4


@pytest.fixture
def contradicted(indoors: Site, finish: Any, models: Any) -> Site:
    """A patch of room/02.png is nearer than the other views say, and masked for it."""
    indoors.survey()
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in indoors.world.shots
    }
    maps["room/02.png"].values[60:84, 80:110] *= 0.6
    finish(indoors.out, maps)
    fit(indoors, masks=True)
    return indoors


def test_contradicted_pixels_keep_their_prediction_for_splats(contradicted: Site) -> None:
    run(contradicted, "3dgs")
    masked = np.asarray(Image.open(contradicted.scene / "depths/room/02.png"))
    run(contradicted, "3dgs", trust=EVERYTHING)

    assert np.array_equal(masked, np.asarray(Image.open(contradicted.scene / "depths/room/02.png")))


def test_splats_are_told_where_the_trainer_looks_for_the_model(aligned: Site) -> None:
    assert len(run(aligned, "3dgs").advice) == 1
    shutil.rmtree(aligned.scene / "sparse/0")

    copy, _ = run(aligned, "3dgs").advice
    subprocess.run(copy, shell=True, check=True)

    assert read_model(aligned.scene / "sparse/0").views


def test_nerfstudio_reads_every_frame(aligned: Site) -> None:
    frames = [{"file_path": f"images/{shot.name}", "fl_x": 170} for shot in aligned.world.shots]
    frames.append({"file_path": "images/stranger.jpg"})
    (aligned.scene / "images_2").mkdir()
    (aligned.scene / "transforms.json").write_text(json.dumps({"w": 192, "frames": frames}))

    done = run(aligned, "nerfstudio")

    meta = json.loads((aligned.scene / "transforms_depth.json").read_text())
    assert meta["w"] == 192
    assert [frame["file_path"] for frame in meta["frames"]] == [f["file_path"] for f in frames]
    assert all("depth_file_path" in frame for frame in meta["frames"])
    for frame in meta["frames"]:
        path = aligned.scene / frame["depth_file_path"]
        depth = np.asarray(Image.open(path)).astype(np.float32) * 0.001
        reduced = aligned.scene / "depths_2" / PurePosixPath(frame["depth_file_path"]).name
        assert reduced.is_file()
        name = frame["file_path"].removeprefix("images/")
        if name in done.written:
            assert off(depth, aligned.shot(name)) < 0.005
            small = np.asarray(Image.open(reduced)) * 0.001
            true = aligned.shot(name).depth[1::2, 1::2]
            assert np.median(np.abs(small / true - 1)[small > 0]) < 0.005
        else:
            assert not depth.any()


def test_nerfstudio_gets_npy_where_a_png_would_overflow(aligned: Site) -> None:
    alignment = json.loads((aligned.out / "alignment.json").read_text())
    for photo in alignment["photos"]:
        for key in ("scale", "shift", "nearest", "farthest"):
            photo[key] = photo[key] and photo[key] * 20
    alignment["source"] = "gone"
    (aligned.out / "alignment.json").write_text(json.dumps(alignment))

    done = run(aligned, "nerfstudio")
    assert "--depth-unit-scale-factor 0.01" in done.advice[0]
    shot = good(aligned)[0]
    steps = np.asarray(Image.open(aligned.scene / "nerfstudio_depths" / shot.name))
    assert np.median(np.abs(steps * 0.01 / shot.depth / 20 - 1)[steps > 0]) < 0.005

    (aligned.scene / "transforms.json").write_text(
        json.dumps({"frames": [{"file_path": f"images/{shot.name}"}]})
    )
    run(aligned, "nerfstudio")
    (frame,) = json.loads((aligned.scene / "transforms_depth.json").read_text())["frames"]
    depth = np.load(aligned.scene / frame["depth_file_path"]).astype(np.float32) * 0.001
    assert np.median(np.abs(depth / shot.depth / 20 - 1)[depth > 0]) < 0.005
    assert not (aligned.scene / "nerfstudio_depths" / shot.name).exists()


def test_dn_splatter_finds_as_many_maps_as_images_in_their_order(aligned: Site) -> None:
    run(aligned, "dn-splatter")

    files = sorted((aligned.scene / "mono_depth").glob("*_aligned.npy"))
    images = sorted((aligned.scene / "images").rglob("*.png"))
    assert [path.name.removesuffix("_aligned.npy") for path in files] == [p.stem for p in images]
    for path, shot in zip(files, aligned.world.shots, strict=True):
        depth = np.load(path)
        assert depth.dtype == np.float32
        assert off(depth, shot) < 0.005 if shot.name != bad(aligned).name else not depth.any()


@pytest.mark.parametrize("layout", ["openmvs", "dn-splatter"])
def test_tools_that_drop_folders_refuse_names_that_they_would_mix(
    aligned: Site, layout: str
) -> None:
    images = aligned.scene / "sparse/images.bin"
    images.write_bytes(images.read_bytes().replace(b"room/05.png\0", b"roof/04.png\0"))
    shutil.rmtree(aligned.scene / "sparse/0")

    with pytest.raises(CollisionError, match=r"roof/04\.png and room/04\.png apart"):
        run(aligned, layout)


def test_images_that_would_share_a_reduced_map_are_refused(aligned: Site) -> None:
    images = aligned.scene / "sparse/images.bin"
    images.write_bytes(images.read_bytes().replace(b"room/05.png\0", b"roof/04.png\0"))
    shutil.rmtree(aligned.scene / "sparse/0")
    (aligned.scene / "transforms.json").write_text(json.dumps({"frames": []}))
    (aligned.scene / "images_2").mkdir()

    with pytest.raises(CollisionError, match=r"depths_2/04\.png"):
        run(aligned, "nerfstudio")


def test_openmvs_and_metashape_get_depth_along_z(aligned: Site) -> None:
    run(aligned, "openmvs")
    run(aligned, "metashape")

    for shot in good(aligned):
        depth = np.load(aligned.scene / "openmvs_depths" / f"{Path(shot.name).stem}.npy")
        image = tifffile.imread(
            aligned.scene / "metashape_depths" / shot.name.replace("png", "tif")
        )
        assert off(depth, shot) < 0.005
        assert np.array_equal(depth, image)
        assert image.dtype == np.float32


def test_meshroom_gets_the_distance_along_the_ray(aligned: Site) -> None:
    views = [{"viewId": "77", "path": f"/photos/{good(aligned)[0].name}", "poseId": "1"}]
    (aligned.scene / "cameras.sfm").write_text(json.dumps({"views": views}))

    done = run(aligned, "meshroom")

    shot = good(aligned)[0]
    assert done.written == (shot.name,)
    assert done.refused[good(aligned)[1].name] == "the scene has no place for it"
    path = aligned.scene / "meshroom_depths/77_depthMap.exr"
    assert path.read_bytes()[:4] == bytes.fromhex("762f3101")
    file = OpenEXR.File(str(path))
    header = file.header()
    away = file.channels()["Y"].pixels
    known = away > 0
    assert set(np.unique(away[~known])) <= {-1.0}
    centre = np.array(header["AliceVision:CArr"])
    turn = np.array(header["AliceVision:iCamArr"]).reshape(3, 3)
    pixels = np.stack(
        [*np.meshgrid(np.arange(192) + 0.5, np.arange(144) + 0.5), np.ones((144, 192))]
    )
    rays = np.einsum("ij,jhw->hwi", turn, pixels)
    places = centre + rays / np.linalg.norm(rays, axis=-1, keepdims=True) * away[..., None]
    assert np.median(aligned.world.away(places[known]) / away[known]) < 0.005
    assert header["AliceVision:downscale"] == 1
    assert header["AliceVision:nbDepthValues"] == known.sum()


def test_meshroom_needs_its_own_list_of_views(aligned: Site) -> None:
    with pytest.raises(NoInputError, match=r"cameras\.sfm"):
        run(aligned, "meshroom")


def test_open3d_gets_depth_and_cameras(aligned: Site) -> None:
    done = run(aligned, "open3d")

    facts = json.loads((aligned.scene / "trajectory.json").read_text())
    for shot, camera in zip(good(aligned), facts["parameters"], strict=True):
        extrinsic = np.array(camera["extrinsic"]).reshape(4, 4).T
        assert extrinsic[:3, :3] == pytest.approx(shot.rotation, abs=1e-9)
        assert extrinsic[:3, 3] == pytest.approx(shot.translation, abs=1e-9)
        steps = np.asarray(Image.open(aligned.scene / "depth" / shot.name))
        assert off(steps / 1000, shot) < 0.005
    assert "depth_scale=1000" in done.advice[0]


def test_open3d_gets_depth_of_the_size_that_its_cameras_have(aligned: Site, finish: Any) -> None:
    large = {
        shot.name: DepthMap(np.repeat(np.repeat(shot.depth, 2, 0), 2, 1).astype(np.float32) / 9)
        for shot in aligned.world.shots
    }
    finish(aligned.out, large)
    fit(aligned)

    run(aligned, "open3d")

    facts = json.loads((aligned.scene / "trajectory.json").read_text())
    for shot, camera in zip(aligned.world.shots, facts["parameters"], strict=True):
        steps = np.asarray(Image.open(aligned.scene / "depth" / shot.name))
        assert steps.shape == (camera["intrinsic"]["height"], camera["intrinsic"]["width"])
        assert off(steps / 1000, shot) < 0.005


@pytest.mark.readers
def test_open3d_itself_puts_the_points_on_the_surfaces(aligned: Site) -> None:
    open3d = pytest.importorskip("open3d", exc_type=ImportError)
    run(aligned, "open3d")

    cameras = open3d.io.read_pinhole_camera_trajectory(str(aligned.scene / "trajectory.json"))

    assert len(cameras.parameters) == 5
    for shot, camera in zip(good(aligned), cameras.parameters, strict=True):
        depth = open3d.io.read_image(str(aligned.scene / "depth" / shot.name))
        cloud = open3d.geometry.PointCloud.create_from_depth_image(
            depth, camera.intrinsic, camera.extrinsic, 1000.0, 100.0
        )
        places = np.asarray(cloud.points)
        assert len(places) > 0.8 * 144 * 192
        assert np.median(aligned.world.away(places)) < 0.02


def test_clouds_lie_on_the_surfaces_in_the_colours_of_the_photos(aligned: Site) -> None:
    run(aligned, "ply", trust=EVERYTHING)

    for shot in good(aligned):
        path = aligned.scene / "points" / shot.name.replace("png", "ply")
        places = read_ply(path)
        assert len(places) == 144 * 192
        assert np.median(aligned.world.away(places)) < 0.01
        colours = np.array(
            list(struct.iter_unpack("<24x3B", path.read_bytes().split(b"end_header\n")[1]))
        )
        assert np.array_equal(colours.reshape(144, 192, 3), shot.colours)


def test_clouds_without_images_are_grey_and_that_is_said(aligned: Site) -> None:
    assert len(run(aligned, "ply").advice) == 1
    (aligned.scene / "images" / good(aligned)[0].name).unlink()

    done = run(aligned, "ply")

    assert "1 of them are grey" in done.advice[1]


def test_a_scene_with_a_damaged_camera_is_refused(aligned: Site, writers: Any) -> None:
    other = writers["text"](aligned.world, aligned.points, aligned.root / "other" / "sparse")
    (other / "cameras.txt").write_text("4 PINHOLE 0 0 170 170 96 72\n")

    with pytest.raises(RefusedError, match="damaged: PINHOLE 0 0"):
        export(ExportOptions(aligned.out, "nerfstudio", other.parent, fsync=False))


def test_fewer_points_are_spread_evenly(aligned: Site) -> None:
    run(aligned, "ply", trust=EVERYTHING, most_points=2000)

    places = read_ply(aligned.scene / "points" / good(aligned)[0].name.replace("png", "ply"))
    assert 1000 < len(places) <= 2000


def test_uncertain_pixels_are_left_out(indoors: Site, finish: Any, models: Any) -> None:
    indoors.survey()
    spread = np.zeros((144, 192), np.float32)
    spread[:, :40] = 0.5
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32), uncertainty=spread)
        for shot in indoors.world.shots
    }
    finish(indoors.out, maps)
    fit(indoors)

    run(indoors, "openmvs", trust=TrustOptions(edges=None, uncertainty=0.1))

    depth = np.load(indoors.scene / "openmvs_depths/00.npy")
    assert not depth[:, :40].any()
    assert depth[:, 40:].all()


def test_contradicted_pixels_are_left_out(contradicted: Site) -> None:
    run(contradicted, "openmvs", trust=TrustOptions(None, None, consistent=True))
    strict = np.load(contradicted.scene / "openmvs_depths/02.npy")
    run(contradicted, "openmvs", trust=EVERYTHING)
    full = np.load(contradicted.scene / "openmvs_depths/02.npy")

    assert (strict[62:82, 82:108] == 0).mean() > 0.8
    assert full.all()


def test_a_damaged_mask_is_named(aligned: Site) -> None:
    fit(aligned, masks=True)
    (aligned.out / "room/00_consistent.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")

    done = run(aligned, "metashape")

    assert "align again with --masks" in done.refused["room/00.png"]
    assert len(done.written) == 4


def test_disparity_is_exported_as_depth(indoors: Site, models: Any) -> None:
    indoors.survey()
    indoors.predict(models["disparity"], DepthKind.AFFINE_DISPARITY)
    fit(indoors)

    done = run(indoors, "metashape", trust=EVERYTHING)

    assert done.refused == {}
    for shot in indoors.world.shots:
        depth = tifffile.imread(
            indoors.scene / "metashape_depths" / shot.name.replace(".png", ".tif")
        )
        known = (depth > 0) & (shot.depth < 100)
        assert np.median(np.abs(depth / shot.depth - 1)[known]) < 0.005


def test_files_of_others_are_not_replaced_unasked(aligned: Site) -> None:
    theirs = aligned.scene / "depths" / good(aligned)[0].name
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")

    with pytest.raises(ForeignFileError, match=r"depths/room/00\.png"):
        run(aligned, "3dgs")
    assert theirs.read_bytes() == b"theirs"
    assert not (aligned.scene / "sparse/0/depth_params.json").exists()

    run(aligned, "3dgs", overwrite=True)
    assert theirs.read_bytes() != b"theirs"
    run(aligned, "3dgs")  # ours now


def test_a_later_export_takes_back_what_is_no_longer_metric(
    aligned: Site, finish: Any, models: Any
) -> None:
    run(aligned, "openmvs")
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in aligned.world.shots
    }
    maps["room/00.png"] = maps["room/00.png"].invert().invert()
    maps["room/00.png"].values[:] = 1 - maps["room/00.png"].values
    finish(aligned.out, maps)
    fit(aligned)

    run(aligned, "openmvs")

    left = sorted(path.name for path in (aligned.scene / "openmvs_depths").iterdir())
    assert left == ["01.npy", "02.npy", "03.npy", "04.npy", "05.npy"]


def test_depth_that_was_computed_again_since_is_refused(
    aligned: Site, finish: Any, models: Any
) -> None:
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in aligned.world.shots
    }
    maps["room/00.png"].values[:] *= 0.5
    finish(aligned.out, maps)

    done = run(aligned, "openmvs")

    assert "align again" in done.refused["room/00.png"]
    assert "room/00.png" not in done.written


def test_a_scene_of_another_unit_is_refused(aligned: Site, writers: Any) -> None:
    for shot in aligned.world.shots:
        shot.translation[:] *= 10
    other = writers["text"](aligned.world, aligned.points, aligned.root / "other" / "sparse")
    for shot in aligned.world.shots:
        shot.translation[:] /= 10

    with pytest.raises(RefusedError, match=r"its unit is 0\.1 of"):
        export(ExportOptions(aligned.out, "openmvs", other.parent, fsync=False))


def change_cameras(site: Site, camera: dict[str, Any]) -> None:
    """As if the run had been aligned to photos of another lens."""
    alignment = json.loads((site.out / "alignment.json").read_text())
    for photo in alignment["photos"]:
        photo["camera"] = camera
    (site.out / "alignment.json").write_text(json.dumps(alignment))


@pytest.mark.parametrize(
    ("model", "more"), [("FOV", [0.9]), ("RAD_TAN_THIN_PRISM_FISHEYE", [0.1] * 12)]
)
def test_photos_of_a_lens_that_is_not_known_are_refused_for_a_straight_scene(
    aligned: Site, model: str, more: list[float]
) -> None:
    params = [170, 170, 96, 72, *more]
    change_cameras(aligned, {"model": model, "width": 192, "height": 144, "params": params})

    with pytest.raises(RefusedError, match=f"nothing can be computed with a {model} camera"):
        run(aligned, "colmap")


def test_normals_follow_the_depth_from_the_lens_of_the_photo(aligned: Site) -> None:
    bent = Camera("SIMPLE_RADIAL", 192, 144, (170.0, 96.0, 72.0, -0.2))
    change_cameras(aligned, asdict(bent))
    folder = aligned.root / "normals"
    (folder / "room").mkdir(parents=True)
    outwards = bent.rays(bent.grid(144, 192)) * [-1, 1, 1]  # of a ball around the camera
    for shot in good(aligned):
        np.save(folder / shot.name.replace(".png", "_normals.npy"), outwards.astype(np.float32))
    turned, *others = good(aligned)
    np.save(
        folder / turned.name.replace(".png", "_normals.npy"),
        outwards.swapaxes(0, 1).astype(np.float32),
    )

    done = run(aligned, "colmap", normals=folder)

    assert "turned by a quarter" in done.refused[turned.name]
    path = aligned.scene / "stereo/normal_maps" / f"{others[0].name}.geometric.bin"
    normals = np.moveaxis(read_colmap_array(path), 0, -1)
    rays = aligned.world.rays()
    true = -rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    assert np.abs(normals - true)[5:-5, 5:-5].max() < 1e-3


def test_a_distorted_scene_is_refused_where_the_tool_needs_a_straight_one(aligned: Site) -> None:
    shutil.rmtree(aligned.scene / "sparse/0")
    for path in (aligned.scene / "sparse").iterdir():
        path.unlink()
    (aligned.scene / "sparse/cameras.txt").write_text("4 SIMPLE_RADIAL 192 144 170 96 72 -0.1\n")
    lines = []
    for index, shot in enumerate(aligned.world.shots):
        lines += [f"{index + 1} 1 0 0 0 {index} 0 0 4 {shot.name}", ""]
    (aligned.scene / "sparse/images.txt").write_text("\n".join(lines) + "\n")
    (aligned.scene / "sparse/points3D.txt").write_text("")
    alignment = json.loads((aligned.out / "alignment.json").read_text())
    (aligned.out / "alignment.json").write_text(json.dumps(alignment | {"source": "gone"}))

    with pytest.raises(RefusedError, match="image_undistorter"):
        run(aligned, "colmap")
    assert run(aligned, "metashape").written


def test_unknown_tools_and_scenes_without_a_model_are_refused(aligned: Site) -> None:
    with pytest.raises(UsageError, match="there is: colmap, 3dgs"):
        run(aligned, "blender")
    with pytest.raises(NoInputError, match="no sparse model"):
        export(ExportOptions(aligned.out, "colmap", aligned.out))
