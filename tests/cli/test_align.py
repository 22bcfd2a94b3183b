from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from marigold_cli.batch.signals import Stop
from marigold_cli.checkpoints import predictor
from marigold_cli.depth import DepthMap
from marigold_cli.files.decode import Photo

Call = Callable[..., Any]  # gives an Answer of conftest.py

HEIGHT, WIDTH, FOCAL = 60, 80, 70.0


def ramp(tilt: float) -> np.ndarray:
    """Depth of the plane z = 3 + tilt * y_world seen by a camera at the origin."""
    y = (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / FOCAL
    return np.repeat((3 / (1 - tilt * y))[:, None], WIDTH, axis=1)


def write_model(folder: Path, names: list[str]) -> None:
    """Cameras side by side that look along z at the plane z = 3 + 0.5 y."""
    folder.mkdir()
    (folder / "cameras.txt").write_text(
        f"1 PINHOLE {WIDTH} {HEIGHT} {FOCAL} {FOCAL} {WIDTH / 2} {HEIGHT / 2}\n"
    )
    random = np.random.default_rng(0)
    x, y = random.uniform(-1.5, 2.5, 400), random.uniform(-1, 1, 400)
    places = np.stack([x, y, 3 + 0.5 * y], axis=1)
    tracks: list[list[str]] = [[] for _ in places]
    lines = []
    for number, name in enumerate(names, start=1):
        local = places - [0.4 * (number - 1), 0, 0]
        pixels = local[:, :2] / local[:, 2:] * FOCAL + [WIDTH / 2, HEIGHT / 2]
        seen = np.flatnonzero(((pixels > 0) & (pixels < [WIDTH, HEIGHT])).all(axis=1))
        lines.append(f"{number} 1 0 0 0 {-0.4 * (number - 1)} 0 0 1 {name}")
        lines.append(" ".join(f"{pixels[p, 0]} {pixels[p, 1]} {p}" for p in seen))
        for spot, point in enumerate(seen):
            tracks[point].append(f"{number} {spot}")
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "points3D.txt").write_text(
        "".join(
            f"{point} {place[0]} {place[1]} {place[2]} 0 0 0 0.1 {' '.join(track)}\n"
            for point, (place, track) in enumerate(zip(places, tracks, strict=True))
        )
    )


@pytest.fixture
def aligned_place(tmp_path: Path, finished: Callable[[dict[str, np.ndarray]], Path]) -> Path:
    """Three photos of a plane, the last with depth that means nothing, and a sparse model."""
    true = ramp(0.5)
    affine = (true - true.min()) / np.ptp(true)
    finished(
        {"a.jpg": affine, "b.jpg": affine, "c.jpg": np.random.default_rng(1).random(true.shape)}
    )
    write_model(tmp_path / "sparse", ["a.jpg", "b.jpg", "c.jpg"])
    return tmp_path


@pytest.fixture
def finished(tmp_path: Path) -> Callable[[dict[str, np.ndarray]], Path]:
    """A finished run over photos, written as its files are documented."""

    def finish(maps: dict[str, np.ndarray]) -> Path:
        from hashlib import sha256

        out = tmp_path / "depths"
        out.mkdir()
        settings = {"kind": "affine-depth", "invert": False, "grid": "stored"}
        (out / "marigold.json").write_text(json.dumps({"v": 1, "fp": "f", "settings": settings}))
        lines = [{"v": 1, "ev": "run", "at": 1, "fp": "f", "jobs": len(maps), "versions": {}}]
        for name, values in maps.items():
            path = out / f"{Path(name).stem}_depth.npy"
            np.save(path, values.astype(np.float32))
            data = path.read_bytes()
            digest = sha256(data).hexdigest()
            lines.append(
                {
                    "v": 1, "ev": "done", "at": 2, "input": name, "size": 1, "mtime_ns": 1,
                    "sha256": "0", "fp": "f", "seed": 0, "batch_used": 1, "secs": 1,
                    "outputs": [{"path": path.name, "size": len(data), "sha256": digest}],
                }
            )  # fmt: skip
        lines.append({"v": 1, "ev": "end", "at": 3, "code": 0})
        (out / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return out

    return finish


def test_a_table_tells_what_became_of_every_photo(call: Call, aligned_place: Path) -> None:
    answer = call("align", aligned_place / "depths", "--colmap", aligned_place, "--no-fsync")

    assert answer.code == 10
    rows = {line.split()[0]: line for line in answer.out.splitlines()}
    assert list(rows) == ["photo", "a.jpg", "b.jpg", "c.jpg"]
    assert "metric" in rows["a.jpg"]
    assert "metric" in rows["b.jpg"]
    assert "where no relief at all would have" in rows["c.jpg"]
    assert "2 photos in the unit of the model, 1 refused" in answer.err
    depth = np.load(aligned_place / "depths/b_metric.npy")
    assert np.abs(depth / ramp(0.5) - 1).max() < 1e-3
    assert not (aligned_place / "depths/c_metric.npy").exists()


def test_json_and_csv_say_the_same(call: Call, aligned_place: Path) -> None:
    answer = call(
        "align", aligned_place / "depths", "--colmap", aligned_place, "--scale", "2", "--json",
        "--no-maps", "--no-refine",
    )  # fmt: skip

    facts = json.loads(answer.out)
    assert facts["metres"] == 2
    text = (aligned_place / "depths/alignment.csv").read_text()
    table = list(csv.DictReader(text.splitlines()))
    assert [row["name"] for row in table] == ["a.jpg", "b.jpg", "c.jpg"]
    for row, photo in zip(table, facts["photos"], strict=True):
        assert row["accepted"] == str(photo["accepted"])
        assert row["reason"] == photo["reason"]
        assert int(row["points"]) == photo["points"]
    assert not list((aligned_place / "depths").glob("*_metric.npy"))


def test_measured_depth_needs_no_model(call: Call, aligned_place: Path) -> None:
    folder = aligned_place / "lidar"
    folder.mkdir()
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", ramp(0.5))

    answer = call("align", aligned_place / "depths", "--align-to", folder)

    assert answer.code == 10
    assert "2 photos in the unit of the references, 1 refused" in answer.err
    assert "there is no reference for it" in answer.out


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ([], 2, "--colmap DIR or --align-to DIR"),
        (["--colmap", "nowhere"], 4, "no sparse model here"),
        (["--colmap", ".", "--scale", "0"], 2, "--scale"),
        (["--colmap", ".", "--intrinsics", "1,2"], 2, "FX,FY,CX,CY"),
        (["--colmap", ".", "--max-error", "-1"], 2, "--max-error"),
        (["--align-to", ".", "--png-step", "0"], 2, "--png-step"),
        (["--align-to", "nowhere", "--masks"], 2, "add --colmap DIR"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    call: Call, aligned_place: Path, more: list[str], code: int, message: str
) -> None:
    answer = call("align", aligned_place / "depths", *more)

    assert answer.code == code
    assert message in " ".join(answer.err.split())
    assert not (aligned_place / "depths/alignment.json").exists()


def test_an_aligned_run_is_exported_with_the_next_line_to_run(
    call: Call, aligned_place: Path
) -> None:
    call("align", aligned_place / "depths", "--colmap", aligned_place, "--no-fsync")

    answer = call("export", aligned_place / "depths", "--for", "colmap", "--scene", aligned_place)

    assert answer.code == 10
    assert answer.out.startswith("colmap stereo_fusion --workspace_path")
    assert "refused: c.jpg: " in answer.err
    maps = sorted(path.name for path in (aligned_place / "stereo/depth_maps").iterdir())
    assert maps == ["a.jpg.geometric.bin", "b.jpg.geometric.bin"]


def test_an_export_tells_machines_what_it_wrote(call: Call, aligned_place: Path) -> None:
    call("align", aligned_place / "depths", "--colmap", aligned_place, "--no-fsync")

    answer = call(
        "export", aligned_place / "depths", "--for", "metashape", "--scene", aligned_place, "--json"
    )

    facts = json.loads(answer.out)
    assert facts["written"] == ["a.jpg", "b.jpg"]
    assert list(facts["refused"]) == ["c.jpg"]
    assert facts["files"] == ["metashape_depths/a.tif", "metashape_depths/b.tif"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--for", "blender", "--scene", "."], 2, "there is: colmap, 3dgs"),
        (["--for", "colmap"], 2, "scene"),
        (["--for", "colmap", "--scene", "."], 4, "not aligned yet"),
    ],
)
def test_an_export_that_cannot_be_is_refused(
    call: Call, aligned_place: Path, words: list[str], code: int, message: str
) -> None:
    answer = call("export", aligned_place / "depths", *words)

    assert answer.code == code
    assert message in " ".join(answer.err.split())


@dataclass
class Painted:
    """A perfect model of photos whose brightness is their depth."""

    long_edge: int | None = None
    photos_per_call: int = 1
    name: str = "painted"
    device: str = "cpu"
    dtype: str = "float32"
    reason: str = "there is no other"
    before: Callable[[], object] = lambda: None

    def predict(
        self, photos: Sequence[Photo], on_step: Callable[[int, int], None]
    ) -> list[DepthMap]:
        self.before()
        return [DepthMap(photo.pixels[..., 0].astype(np.float32) / 255) for photo in photos]

    def restored(self, depth: DepthMap, size: tuple[int, int]) -> DepthMap:
        rows = np.arange(size[0]) * depth.shape[0] // size[0]
        columns = np.arange(size[1]) * depth.shape[1] // size[1]
        return replace(depth, values=depth.values[np.ix_(rows, columns)])


@pytest.fixture
def painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Painted:
    """Two photos that are painted with their depth, their sparse model, and who can read them."""
    true = ramp(0.5)
    pixels = np.round((true - true.min()) / np.ptp(true) * 255).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.stack([pixels] * 3, axis=-1)).save(tmp_path / f"photos/{name}.png")
    write_model(tmp_path / "sparse", ["a.png", "b.png", "c.png"])
    model = Painted()
    monkeypatch.setattr(predictor, "open_predictor", lambda *_, **__: model)
    return model


@pytest.fixture
def run(call: Call, tmp_path: Path, painted: Painted) -> Call:
    """`marigold run --colmap` on the painted photos."""

    def run(*more: str | Path) -> Any:
        line = ["run", tmp_path / "photos", "--out", tmp_path / "depths", "--model", "tiny"]
        where = [] if "--colmap" in more else ["--colmap", tmp_path]
        return call(*line, "--device", "cpu", "--dtype", "float32", *where, *more)

    return run


def add_noise(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photos/c.png")


def test_a_run_with_a_model_makes_metric_depth(run: Call, tmp_path: Path) -> None:
    answer = run()

    assert answer.code == 0
    assert "with 2 of 2 photos" in answer.err
    assert "2 photos in the unit of the model, 0 refused" in answer.err
    for name in ("a", "b"):
        depth = np.load(tmp_path / f"depths/{name}_metric.npy")
        assert np.abs(depth / ramp(0.5) - 1).max() < 5e-3


@pytest.mark.parametrize(("share", "code"), [("any", 10), ("50%", 0)])
def test_a_refused_photo_counts_as_a_failed_one(
    run: Call, tmp_path: Path, share: str, code: int
) -> None:
    add_noise(tmp_path)

    log = tmp_path / "log"
    answer = run("--fail-on", share, "--json", "--quiet", "--log-json", log)

    assert answer.code == code
    last = json.loads(log.read_text().splitlines()[-1])
    told = {"event": "Aligned", "accepted": 2, "refused": 1, "exit_code": code, "error": None}
    assert last | told == last
    assert answer.err.startswith("refused: c.png: ")
    facts = json.loads(answer.out)
    assert (facts["done"], facts["exit_code"]) == (3, code)
    assert [photo["accepted"] for photo in facts["alignment"]["photos"]] == [True, True, False]
    assert not (tmp_path / "depths/c_metric.npy").exists()


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--colmap", "nowhere"], 4, "no sparse model here"),
        (["--grid", "upright"], 2, "leave --grid upright out"),
        (["--format", "color"], 2, "add --format npy"),
        (["--exclude", "[ab].png"], 4, "is it of other photos?"),
    ],
)
@pytest.mark.parametrize("how", [[], ["--dry-run"]])
def test_what_cannot_be_aligned_is_refused_before_any_photo_is_computed(
    run: Call, tmp_path: Path, how: list[str], more: list[str], code: int, message: str
) -> None:
    add_noise(tmp_path)
    (tmp_path / "photos/c.png").rename(tmp_path / "photos/stranger.png")

    answer = run(*more, *how)

    assert answer.code == code
    assert message in " ".join(answer.err.split())
    assert not (tmp_path / "depths").exists()


def test_an_interrupted_run_is_aligned_once_it_is_finished(
    run: Call, tmp_path: Path, painted: Painted, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, ask = threading.Event(), Stop.ask

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert heard.wait(30)

    def ask_and_tell(stop: Stop, reason: str) -> None:
        ask(stop, reason)
        heard.set()

    monkeypatch.setattr(Stop, "ask", ask_and_tell)
    painted.before = interrupt
    stopped = run("--json")
    painted.before = lambda: None

    assert stopped.code == 130
    assert json.loads(stopped.out)["done"] == 1
    assert json.loads(stopped.out)["alignment"] is None
    assert not (tmp_path / "depths/alignment.json").exists()

    resumed, again = run("--json"), run("--json")

    for answer in (resumed, again):
        facts = json.loads(answer.out)
        assert facts["done"] + facts["skipped"] == 2
        assert [photo["accepted"] for photo in facts["alignment"]["photos"]] == [True, True]


def test_a_model_that_is_gone_by_the_end_is_told_beside_what_was_done(
    run: Call, tmp_path: Path, painted: Painted
) -> None:
    painted.before = lambda: shutil.rmtree(tmp_path / "sparse", ignore_errors=True)

    answer = run("--json")

    facts = json.loads(answer.out)
    assert (answer.code, facts["exit_code"], facts["done"]) == (4, 4, 2)
    assert "no sparse model" in facts["error"]
    assert "no sparse model" in answer.err


def test_a_run_without_photos_that_could_be_read_is_not_aligned(run: Call, tmp_path: Path) -> None:
    for path in (tmp_path / "photos").iterdir():
        path.write_bytes(b"no picture")

    answer = run("--json")

    assert answer.code == 10
    assert json.loads(answer.out)["alignment"] is None


def test_a_shard_leaves_aligning_to_when_all_are_done(run: Call, tmp_path: Path) -> None:
    answer = run("--shard", "1/2")

    assert answer.code == 2
    assert "when all shards are done: marigold align" in answer.err
    assert not (tmp_path / "depths").exists()
