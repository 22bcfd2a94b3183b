from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from marigold_cli.scenes.camera import Cameras, look_along, look_at
from marigold_cli.scenes.raster import FAR, cast
from marigold_cli.scenes.scene import Shape
from marigold_cli.scenes.solids import QUADRICS, Solids, rotations, sight

HEIGHT, WIDTH = 20, 28


def some_solids(
    shapes: list[Shape], centres: list[list[float]], half: list[float], turn: list[float]
) -> Solids:
    count = len(shapes)
    return Solids(
        torch.tensor(centres),
        torch.tensor([half] * count),
        rotations(torch.tensor([turn] * count)),
        torch.tensor([[float(q) for q in QUADRICS[shape]] for shape in shapes]),
        torch.zeros(count, dtype=torch.bool),
        torch.tensor([shape is Shape.CROWN for shape in shapes]),
        torch.zeros(count, dtype=torch.long),
        torch.arange(count),
    )


def a_pinhole(position: list[float], heading: float = 0, pitch: float = 0) -> Cameras:
    angles = (torch.tensor([value]) for value in (heading, pitch, 0.1))
    return Cameras(
        torch.tensor([position]), look_along(*angles), torch.tensor([0.7]), torch.zeros(1)
    )


def is_inside(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The solids in words of their own, not by the renderer's table."""
    across = x**2 + y**2
    cube = (abs(x) <= 1) & (abs(y) <= 1) & (abs(z) <= 1)
    return (
        cube
        & {
            Shape.BOX: across < np.inf,
            Shape.ELLIPSOID: across + z**2 <= 1,
            Shape.CYLINDER: across <= 1,
            Shape.DOME: across <= (1 - z) / 2,
            Shape.BOWL: across <= (1 + z) / 2,
            Shape.CUSHION: across + z**2 <= 1.8,
            Shape.BARREL: across + 0.4 * z**2 <= 1,
            Shape.BLOCK: across + z**2 <= 2.3,
        }[shape]
    )


def walk(shape: Shape, half: list[float], turn: list[float], away: np.ndarray, cameras: Cameras):
    """Depth per pixel in float64: small steps along every ray, then halving; NaN for a miss."""
    right, up, forward = cameras.axes[0].double().numpy()
    x = ((np.arange(WIDTH) + 0.5) / WIDTH * 2 - 1)[None, :, None]
    y = (1 - (np.arange(HEIGHT) + 0.5) / HEIGHT * 2)[:, None, None] * HEIGHT / WIDTH
    spread, extent = float(cameras.spread), float(cameras.extent)
    rays = forward + spread * (x * right + y * up)
    starts = extent * (x * right + y * up) - away
    a, b, c = turn
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    about_y = np.array([[math.cos(c), 0, math.sin(c)], [0, 1, 0], [-math.sin(c), 0, math.cos(c)]])
    to_own = np.linalg.inv(about_z @ about_x @ about_y @ np.diag(half))

    def inside(depth: np.ndarray) -> np.ndarray:
        point = (starts + depth[..., None] * rays) @ to_own.T
        return is_inside(shape, *np.moveaxis(point, -1, 0))

    found = np.full((HEIGHT, WIDTH), np.nan)
    step = 2e-3
    for depth in np.arange(1.0, 6.0, step):
        new = np.isnan(found) & inside(np.full((HEIGHT, WIDTH), depth))
        found[new] = depth
    low, high = found - step, found.copy()
    for _ in range(30):
        middle = (low + high) / 2
        hit = inside(middle)
        low, high = np.where(hit, low, middle), np.where(hit, middle, high)
    return high


@pytest.mark.parametrize("shape", [shape for shape in Shape if shape is not Shape.CROWN])
@pytest.mark.parametrize("parallel", [False, True])
def test_depth_is_where_small_steps_along_each_ray_enter_the_solid(
    shape: Shape, parallel: bool
) -> None:
    centre, half, turn = [0.4, 3.2, 0.9], [0.9, 0.6, 0.8], [0.7, 0.5, -0.4]
    cameras = a_pinhole([0.2, -0.1, 1.3], 0.1, -0.1)
    if parallel:
        cameras = Cameras(cameras.position, cameras.axes, torch.zeros(1), torch.tensor([1.5]))
    solids = some_solids([shape], [centre], half, turn)

    depth, _ = cast(solids, sight(solids, cameras), 1, (HEIGHT, WIDTH))

    away = np.array(centre) - cameras.position[0].double().numpy()
    walked = walk(shape, half, turn, away, cameras)
    seen = depth[0].double().numpy() < FAR
    assert 40 < seen.sum() < 500
    assert (seen != ~np.isnan(walked)).sum() <= 2  # rays that graze an edge
    both = seen & ~np.isnan(walked)
    np.testing.assert_allclose(depth[0].numpy()[both], walked[both], atol=1e-4)


def test_a_crown_is_an_ellipsoid_with_holes_through_which_its_far_skin_is_seen() -> None:
    centre, half, turn = [0.4, 3.2, 0.9], [0.9, 0.6, 0.8], [0.7, 0.5, -0.4]
    cameras, size = a_pinhole([0.2, -0.1, 1.3], 0.1, -0.1), (80, 112)
    crown, whole = (
        some_solids([shape], [centre], half, turn) for shape in (Shape.CROWN, Shape.ELLIPSOID)
    )

    depth, _ = cast(crown, sight(crown, cameras), 1, size)
    skin, _ = cast(whole, sight(whole, cameras), 1, size)

    inside = skin < FAR
    is_near = torch.isclose(depth, skin, atol=1e-5) & inside
    is_far = (depth > skin + 1e-4) & (depth < skin + 2) & inside
    share = inside.sum()
    assert (depth[~inside] == FAR).all()
    assert 0.45 < is_near.sum() / share < 0.8
    assert 0.1 < is_far.sum() / share < 0.4
    assert (depth[inside] == FAR).sum() / share > 0.05


def test_the_nearest_solid_covers_those_behind_it() -> None:
    shapes = [Shape.BOX, Shape.ELLIPSOID, Shape.CYLINDER]
    centres = [[0.0, 5, 0], [0.0, 3, 0], [0.0, 9, 0]]
    solids = some_solids(shapes, centres, [1.0, 1, 1], [0.0, 0, 0])

    depth, seen = cast(solids, sight(solids, a_pinhole([0.0, 0, 0])), 1, (21, 21))

    assert seen[0, 10, 10] == 1
    assert depth[0, 10, 10].item() == pytest.approx(2, abs=1e-5)


def test_a_room_is_seen_from_inside() -> None:
    room = some_solids([Shape.BOX], [[0.0, 0, 0]], [2.0, 3, 1.5], [0.0, 0, 0])
    room = Solids(**{**vars(room), "hollow": torch.ones(1, dtype=torch.bool)})

    depth, _ = cast(room, sight(room, a_pinhole([0.0, -1, 0])), 1, (21, 21))

    assert depth[0, 10, 10].item() == pytest.approx(4, abs=1e-4)
    assert depth.max() < 5


def test_a_solid_half_behind_the_camera_is_still_seen() -> None:
    ground = some_solids([Shape.BOX], [[0.0, 0, -1]], [500.0, 500, 1], [0.0, 0, 0])
    camera = Cameras(
        torch.tensor([[0.0, 0, 2]]),
        look_along(torch.zeros(1), torch.zeros(1), torch.zeros(1)),
        torch.ones(1),
        torch.zeros(1),
    )

    depth, _ = cast(ground, sight(ground, camera), 1, (32, 32))

    rows = 1 - (np.arange(32) + 0.5) / 16
    below = rows < -0.03
    np.testing.assert_allclose(depth[0, below, 0].numpy(), 2 / -rows[below], rtol=1e-4)
    assert (depth[0, rows > 0] == FAR).all()


def test_a_camera_looks_at_its_target() -> None:
    position, target = (
        torch.tensor([[1.0, 2, 3], [0, 0, 5]]),
        torch.tensor([[4.0, 2, 1], [0, 0, 0]]),
    )

    axes = look_at(position, target)

    ahead = torch.nn.functional.normalize(target - position, dim=-1)
    torch.testing.assert_close(axes[:, 2], ahead)
    torch.testing.assert_close(axes @ axes.transpose(1, 2), torch.eye(3).expand(2, 3, 3))
    assert axes[0, 1, 2] > 0.5  # up is up
    right, up, forward = axes[0]
    torch.testing.assert_close(torch.linalg.cross(right, up), -forward)


def test_a_level_camera_looks_along_y_with_x_to_the_right() -> None:
    zero = torch.zeros(1)

    axes = look_along(zero, zero, zero)[0]

    assert axes.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
