"""Open places: ground under a sky, the sun, what closes the horizon."""

from __future__ import annotations

import math
from random import Random

from marigold_cli.scenes import palette
from marigold_cli.scenes.scene import Lens, Light, Material, Place, Scene, Shape, Sky

_AWAY = 3000.0  # [m]; half the size of the ground


def open_place(rng: Random, ground: Material, reach: float = 30.0) -> Scene:
    """Empty ground under a sky; the sun's shadows are drawn as far as `reach`."""
    scene = Scene()
    scene.add(Shape.BOX, Place(0, 0, -1), (_AWAY, _AWAY, 1), ground)
    cover = rng.choice(
        (rng.uniform(0, 0.4), rng.uniform(0, 0.4), rng.uniform(0.3, 0.75), rng.uniform(0.8, 1.3))
    )
    sunny, evening = rng.random() < 0.9 and cover < 0.8, max(0.0, rng.gauss(0, 0.35))
    _light_up(scene, rng, reach, sunny, evening)
    scene.sky = _draw_sky(rng, cover, evening)
    scene.camera = (rng.uniform(-1, 1), 0.0, palette.spread(rng, 0.8, 2.6))
    scene.heading, scene.pitch = rng.gauss(0, 0.12), rng.gauss(-0.03, 0.08)
    scene.field_of_view = math.radians(rng.uniform(35, 100))
    scene.lens = Lens(focus=12)
    if rng.random() < 0.8:
        _close_horizon(scene, rng)
    return scene


def _light_up(scene: Scene, rng: Random, reach: float, sunny: bool, evening: float) -> None:
    """The sun, and the sky as a second, soft light from above."""
    strength = rng.uniform(1.2, 3) if sunny else rng.uniform(0, 0.2)
    high, around = rng.uniform(0.3, 1.3), rng.uniform(0, 2 * math.pi)
    target, flat = (0.0, reach * 0.75, 0.0), 90 * math.cos(high)
    sun = (flat * math.cos(around), target[1] + flat * math.sin(around), 90 * math.sin(high))
    colour = (strength, strength * (1 - 0.25 * evening), strength * (1 - 0.5 * evening))
    soft = 0.002 if sunny else 0.02
    scene.lights.append(Light(sun, target, colour, 0, reach, 0, soft))
    dome, above = rng.uniform(0.2, 0.5), (0.0, target[1] - 1, 80.0)
    scene.lights.append(Light(above, target, (dome, dome, dome * 1.1), 0, reach, 0, 0.02))
    level, blue = rng.uniform(0.25, 0.5), rng.uniform(0, 0.3) if sunny else 0.05
    scene.ambient = (level * (1 - blue), level * (1 - blue / 2), level)


def _draw_sky(rng: Random, cover: float, evening: float) -> Sky:
    bright = rng.uniform(0.8, 2)
    horizon = (bright, bright * (0.97 - 0.1 * evening), bright * (1.05 - 0.3 * evening))
    red, green, blue = palette.tint(rng.uniform(0.56, 0.61), rng.uniform(0.35, 0.75), 1)
    zenith = (red * bright, green * bright, blue * bright)
    haze = rng.choice((0.0, 0.001, 0.003, palette.spread(rng, 0.002, 0.015)))
    return Sky(zenith, horizon, cover, haze, rng.uniform(0, 50))


def _close_horizon(scene: Scene, rng: Random) -> None:
    """Woods, hills or a town far away."""
    wood = palette.foliage(rng)._replace(scale=rng.uniform(0.04, 0.15))
    town, away, tall = rng.random() < 0.4, rng.uniform(90, 300), palette.spread(rng, 3, 25)
    for i in range(-9, 10):
        there = Place(i * away * rng.uniform(0.09, 0.15), away * rng.uniform(0.8, 1.3))
        wide = away * rng.uniform(0.05, 0.12)
        if town and rng.random() < 0.7:
            front = palette.windows(rng, palette.grey(rng, 0.3, 0.9))
            scene.stand(Shape.BOX, there, (wide * 0.5, 10, tall * rng.uniform(0.3, 1.2)), front)
        else:
            half = (wide, 15, tall * rng.uniform(0.5, 1))
            scene.add(Shape.ELLIPSOID, there, half, wood)
