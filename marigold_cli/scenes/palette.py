"""Materials by the names that people give them, each with its usual range of colours and scales."""

from __future__ import annotations

import colorsys
import math
from random import Random

from marigold_cli.scenes.scene import Material, Texture, Vector

T = Texture


def tint(hue: float, saturation: float, value: float) -> Vector:
    """A linear albedo from hue, saturation and brightness as the eye sees them."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), value)
    return red**2.2, green**2.2, blue**2.2


def shade(colour: Vector, factor: float) -> Vector:
    """The same colour, darker or brighter."""
    red, green, blue = (min(max(c * factor, 0.01), 0.95) for c in colour)
    return red, green, blue


def any_colour(rng: Random) -> Vector:
    """Mostly muted, sometimes vivid, sometimes black or white."""
    saturation = rng.choice((0.05, 0.1, 0.15, 0.25, 0.35, 0.5, 0.85)) * rng.uniform(0.5, 1.1)
    return tint(rng.random(), saturation, rng.choice((0.15, 0.35, 0.55, 0.75, 0.9)))


def pale(rng: Random) -> Vector:
    """Wall paint."""
    warm = rng.choice((0.08, 0.11, 0.14, 0.3, 0.55, 0.6, 0.02))
    return tint(warm, rng.choice((0.03, 0.08, 0.15, 0.3)), rng.uniform(0.65, 0.97))


def brown(rng: Random) -> Vector:
    """Wood, earth, leather."""
    return tint(rng.uniform(0.04, 0.12), rng.uniform(0.2, 0.75), rng.uniform(0.2, 0.85))


def grey(rng: Random, low: float = 0.2, high: float = 0.8) -> Vector:
    """Stone, concrete, metal."""
    return tint(rng.choice((0.1, 0.6)), rng.uniform(0, 0.12), rng.uniform(low, high))


def green(rng: Random) -> Vector:
    """Leaves and grass."""
    return tint(rng.uniform(0.16, 0.36), rng.uniform(0.3, 0.8), rng.uniform(0.25, 0.65))


def spread(rng: Random, low: float, high: float) -> float:
    """A value between two, even in its logarithm."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def paint(rng: Random, colour: Vector | None = None, gloss: float = 0.0) -> Material:
    """One colour with some stains."""
    base = colour or any_colour(rng)
    texture = rng.choice((T.PLAIN, T.PLAIN, T.CLOUDY))
    second = shade(base, rng.uniform(0.85, 1.1))
    scale, dirt = spread(rng, 0.3, 2), rng.choice((0.0, 0.1, 0.3))
    return Material(base, second, base, texture, scale, gloss=gloss, dirt=dirt)


def wall(rng: Random) -> Material:
    """What walls of rooms are covered with."""
    base = pale(rng) if rng.random() < 0.88 else any_colour(rng)
    kind = rng.random()
    if kind < 0.7:
        return Material(base, base, base, scale=0.5, dirt=rng.uniform(0, 0.08), grain=0.1)
    texture = rng.choice((T.STRIPES, T.ORNAMENT, T.BRICKS, T.TILES, T.PLANKS, T.SPOTS, T.CLOUDY))
    scale = spread(rng, 0.5, 2)
    return Material(
        base, shade(base, rng.uniform(0.7, 1.3)), shade(base, 0.8), texture, scale, dirt=0.1
    )


def floor(rng: Random) -> Material:
    """Planks, tiles, carpets, stone."""
    kind = rng.random()
    if kind < 0.45:
        base = brown(rng)
        stretch, gloss = rng.choice((1.0, 2.0, 0.5)), rng.choice((0.0, 0.15, 0.4))
        second = shade(base, rng.uniform(0.5, 0.9))
        scale = spread(rng, 0.5, 1.5)
        return Material(base, second, shade(base, 1.2), T.PLANKS, scale, stretch, gloss, 5)
    if kind < 0.7:
        base = grey(rng, 0.3, 0.9) if rng.random() < 0.6 else brown(rng)
        gloss, scale = rng.choice((0.1, 0.3, 0.6)), spread(rng, 0.3, 1.2)
        return Material(base, shade(base, 0.85), shade(base, 0.55), T.TILES, scale, 1, gloss, 6)
    return carpet(rng)


def carpet(rng: Random) -> Material:
    """Soft floors and rugs."""
    base, second = any_colour(rng), any_colour(rng)
    texture = rng.choice((T.SPECKLE, T.WEAVE, T.ORNAMENT, T.CLOUDY, T.STRIPES))
    near = shade(base, rng.uniform(0.6, 1.4))
    return Material(
        base, near if rng.random() < 0.6 else second, second, texture, spread(rng, 0.5, 2), dirt=0.2
    )


def wood(rng: Random) -> Material:
    """Furniture of wood, or painted."""
    if rng.random() < 0.3:
        white = tint(0.1, rng.uniform(0, 0.1), rng.uniform(0.75, 0.97))
        return paint(rng, white if rng.random() < 0.6 else any_colour(rng), rng.choice((0.0, 0.3)))
    base = brown(rng)
    second, third = shade(base, rng.uniform(0.55, 0.9)), shade(base, 1.15)
    gloss = rng.choice((0.0, 0.1, 0.3))
    return Material(base, second, third, T.WOOD, spread(rng, 0.6, 2), 1, gloss, 4.5)


def fabric(rng: Random) -> Material:
    """Covers, curtains, clothes."""
    base = any_colour(rng)
    texture = rng.choice((T.WEAVE, T.WEAVE, T.CLOUDY, T.PLAIN, T.STRIPES, T.CHECKS, T.SPOTS))
    second = any_colour(rng) if rng.random() < 0.3 else shade(base, rng.uniform(0.6, 1.3))
    return Material(base, second, shade(base, 0.8), texture, spread(rng, 0.8, 4), dirt=0.5)


def metal(rng: Random) -> Material:
    """Legs, poles, pots."""
    base = grey(rng, 0.1, 0.85)
    gloss, sharpness = rng.uniform(0.2, 0.9), rng.uniform(4, 7)
    return Material(base, shade(base, 0.8), base, T.PLAIN, 1, 1, gloss, sharpness)


def glazed(rng: Random) -> Material:
    """Pottery, plastic, lacquer."""
    base, texture = any_colour(rng), rng.choice((T.PLAIN, T.PLAIN, T.STRIPES, T.SPOTS, T.CLOUDY))
    gloss, scale = rng.uniform(0.2, 0.8), spread(rng, 3, 12)
    return Material(base, any_colour(rng), base, texture, scale, 1, gloss, rng.uniform(4, 7))


def printed(rng: Random, width: float) -> Material:
    """A book, a packet, a poster of a width [m]."""
    texture = rng.choice((T.PRINT, T.PRINT, T.TEXT, T.PAINTING, T.SPOTS, T.STRIPES, T.CHECKS))
    scale = rng.uniform(0.5, 1.2) / max(width, 0.02)
    gloss, stretch = rng.choice((0.0, 0.2, 0.5)), rng.choice((1.0, 0.7, 1.4))
    colours = any_colour(rng), any_colour(rng), any_colour(rng)
    return Material(*colours, texture, scale, stretch, gloss, 5, dirt=0.1)


def glowing(rng: Random, level: float) -> Material:
    """A lamp, a screen or a window that shows the outside."""
    warm = rng.uniform(0.5, 1)
    return Material((0.9, 0.9 * warm**0.5, 0.9 * warm), (0.8,) * 3, (0.9,) * 3, glow=level)


def view(rng: Random, width: float) -> Material:
    """What is seen through a window or on a screen."""
    sky, scale = tint(0.58, rng.uniform(0, 0.4), 1), rng.uniform(0.6, 1.1) / width
    return Material(
        sky, green(rng), grey(rng), T.PAINTING, scale, glow=spread(rng, 0.6, 3), dirt=0.1
    )


def foliage(rng: Random) -> Material:
    """Leaves of a tree or a bush."""
    base = green(rng) if rng.random() < 0.9 else tint(rng.uniform(0.02, 0.13), 0.7, 0.6)
    second, third = shade(base, rng.uniform(0.3, 0.7)), shade(base, 1.7)
    return Material(base, second, third, T.LEAVES, spread(rng, 0.4, 1.2), dirt=0.9, grain=0.9)


def meadow(rng: Random) -> Material:
    """Grass, earth, sand, gravel, snow."""
    kind, scale = rng.random(), spread(rng, 0.2, 1.0)
    if kind < 0.55:
        base = green(rng)
        second = shade(base, rng.uniform(0.5, 1.3)) if rng.random() < 0.7 else brown(rng)
        return Material(base, second, shade(base, 0.6), T.GRASS, scale, dirt=0.5, grain=0.8)
    base = brown(rng) if kind < 0.9 else grey(rng, 0.4, 0.95)
    texture = rng.choice((T.GRAVEL, T.CLOUDY, T.GRASS, T.SPECKLE))
    second = green(rng) if rng.random() < 0.25 else shade(base, 0.7)
    return Material(base, second, shade(base, 0.6), texture, scale, dirt=0.5, grain=0.8)


def road(rng: Random) -> Material:
    """Asphalt, concrete."""
    base = grey(rng, 0.28, 0.6)
    return Material(
        base, shade(base, rng.uniform(0.7, 1.2)), base, T.CRACKS, spread(rng, 0.08, 0.3), grain=0.6
    )


def paving(rng: Random) -> Material:
    """Pavements and squares."""
    base, texture = grey(rng, 0.4, 0.8), rng.choice((T.TILES, T.BRICKS, T.GRAVEL, T.CRACKS))
    return Material(base, shade(base, 0.8), shade(base, 0.6), texture, spread(rng, 0.2, 0.8))


def facade(rng: Random) -> Material:
    """House walls without windows."""
    base = rng.choice((pale, brown, grey, any_colour))(rng)
    texture = rng.choice((T.CLOUDY, T.BRICKS, T.PLAIN, T.RIBS, T.TILES, T.CLOUDY))
    return Material(base, shade(base, rng.uniform(0.7, 1)), shade(base, 0.7), texture, 0.5)


def windows(rng: Random, base: Vector) -> Material:
    """A wall with windows in rows, of a storey of about three metres."""
    glass = tint(0.58, rng.uniform(0, 0.3), rng.uniform(0.12, 0.45))
    frame = shade(base, rng.choice((0.5, 1.5, 2.5)))
    office = rng.random() < 0.3
    texture, scale = (T.SHUTTERS, 1 / 26) if office else (T.WINDOWS, 1 / 12.5)
    stretch = rng.uniform(0.6, 1.3)
    return Material(base, glass, frame, texture, scale, stretch, 0.25, 5, dirt=0.4)


def glass(rng: Random) -> Material:
    """Dark, mirroring panes."""
    base = tint(0.58, rng.uniform(0, 0.3), rng.uniform(0.05, 0.3))
    return Material(base, base, base, gloss=rng.uniform(0.6, 1), sharpness=7, dirt=0.1)


def car_paint(rng: Random) -> Material:
    """Whites, greys and blacks, and some colours."""
    base = grey(rng, 0.06, 0.95) if rng.random() < 0.7 else tint(rng.random(), 0.75, 0.6)
    return Material(base, base, base, gloss=rng.uniform(0.5, 0.9), sharpness=6, dirt=0.2)


def skin(rng: Random) -> Material:
    """Faces and hands."""
    base = tint(rng.uniform(0.04, 0.08), rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.9))
    return paint(rng, base)
