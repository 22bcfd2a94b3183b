from __future__ import annotations

import numpy as np
import torch

from marigold_cli.scenes.batch import draft, gather
from marigold_cli.scenes.camera import Cameras, look_along
from marigold_cli.scenes.light import Lamps, Surface, occlusion, shine
from marigold_cli.scenes.scene import Light, Material, Place, Scene, Shape

WHITE = Material((0.8,) * 3, (0.8,) * 3, (0.8,) * 3)


def a_ball_above_ground(light: Light) -> Lamps:
    """A ball of radius 1, three metres above z = 0."""
    scene = Scene(lights=[light, light])
    scene.add(Shape.ELLIPSOID, Place(0, 0, 3), (1, 1, 1), WHITE)
    scene.add(Shape.BOX, Place(0, 0, -1), (50, 50, 1), WHITE)
    return gather([draft(scene, 0)], torch.device("cpu")).lamps[0]


def ground(span: float) -> tuple[Cameras, Surface, np.ndarray]:
    """Points of the ground as a camera at the origin that looks along y sees them."""
    zero = torch.zeros(1)
    eye = Cameras(torch.zeros(1, 3), look_along(zero, zero, zero), zero + 1, zero)
    x, y = torch.meshgrid(*[torch.linspace(-span, span, 41)] * 2, indexing="xy")
    point = torch.stack((x, torch.zeros_like(x), y))[:, None]  # right, up, forward
    normal = torch.zeros_like(point)
    normal[1] = 1
    flat = torch.zeros_like(point[0])
    surface = Surface(
        point, normal, normal, flat + 1, flat + 1, torch.ones_like(point), flat, flat + 3, flat
    )
    return eye, surface, torch.stack((x, y), -1).numpy()


def test_the_shadow_of_a_ball_in_parallel_light_is_a_circle_below_it() -> None:
    sun = Light((0, 0, 20), (0, 0, 0), (1, 1, 1), 0, 5, 0, 0.0)
    eye, surface, places = ground(4)

    light, _ = shine(a_ball_above_ground(sun), eye, surface)

    away = np.hypot(places[..., 0], places[..., 1])
    lit = light[0].numpy()
    assert (lit[away < 0.85] < 0.01).all()
    np.testing.assert_allclose(lit[away > 1.15], 1, atol=0.01)


def test_the_shadow_of_a_ball_under_a_lamp_is_as_wide_as_its_cone() -> None:
    """A lamp at height 6 sees the ball at 3 under asin(1/3): a circle of 6 tan on the ground."""
    lamp = Light((0, 0, 6), (0, 0, 0), (1, 1, 1), 2, 0, 6, 0.0)
    eye, surface, places = ground(6)

    light, _ = shine(a_ball_above_ground(lamp), eye, surface)

    radius, away = 6 * np.tan(np.arcsin(1 / 3)), np.hypot(places[..., 0], places[..., 1])
    lit = light[0].numpy()
    assert (lit[away < radius - 0.3] < 0.01).all()
    outside = away > radius + 0.3
    squares = 36 + away**2
    expected = 36 / (0.3 * 36 + squares) * 6 / np.sqrt(squares)  # falling off, and slanting
    np.testing.assert_allclose(lit[outside], expected[outside], rtol=0.01)


def test_light_through_a_window_ends_at_its_frame() -> None:
    beam = Light((0, 0, 2), (0, 0, 0), (1, 1, 1), 0, 1.5, 0, 0.0, framed=True)
    eye, surface, places = ground(4)

    light, _ = shine(a_ball_above_ground(beam), eye, surface)

    inside = (np.abs(places) < 1.4).all(-1)
    outside = (np.abs(places) > 1.6).any(-1)
    np.testing.assert_allclose(light[0].numpy()[inside], 1, atol=0.01)
    assert (light[0].numpy()[outside] == 0).all()


def test_corners_are_darker_than_open_surfaces() -> None:
    """A floor that meets a wall three metres away, 0.9 m below the eye: near row 41."""
    x, y = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(1, -1, 64), indexing="xy")
    is_wall = y > -0.3
    depth = torch.where(is_wall, 3.0, -0.9 / y)
    point = torch.stack((x * depth, y * depth, depth))[:, None]
    normal = torch.stack((x * 0, (~is_wall).float(), -is_wall.float()))[:, None]

    openness = occlusion(point, normal)[0]

    assert openness.min() > 0
    assert openness.max() <= 1
    assert openness[38:44, 20:44].mean() < openness[8:14, 20:44].mean() - 0.03
