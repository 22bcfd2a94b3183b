from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marigold_cli.batch.journal import JOURNAL, Journal
from marigold_cli.batch.records import Failed
from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.errors import NoInputError, RefusedError, UsageError
from marigold_cli.fit import fit_affine
from marigold_cli.scene3d.align import align
from marigold_cli.scene3d.alignment import Alignment, load_alignment
from marigold_cli.scene3d.colmap import read_model
from marigold_cli.scene3d.observations import observe, sample
from marigold_cli.scene3d.options import AlignOptions, Gates, PointFilter
from marigold_cli.scene3d.overlap import look

Site = Any  # of conftest.py
Models = dict[str, Callable[..., Any]]
KINDS = {"depth": DepthKind.AFFINE_DEPTH, "disparity": DepthKind.AFFINE_DISPARITY}


def fit(site: Site, **more: Any) -> Alignment:
    """Align every photo by itself, unless a test wants more."""
    return align(AlignOptions(site.out, site.scene, fsync=False, **{"refine": False, **more}))


def metric(site: Site, name: str) -> np.ndarray:
    return np.load(site.out / name.replace(".png", "_metric.npy"))


def errors(site: Site, found: Alignment) -> list[float]:
    """Median relative error of every accepted photo's depth map against the truth, sky left out."""
    shares = []
    for name in found.accepted:
        true = site.shot(name).depth
        shares.append(float(np.median(np.abs(metric(site, name) / true - 1)[true < 100])))
    return shares


def only(found: Alignment, name: str) -> str:
    """Why a photo was refused, when all others were accepted."""
    assert list(found.rejected) == [name]
    return found.rejected[name].reason


@pytest.mark.parametrize("domain", KINDS)
@pytest.mark.parametrize("refine", [False, True])
def test_depth_is_metric_to_half_a_percent_with_noisy_and_wrong_points(
    site: Site, models: Models, domain: str, refine: bool
) -> None:
    site.survey()
    site.predict(models[domain], KINDS[domain])

    found = fit(site, refine=refine)

    assert found.rejected == {}
    assert max(errors(site, found)) < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("domain", KINDS)
def test_depth_of_rendered_scenes_is_metric_to_half_a_percent(
    rendered: Site, models: Models, domain: str
) -> None:
    rendered.survey()
    rendered.predict(models[domain], KINDS[domain])

    found = fit(rendered, refine=True)

    assert found.rejected == {}
    assert max(errors(rendered, found)) < 0.005


def test_plain_least_squares_would_be_far_off(site: Site, models: Models) -> None:
    model = read_model(site.survey())
    shares = []
    for shot in site.world.shots:
        observed = observe(model.views[shot.name], model.cloud, PointFilter())
        values = models["depth"](shot.depth).astype(np.float32)
        line = fit_affine(sample(values, observed.pixels, observed.size), observed.depth)
        shares.append(np.median(np.abs(line(values) / shot.depth - 1)[shot.depth < 100]))

    assert np.median(shares) > 0.02


def test_refining_together_lowers_disagreement_and_error(
    site: Site, scatter_points: Callable[..., Any]
) -> None:
    site.points = scatter_points(site.world, each=70, noise=0.03, wrong=0.05, seed=2)
    site.survey()
    site.predict()

    alone = errors(site, fit(site))
    together = fit(site, refine=True)

    assert together.disagreement is not None
    before, after = together.disagreement
    assert after < 0.75 * before
    assert max(errors(site, together)) < max(alone)


def test_a_photo_of_which_parts_are_unknown_is_refined_like_others(
    indoors: Site, finish: Any, models: Models
) -> None:
    indoors.survey()
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in indoors.world.shots
    }
    maps["room/02.png"].values[:50, :60] = np.nan
    finish(indoors.out, maps)

    alone, together = fit(indoors), fit(indoors, refine=True)

    for one, other in zip(alone.photos, together.photos, strict=True):
        assert one.accepted
        assert one.scale != other.scale


def test_refining_very_many_photos_looks_at_fewer_pixels_of_each(
    indoors: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    indoors.survey()
    indoors.predict()
    read: list[int] = []

    def count(*call: Any) -> Any:
        overlap = look(*call)
        read.append(overlap.here.size)
        return overlap

    monkeypatch.setattr("marigold_cli.scene3d.refine.look", count)
    full = fit(indoors, refine=True)
    most = max(read)
    monkeypatch.setattr("marigold_cli.scene3d.refine._MOST", 20_000)
    read.clear()
    thin = fit(indoors, refine=True)

    assert max(read) < most / 2
    assert full.disagreement
    assert thin.disagreement
    assert thin.disagreement[1] < thin.disagreement[0]


def test_the_record_is_read_back_as_it_was_written(indoors: Site) -> None:
    indoors.survey()
    indoors.predict()

    found = fit(indoors, refine=True, metres=2.5)

    assert load_alignment(indoors.out) == found
    table = (indoors.out / "alignment.csv").read_text().splitlines()
    assert table[0].startswith("name,view,accepted,reason,points,inliers")
    assert len(table) == 1 + len(indoors.world.shots)


def test_metres_scale_the_maps_and_nothing_else(indoors: Site) -> None:
    indoors.survey()
    indoors.predict()
    name = indoors.world.shots[0].name

    first = fit(indoors)
    units = metric(indoors, name)
    second = fit(indoors, metres=2.5)

    assert np.abs(metric(indoors, name) / units - 2.5).max() < 1e-5
    assert first.photos == second.photos


@pytest.mark.parametrize("formats", [("tiff",), ("exr",), ("png",)])
def test_any_format_with_numbers_will_do(indoors: Site, formats: tuple[str, ...]) -> None:
    indoors.survey()
    indoors.predict(formats=formats)

    found = fit(indoors)

    assert len(errors(indoors, found)) == 6
    assert max(errors(indoors, found)) < 0.005


def test_inverted_depth_is_turned_back(indoors: Site, finish: Any, models: Models) -> None:
    indoors.survey()
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32)).invert()
        for shot in indoors.world.shots
    }
    finish(indoors.out, maps)

    found = fit(indoors)

    assert max(errors(indoors, found)) < 0.005


def test_maps_at_processing_size_are_aligned(indoors: Site, finish: Any, models: Models) -> None:
    indoors.survey()
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth[1::2, 1::2]).astype(np.float32))
        for shot in indoors.world.shots
    }
    finish(indoors.out, maps)

    found = fit(indoors)

    assert found.rejected == {}
    true = indoors.world.shots[0].depth[1::2, 1::2]
    assert np.median(np.abs(metric(indoors, indoors.world.shots[0].name) / true - 1)) < 0.01


def spoil(indoors: Site, finish: Any, models: Models, change: Callable[[np.ndarray], Any]) -> str:
    """A run in which the model is wrong about the third photo."""
    indoors.survey()
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in indoors.world.shots
    }
    name = indoors.world.shots[2].name
    maps[name] = DepthMap(np.asarray(change(maps[name].values), np.float32))
    finish(indoors.out, maps)
    return name


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda values: 1 - values, "depth runs the wrong way"),
        (lambda values: np.random.default_rng(0).random(values.shape), "depth runs the wrong way"),
        (lambda values: values[:, ::-1], "the line meets only"),
        (lambda values: np.full_like(values, 0.5), "no line meets even two"),
        (lambda values: np.full_like(values, np.nan), "only 0 points, 30 are needed"),
        (lambda values: values[:, :100], "not the same picture"),
        (lambda values: values.T, "turned by a quarter"),
    ],
)
def test_a_photo_that_does_not_fit_is_refused_by_name_and_never_metric(
    indoors: Site, finish: Any, models: Models, change: Any, reason: str
) -> None:
    name = spoil(indoors, finish, models, change)

    found = fit(indoors, masks=True)

    assert reason in only(found, name)
    assert not (indoors.out / name.replace(".png", "_metric.npy")).exists()
    assert not (indoors.out / name.replace(".png", "_consistent.png")).exists()


def test_a_photo_that_agrees_with_its_points_alone_is_refused_by_its_neighbours(
    indoors: Site, finish: Any, models: Models
) -> None:
    def shift_between_points(values: np.ndarray) -> np.ndarray:
        wrong = np.clip(values + 0.35, 0, 1.35)
        for _, x, y in indoors.points.of(2):
            rows = slice(max(0, int(y) - 2), int(y) + 3)
            columns = slice(max(0, int(x) - 2), int(x) + 3)
            wrong[rows, columns] = values[rows, columns]
        return wrong

    name = spoil(indoors, finish, models, shift_between_points)

    found = fit(indoors, gates=Gates(min_agreement=0.7))

    assert "neighbouring views confirm only" in only(found, name)


def test_points_in_one_corner_are_not_enough(indoors: Site) -> None:
    corner = [
        one for one in indoors.points.sightings if one[0] != 1 or (one[2] < 60 and one[3] < 40)
    ]
    indoors.points = replace(indoors.points, sightings=corner)
    indoors.survey()
    indoors.predict()

    found = fit(indoors, gates=Gates(min_points=5, min_coverage=0.3))

    assert "of the picture only" in only(found, indoors.world.shots[1].name)


def test_a_photo_that_was_not_registered_is_named(indoors: Site, finish: Any) -> None:
    indoors.survey()
    values = DepthMap(np.random.default_rng(0).random((144, 192)).astype(np.float32))
    finish(indoors.out, {"stranger.jpg": values, indoors.world.shots[0].name: values})

    found = fit(indoors)

    assert found.rejected["stranger.jpg"].reason == "the sparse model does not have it"


def test_a_second_alignment_takes_back_what_is_no_longer_metric(
    indoors: Site, finish: Any, models: Models
) -> None:
    indoors.survey()
    indoors.predict()
    fit(indoors, masks=True)
    name = spoil(indoors, finish, models, lambda values: 1 - values)

    found = fit(indoors)

    left = {path.relative_to(indoors.out).as_posix() for path in indoors.out.rglob("*_metric.npy")}
    assert left == {other.replace(".png", "_metric.npy") for other in found.accepted}
    assert name in found.rejected
    assert not list(indoors.out.rglob("*_consistent.png"))


def test_maps_of_a_photo_that_has_lost_its_depth_are_taken_away(indoors: Site) -> None:
    indoors.survey()
    indoors.predict()
    fit(indoors, masks=True)
    with Journal(indoors.out / JOURNAL, fsync=False) as journal:  # it was changed, and failed
        journal.append(Failed("room/02.png", "decode", "damaged", 1, 2, 2))

    found = fit(indoors)

    assert len(found.accepted) == 5
    assert not list(indoors.out.rglob("02_metric.npy"))
    assert not list(indoors.out.rglob("02_consistent.png"))


def test_a_refined_line_that_fails_a_gate_leaves_the_photo_its_own(
    indoors: Site, finish: Any, models: Models, scatter_points: Callable[..., Any]
) -> None:
    """A fifth of a photo lies just before the camera with its own line, and behind the refined."""
    indoors.points = scatter_points(indoors.world, each=70, noise=0.03, wrong=0.05, seed=2)
    indoors.survey()
    maps = {
        shot.name: DepthMap(models["depth"](shot.depth).astype(np.float32))
        for shot in indoors.world.shots
    }
    values = maps["room/02.png"].values
    values[:30] = -0.78
    finish(indoors.out, maps)

    alone, gated = fit(indoors), fit(indoors, refine=True)
    free = fit(indoors, refine=True, gates=Gates(max_behind=1))

    own, kept, refined = (found.accepted["room/02.png"].affine for found in (alone, gated, free))
    assert kept == own != refined
    assert (own(values) > 0).all()
    assert (refined(values) <= 0).mean() > 0.2
    assert gated.disagreement[1] > free.disagreement[1]  # of what was written


def test_a_damaged_map_is_named(indoors: Site) -> None:
    indoors.survey()
    indoors.predict()
    path = indoors.out / "room/04_depth.npy"
    path.write_bytes(path.read_bytes()[:500])

    found = fit(indoors)

    assert "damaged" in only(found, "room/04.png")


def test_damaged_cameras_and_poses_are_named(indoors: Site, writers: Any) -> None:
    folder = writers["text"](indoors.world, indoors.points, indoors.scene)
    with (folder / "cameras.txt").open("a") as file:
        file.write("5 PINHOLE 0 0 170 170 96 72\n6 PINHOLE 192 144 170 nan 96 72\n")
    lines = (folder / "images.txt").read_text().splitlines()
    words = [line.split() for line in lines[1::2]]
    words[0][8], words[1][8], words[2][1:5], words[3][6] = "5", "6", ["0"] * 4, "nan"
    lines[1::2] = [" ".join(some) for some in words]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    indoors.predict()

    found = fit(indoors)

    reasons = [photo.reason for photo in found.photos]
    assert "damaged: PINHOLE 0 0 170 170 96 72" in reasons[0]
    assert "damaged: PINHOLE 192 144 170 nan 96 72" in reasons[1]
    assert reasons[2:4] == ["its pose in the sparse model is not a number"] * 2
    assert reasons[4:] == ["", ""]


def test_the_record_names_its_source_so_that_it_is_found_from_anywhere(
    indoors: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    indoors.survey()
    indoors.predict()
    monkeypatch.chdir(indoors.root)

    found = align(AlignOptions(indoors.out, Path("scene/sparse"), fsync=False))

    assert Path(found.source) == (indoors.scene / "sparse").resolve()


def test_a_model_of_other_photos_is_refused_and_nothing_is_written(
    indoors: Site, finish: Any
) -> None:
    indoors.survey()
    finish(indoors.out, {"holiday.jpg": DepthMap(np.zeros((4, 4), np.float32))})

    with pytest.raises(NoInputError, match="is it of other photos"):
        fit(indoors)

    assert not (indoors.out / "alignment.json").exists()


def test_a_model_without_points_refuses_every_photo(indoors: Site) -> None:
    indoors.points = replace(indoors.points, sightings=[])
    indoors.survey()
    indoors.predict()

    found = fit(indoors)

    assert {photo.reason for photo in found.photos} == {"only 0 points, 30 are needed"}


def test_absurd_points_give_no_absurd_depth(indoors: Site) -> None:
    indoors.points = replace(indoors.points, places=np.full_like(indoors.points.places, 1e300))
    indoors.survey()
    indoors.predict()

    found = fit(indoors)

    assert found.accepted == {}


def test_depth_that_was_turned_upright_is_refused(
    indoors: Site, finish: Any, models: Models
) -> None:
    indoors.survey()
    shot = indoors.world.shots[0]
    values = models["depth"](shot.depth).astype(np.float32)
    finish(indoors.out, {shot.name: DepthMap(values)}, grid="upright")

    with pytest.raises(RefusedError, match="--grid stored"):
        fit(indoors)


def test_a_folder_without_a_run_and_a_call_without_a_source_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--colmap DIR or --align-to DIR"):
        AlignOptions(tmp_path)
    with pytest.raises(NoInputError, match="no finished run"):
        align(AlignOptions(tmp_path, tmp_path))
    with pytest.raises(NoInputError, match="not aligned yet"):
        load_alignment(tmp_path)


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "alignment.json").write_text(json.dumps({"v": 1, "photos": [{"name": 3}]}))

    with pytest.raises(NoInputError, match="align again"):
        load_alignment(tmp_path)


def test_masks_tell_confirmed_from_contradicted(indoors: Site, finish: Any, models: Models) -> None:
    import imagecodecs

    def raise_a_patch(values: np.ndarray) -> np.ndarray:
        raised = values.copy()
        raised[60:84, 80:110] *= 0.6  # floats in front of what others see there
        return raised

    name = spoil(indoors, finish, models, raise_a_patch)

    fit(indoors, masks=True)

    marks = imagecodecs.png_decode(
        (indoors.out / name.replace(".png", "_consistent.png")).read_bytes()
    )
    patch = np.zeros(marks.shape, bool)
    patch[62:82, 82:108] = True
    assert (marks[patch] == 0).mean() > 0.8
    assert (marks[~patch] == 255).mean() > 0.8
    assert (marks[~patch] == 0).mean() < 0.05
