from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from marigold_cli.scenes.shapes import FAR, Solid, Solids, hit, own_normal


def one_solid(kind: Solid, centre: list[float], half: list[float], turn: float) -> Solids:
    return Solids(torch.tensor([[centre]]), torch.tensor([[half]]), torch.tensor([[turn]]), (kind,))


def march(kind: Solid, centre: list[float], half: list[float], turn: float, ray: np.ndarray):
    """Distance along a ray from the origin by walking in small steps, float64."""
    distance = np.arange(0, 8, 1e-4)
    point = distance[:, None] * ray - np.array(centre)
    cos, sin = math.cos(turn), math.sin(turn)
    x = (cos * point[:, 0] + sin * point[:, 1]) / half[0]
    y = (cos * point[:, 1] - sin * point[:, 0]) / half[1]
    z = point[:, 2] / half[2]
    inside = {
        Solid.BOX: (abs(x) < 1) & (abs(y) < 1) & (abs(z) < 1),
        Solid.ELLIPSOID: x**2 + y**2 + z**2 < 1,
        Solid.CYLINDER: (x**2 + y**2 < 1) & (abs(z) < 1),
    }[kind]
    return distance[inside.argmax()] if inside.any() else FAR


@pytest.mark.parametrize("kind", list(Solid))
def test_rays_meet_solids_where_small_steps_along_them_do(kind: Solid) -> None:
    place = ([0.3, 3.0, -0.2], [0.8, 0.5, 1.1], 0.7)
    rays = torch.randn(1, 40, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    rays[..., 1] = 1.0

    distance, _ = hit(one_solid(kind, *place), torch.zeros(1, 1, 3), rays)

    walked = [march(kind, *place, ray) for ray in rays[0].double().numpy()]
    assert 5 < sum(d < FAR for d in walked) < 40
    np.testing.assert_allclose(distance[0].numpy(), walked, atol=2e-4)


def test_the_nearest_of_several_solids_is_met() -> None:
    solids = Solids(
        torch.tensor([[[0.0, 5, 0], [0, 3, 0], [0, 9, 0]]]),
        torch.ones(1, 3, 3),
        torch.zeros(1, 3),
        (Solid.BOX, Solid.ELLIPSOID, Solid.CYLINDER),
    )

    distance, index = hit(solids, torch.zeros(1, 1, 3), torch.tensor([[[0.0, 1, 0]]]))

    assert (distance.item(), index.item()) == (2.0, 1)


@pytest.mark.parametrize(
    ("kind", "point", "normal"),
    [
        (Solid.BOX, [0.2, -1.0, 0.3], [0, -1, 0]),
        (Solid.ELLIPSOID, [0.6, 0.0, 0.8], [0.6, 0, 0.8]),
        (Solid.CYLINDER, [0.6, 0.8, 0.1], [0.6, 0.8, 0]),
        (Solid.CYLINDER, [0.1, 0.2, 1.0], [0, 0, 1]),
    ],
)
def test_normals_point_out_of_unit_solids(
    kind: Solid, point: list[float], normal: list[float]
) -> None:
    found = own_normal(torch.tensor([[int(kind)]]), torch.tensor([[point]]))

    np.testing.assert_allclose(found[0, 0].numpy(), normal, atol=1e-6)
