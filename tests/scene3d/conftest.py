from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from marigold_cli.batch.folder import bind, occupied
from marigold_cli.batch.journal import JOURNAL, Journal
from marigold_cli.batch.options import OutputOptions
from marigold_cli.batch.records import Done, OutputFile
from marigold_cli.batch.runs import End, Run
from marigold_cli.batch.settings import Settings, fingerprint, make_settings
from marigold_cli.checkpoints.card import Card
from marigold_cli.depth import DepthKind, DepthMap
from marigold_cli.files.names import outputs_of
from marigold_cli.files.writers import Tags, choose_writer
from marigold_cli.inference.options import Noise, PredictOptions, Spacing

Array = NDArray[np.float64]

HEIGHT, WIDTH, FOCAL = 144, 192, 170.0

CARD = Card(
    name="perfect",
    folder=Path("nowhere"),
    identity="perfect-1",
    kind=DepthKind.AFFINE_DEPTH,
    scheduler="ddim",
    steps=2,
    resolution=0,
    timesteps=Spacing.TRAILING,
    noise=Noise.GAUSSIAN,
)

# --- solids: each gives the distance along rays, infinite where it is missed


@dataclass(frozen=True)
class Plane:
    """All points with normal . point = height."""

    normal: tuple[float, float, float]
    height: float

    def away(self, points: Array) -> Array:
        return np.abs(points @ np.array(self.normal) - self.height)

    def hit(self, origin: Array, rays: Array) -> Array:
        steep = rays @ np.array(self.normal)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (self.height - origin @ np.array(self.normal)) / steep
        return np.where(far > 1e-6, far, np.inf)


@dataclass(frozen=True)
class Ball:
    centre: tuple[float, float, float]
    radius: float

    def away(self, points: Array) -> Array:
        return np.abs(np.linalg.norm(points - np.array(self.centre), axis=-1) - self.radius)

    def hit(self, origin: Array, rays: Array) -> Array:
        """Where a ray enters, or leaves for who stands inside."""
        away = origin - np.array(self.centre)
        a = (rays * rays).sum(-1)
        b = rays @ away
        root = b * b - a * (away @ away - self.radius**2)
        deep = np.sqrt(np.maximum(root, 0))
        near, far = (-b - deep) / a, (-b + deep) / a
        hit = np.where(near > 1e-6, near, far)
        return np.where((root > 0) & (hit > 1e-6), hit, np.inf)


@dataclass(frozen=True)
class Block:
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def away(self, points: Array) -> Array:
        """Distance from the surface, from within and without."""
        out = np.maximum(np.array(self.low) - points, points - np.array(self.high))
        return np.abs(np.linalg.norm(np.maximum(out, 0), axis=-1) + np.minimum(out.max(-1), 0))

    def hit(self, origin: Array, rays: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            one = (np.array(self.low) - origin) / rays
            two = (np.array(self.high) - origin) / rays
        enter, leave = np.minimum(one, two).max(-1), np.maximum(one, two).min(-1)
        hit = np.where(enter > 1e-6, enter, leave)
        return np.where((enter < leave) & (hit > 1e-6), hit, np.inf)


# --- scenes: z is up in all of them


def turn_towards(place: Array, target: Array) -> Array:
    """Rotation from the world (z up) to a camera (z forward, y down) that looks at a target."""
    forward = (target - place) / np.linalg.norm(target - place)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


@dataclass(frozen=True)
class Shot:
    """One photo: its pose, exact depth along z, and colours."""

    name: str
    rotation: Array
    translation: Array
    depth: Array
    colours: NDArray[np.uint8]

    @property
    def centre(self) -> Array:
        return -self.rotation.T @ self.translation


@dataclass
class World:
    """A scene seen by several cameras, all pinholes of the same kind."""

    solids: tuple[Plane | Ball | Block, ...]
    shots: list[Shot] = field(default_factory=list)
    focal: float = FOCAL
    height: int = HEIGHT
    width: int = WIDTH

    @property
    def intrinsics(self) -> Array:
        return np.array([self.focal, self.focal, self.width / 2, self.height / 2])

    def rays(self) -> Array:
        x = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal
        y = (np.arange(self.height) + 0.5 - self.height / 2) / self.focal
        return np.stack([*np.meshgrid(x, y), np.ones((self.height, self.width))], -1)

    def trace(self, origin: Array, rays: Array) -> Array:
        return np.min([solid.hit(origin, rays) for solid in self.solids], axis=0)

    def shoot(self, name: str, place: Sequence[float], target: Sequence[float]) -> None:
        place, target = np.array(place, float), np.array(target, float)
        rotation = turn_towards(place, target)
        rays = self.rays() @ rotation
        depth = self.trace(place, rays)
        points = place + rays * depth[..., None]
        colours = (127.5 + 127.4 * np.sin(points * 3)).astype(np.uint8)
        self.shots.append(Shot(name, rotation, -rotation @ place, depth, colours))

    def away(self, points: Array) -> Array:
        """How far points are from the nearest surface."""
        return np.min([solid.away(points) for solid in self.solids], axis=0)


def room() -> World:
    """A room of 6 x 5 x 3 with furniture, depth 1 to 6."""
    world = World(
        (
            Block((0, 0, 0), (6, 5, 3)),
            Block((4, 0.5, 0), (5.5, 2, 1.1)),
            Block((4.4, 3.2, 0), (5.4, 4.4, 2.0)),
            Ball((3.4, 2.6, 0.5), 0.5),
        )
    )
    for index in range(6):
        place = (0.5 + 0.1 * index, 1.2 + 0.45 * index, 1.5 + 0.05 * (index % 3))
        world.shoot(f"room/{index:02d}.png", place, (4.6, 2.4, 0.9))
    return world


def street() -> World:
    """A street between two rows of houses, depth 2 to 60."""
    houses = [Block((4 + 16 * n, side, 0), (16 + 16 * n, side + 9, 9 + 2 * (n % 3)))
              for n in range(4) for side in (5.0, -14.0)]  # fmt: skip
    cars = [Block((6 + 9 * n, 2.2, 0), (10 + 9 * n, 4, 1.5)) for n in range(4)]
    end = Plane((1, 0, 0), 60.0)
    world = World((Plane((0, 0, 1), 0.0), end, Ball((0, 0, 0), 200.0), *houses, *cars))
    for index in range(6):
        place = (0.4 + 0.9 * index, -0.8 + 0.35 * index, 1.7)
        world.shoot(f"street_{index}.png", place, (40.0, 0.4 * index - 1, 1.2))
    return world


def aerial() -> World:
    """Houses from 50 above, depth 40 to 70."""
    random = np.random.default_rng(5)
    houses = []
    for x, y in random.uniform(-30, 30, (14, 2)):
        size = random.uniform(4, 8)
        houses.append(Block((x, y, 0), (x + size, y + size, random.uniform(3, 9))))
    world = World((Plane((0, 0, 1), 0.0), *houses))
    for index in range(6):
        place = (-12 + 5 * index, -16 + 6 * (index % 2), 50.0)
        world.shoot(f"flight/day 1/{index}.png", place, (place[0] + 1, place[1] + 14, 0))
    return world


WORLDS = {"room": room, "street": street, "aerial": aerial}


@cache
def walk_through(kind: str, seed: int, count: int = 6) -> World:
    """A random scene of the package's renderer, seen by a camera that walks sideways."""
    from random import Random

    import torch

    from marigold_cli.scenes import rooms, streets, tabletops
    from marigold_cli.scenes.batch import draft
    from marigold_cli.scenes.camera import look_along
    from marigold_cli.scenes.render import SKY_DEPTH, render_drafts

    kinds = {"room": rooms.sample_room, "street": streets.sample_street}
    scene = {**kinds, "tabletop": tabletops.sample_tabletop}[kind](Random(seed))
    angles = torch.tensor([[scene.heading], [scene.pitch], [scene.roll]])
    right, up, forward = look_along(*angles)[0].double().numpy()
    rotation = np.stack([right, -up, forward])
    world = World((), focal=WIDTH / 2 / np.tan(scene.field_of_view / 2))
    step = 0.03 * float(np.median(render_drafts([draft(scene, 0)], HEIGHT, WIDTH).depth))
    places = [np.array(scene.camera) + (n - count / 2) * step * right for n in range(count)]
    drafts = [draft(replace(scene, camera=tuple(place)), 0) for place in places]
    views = render_drafts(drafts, HEIGHT, WIDTH)
    for number, (place, z, rgb) in enumerate(zip(places, views.depth, views.rgb, strict=True)):
        depth = z[0].double().numpy().copy()
        depth[depth >= SKY_DEPTH] = 200.0
        colours = (rgb.permute(1, 2, 0) * 255).byte().numpy()
        name = f"{kind}_{number}.png"
        world.shots.append(Shot(name, rotation, -rotation @ place, depth, colours))
    return world


# --- sparse points: what structure from motion would know of a world


@dataclass(frozen=True)
class Points:
    """Sparse points [P, 3] and who saw which where: (shot, point, x, y)."""

    places: Array
    sightings: list[tuple[int, int, float, float]]

    def of(self, shot: int) -> list[tuple[int, float, float]]:
        return [(point, x, y) for one, point, x, y in self.sightings if one == shot]

    def tracks(self) -> dict[int, list[tuple[int, int]]]:
        """By point: (shot, index among the shot's sightings)."""
        tracks: dict[int, list[tuple[int, int]]] = {}
        count: dict[int, int] = {}
        for shot, point, _, _ in self.sightings:
            tracks.setdefault(point, []).append((shot, count.get(shot, 0)))
            count[shot] = count.get(shot, 0) + 1
        return tracks


def scatter(
    world: World, each: int = 400, noise: float = 0.01, wrong: float = 0.1, seed: int = 0
) -> Points:
    """Take points on the surfaces; depth is off by the noise, and some are far off altogether.

    A wrong point lies on its first photo's ray at another depth, and is seen in the other photos
    where it projects to: nothing but its depth gives it away.
    """
    random = np.random.default_rng(seed)
    rays = world.rays()
    places: list[Array] = []
    sightings: list[tuple[int, int, float, float]] = []
    for index, shot in enumerate(world.shots):
        rows, columns = np.nonzero(shot.depth < 100)  # not the sky
        for pick in random.choice(rows.size, each // 2, replace=False):
            row, column = rows[pick], columns[pick]
            is_wrong = random.random() < wrong
            factor = random.uniform(0.3, 2.5) if is_wrong else 1 + noise * random.normal()
            ray = shot.rotation.T @ rays[row, column] * shot.depth[row, column]
            place = shot.centre + factor * ray
            seen = [(index, column + 0.5, row + 0.5)]
            for other, view in enumerate(world.shots):
                spot = view.rotation @ (place if is_wrong else shot.centre + ray)
                found = sight(world, view, spot, is_wrong) if other != index else None
                if found is not None:
                    seen.append((other, *(found + random.normal(0, 0.3, 2))))
            sightings += [(other, len(places), x, y) for other, x, y in seen]
            places.append(place)
    random.shuffle(sightings)
    kept = [
        [one for one in sightings if one[0] == index][:each] for index in range(len(world.shots))
    ]
    return Points(np.array(places), [one for some in kept for one in some])


def sight(world: World, view: Shot, turned: Array, is_wrong: bool) -> Array | None:
    """Where a photo sees a point; None: it does not."""
    spot = turned + view.translation
    x, y = world.focal * spot[:2] / spot[2] + [world.width / 2, world.height / 2]
    if not (spot[2] > 0.1 and 1 < x < world.width - 1 and 1 < y < world.height - 1):
        return None
    is_hidden = abs(view.depth[int(y), int(x)] / spot[2] - 1) > 0.01
    return None if is_hidden and not is_wrong else np.array([x, y])


def quaternion(rotation: Array) -> Array:
    """(w, x, y, z), by the eigenvector of Bar-Itzhack's matrix."""
    m = rotation
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
            [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], 0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)],
        ]
    )
    x, y, z, w = np.linalg.eigh(k / 3)[1][:, -1]
    return np.array([w, x, y, z]) * (1 if w >= 0 else -1)


def number(index: int) -> int:
    """Numbers with gaps."""
    return 7 + 3 * index


def write_text(world: World, points: Points, folder: Path) -> Path:
    """The scene as COLMAP's text files."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = " ".join(f"{value:.17g}" for value in world.intrinsics)
    (folder / "cameras.txt").write_text(f"# a\n4 PINHOLE {world.width} {world.height} {numbers}\n")
    lines = ["# b"]
    for index, shot in enumerate(world.shots):
        pose = [*quaternion(shot.rotation), *shot.translation]
        words = " ".join(f"{value:.17g}" for value in pose)
        lines.append(f"{number(index)} {words} 4 {shot.name}")
        lines.append(" ".join(f"{x:.17g} {y:.17g} {number(p)}" for p, x, y in points.of(index)))
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    lines = ["# c"]
    for point, track in points.tracks().items():
        place = " ".join(f"{value:.17g}" for value in points.places[point])
        seen = " ".join(f"{number(shot)} {spot}" for shot, spot in track)
        lines.append(f"{number(point)} {place} 10 20 30 0.5 {seen}")
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_binary(world: World, points: Points, folder: Path) -> Path:
    """The scene as COLMAP's binary files."""
    folder.mkdir(parents=True, exist_ok=True)
    camera = struct.pack("<QIiQQ4d", 1, 4, 1, world.width, world.height, *world.intrinsics)
    (folder / "cameras.bin").write_bytes(camera)
    parts = [struct.pack("<Q", len(world.shots))]
    for index, shot in enumerate(world.shots):
        pose = [*quaternion(shot.rotation), *shot.translation]
        parts.append(struct.pack("<I7dI", number(index), *pose, 4) + shot.name.encode() + b"\0")
        own = points.of(index)
        parts.append(struct.pack("<Q", len(own)))
        parts += [struct.pack("<ddQ", x, y, number(point)) for point, x, y in own]
    (folder / "images.bin").write_bytes(b"".join(parts))
    parts = [struct.pack("<Q", len(points.tracks()))]
    for point, track in points.tracks().items():
        place = points.places[point]
        parts.append(struct.pack("<Q3d3BdQ", number(point), *place, 10, 20, 30, 0.5, len(track)))
        parts += [struct.pack("<II", number(shot), spot) for shot, spot in track]
    (folder / "points3D.bin").write_bytes(b"".join(parts))
    return folder


# --- a finished run


def affine_depth(depth: Array) -> Array:
    """What a perfect model gives: depth with its scale and shift taken away."""
    near, far = np.percentile(depth, [0.5, 99.5])
    return np.clip((depth - near) / (far - near), 0, 1)


def affine_disparity(depth: Array) -> Array:
    """The same for disparity."""
    return affine_depth(1 / depth)


def finish_run(
    out: Path,
    maps: dict[str, DepthMap],
    formats: tuple[str, ...] = ("npy",),
    grid: str = "stored",
) -> Path:
    """An output folder as a run leaves it behind."""
    first = next(iter(maps.values()))
    card = replace(CARD, kind=first.kind)
    spread = first.uncertainty is not None
    output = OutputOptions(formats, uncertainty=spread, invert=first.inverted, grid=grid)
    recipe = card.decide(PredictOptions(ensemble=5 if spread else 1))
    settings = make_settings(card, recipe, output, "float32", None)
    with occupied(out, fsync=False) as place:
        bind(place, settings, overwrite=True)
        with Journal(out / JOURNAL, fsync=False) as journal:
            journal.append(Run(fingerprint(settings), len(maps), {}))
            for name, depth in maps.items():
                journal.append(write_outputs(out, name, depth, settings))
            journal.append(End(0, len(maps)))
    return out


def write_outputs(out: Path, name: str, depth: DepthMap, settings: Settings) -> Done:
    outputs = []
    stem = str(Path(name).with_suffix(""))
    for output in outputs_of(stem, settings.formats, settings.uncertainty):
        content = choose_writer(output).encode(depth, Tags())
        path = out / output.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        outputs.append(OutputFile(output.path, len(content), hashlib.sha256(content).hexdigest()))
    fp = fingerprint(settings)
    return Done(name, 1, 1, "0" * 64, fp, 0, 1, 0.1, tuple(outputs))


# --- all of it together


@dataclass
class Site:
    """A world, its sparse points, a run over its photos, and the folders of all that."""

    root: Path
    world: World
    points: Points

    @property
    def out(self) -> Path:
        return self.root / "depths"

    @property
    def scene(self) -> Path:
        return self.root / "scene"

    def survey(self) -> Path:
        """Write the sparse model where COLMAP's dense workspace has it."""
        write_binary(self.world, self.points, self.scene / "sparse")
        return self.scene

    def photograph(self) -> None:
        """Write the photos where COLMAP's dense workspace has them."""
        for shot in self.world.shots:
            path = self.scene / "images" / shot.name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(shot.colours).save(path, compress_level=1)

    def predict(
        self,
        model: Callable[[Array], Array] = affine_depth,
        kind: DepthKind = DepthKind.AFFINE_DEPTH,
        formats: tuple[str, ...] = ("npy",),
        **more: object,
    ) -> Path:
        """Finish a run with a perfect model."""
        maps = {
            shot.name: DepthMap(model(shot.depth).astype(np.float32), kind, **more)  # type: ignore[arg-type]
            for shot in self.world.shots
        }
        return finish_run(self.out, maps, formats)

    def shot(self, name: str) -> Shot:
        return next(shot for shot in self.world.shots if shot.name == name)


@cache
def survey_of(name: str) -> tuple[World, Points]:
    world = WORLDS[name]()
    return world, scatter(world)


@pytest.fixture(params=WORLDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """Each of the three worlds in turn."""
    return Site(tmp_path, *survey_of(request.param))


@pytest.fixture(params=["room", "street", "tabletop"])
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """Scenes of the package's own renderer."""
    world = walk_through(request.param, seed=1)
    return Site(tmp_path, world, scatter(world))


@pytest.fixture(scope="session")
def make_indoors() -> Callable[[Path], Site]:
    """The room alone, in any folder."""
    return lambda root: Site(root, *survey_of("room"))


@pytest.fixture
def indoors(tmp_path: Path, make_indoors: Callable[[Path], Site]) -> Site:
    """The room alone."""
    return make_indoors(tmp_path)


@pytest.fixture
def writers() -> dict[str, Callable[[World, Points, Path], Path]]:
    """Both of COLMAP's forms."""
    return {"text": write_text, "binary": write_binary}


@pytest.fixture(scope="session")
def models() -> dict[str, Callable[[Array], Array]]:
    """Perfect models of both kinds."""
    return {"depth": affine_depth, "disparity": affine_disparity}


@pytest.fixture(scope="session")
def finish() -> Callable[..., Path]:
    return finish_run


@pytest.fixture
def scatter_points() -> Callable[..., Points]:
    return scatter
