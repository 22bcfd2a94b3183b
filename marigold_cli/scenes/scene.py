"""Scenes as values: solids with materials, lights, a sky and a camera.

World frame: x right, y forward, z up, in metres; z = 0 is the ground or the floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

Vector = tuple[float, float, float]


class Shape(IntEnum):
    """Kinds of solids, all within [-1, 1]^3: that cube cut by a quadric; see `solids`."""

    BOX = 0
    ELLIPSOID = 1
    CYLINDER = 2  # its axis is z, as for all that follow
    DOME = 3  # a paraboloid with its tip on top
    BOWL = 4  # a paraboloid with its tip below
    CUSHION = 5  # a box with rounded corners
    BARREL = 6
    BLOCK = 7  # a box with slightly rounded corners
    CROWN = 8  # an ellipsoid's skin full of holes: leaves


class Texture(IntEnum):
    """Patterns of the atlas; see `textures`."""

    PLAIN = 0
    CLOUDY = 1
    MARBLE = 2
    SPECKLE = 3
    PLANKS = 4
    WOOD = 5
    TILES = 6
    BRICKS = 7
    STRIPES = 8
    CHECKS = 9
    WEAVE = 10
    PRINT = 11
    TEXT = 12
    GRAVEL = 13
    GRASS = 14
    LEAVES = 15
    WINDOWS = 16
    SPOTS = 17
    RIBS = 18
    CRACKS = 19
    BOOKS = 20
    PAINTING = 21
    ORNAMENT = 22
    SHUTTERS = 23


class Material(NamedTuple):
    """One surface: a texture mixes three linear albedos in [0, 1]."""

    first: Vector
    second: Vector
    third: Vector
    texture: float = Texture.PLAIN
    scale: float = 1.0  # repetitions of the texture per metre
    stretch: float = 1.0  # width of a repetition over its height
    gloss: float = 0.0  # strength of highlight and mirror image, 0 to 1
    sharpness: float = 3.0  # log2 of the highlight's exponent
    glow: float = 0.0  # light given off, in units of diffuse white
    dirt: float = 0.3  # strength of large, soft stains
    grain: float = 0.3  # strength of fine noise


class Solid(NamedTuple):
    """One solid: its place, half its size along its own axes, rotation z, then x, then y [rad]."""

    shape: Shape
    centre: Vector
    half: Vector
    rotation: Vector
    material: Material
    hollow: bool  # seen from inside: a room


class Light(NamedTuple):
    """A lamp or the sun: looks from its position at a target, as a camera does."""

    position: Vector
    target: Vector
    colour: Vector
    spread: float  # half the width seen at distance 1; 0: parallel light
    extent: float  # half the width at the light itself [m]; 0: a point
    reach: float  # distance at which a point gives its colour [m]; 0: no loss with distance
    softness: float  # radius of the shadow's edge over the lit width
    framed: bool = False  # dark outside the lit width: light through a window


class Place(NamedTuple):
    """Where something stands and which way it is turned about z; its front looks along -y."""

    x: float
    y: float
    z: float = 0.0
    turn: float = 0.0

    def at(self, right: float, back: float, up: float = 0.0, turn: float = 0.0) -> Place:
        """A place relative to this one."""
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        return Place(
            self.x + cos * right - sin * back,
            self.y + sin * right + cos * back,
            self.z + up,
            self.turn + turn,
        )


@dataclass
class Sky:
    """What lies beyond everything; colours are linear light."""

    zenith: Vector = (0.4, 0.6, 1.0)
    horizon: Vector = (0.9, 0.95, 1.0)
    clouds: float = 0.5  # covered share, 0 to 1
    haze: float = 0.0  # [1/m]
    shift: float = 0.0  # where in the clouds


@dataclass
class Lens:
    """What a camera does to the picture."""

    balance: Vector = (1.0, 1.0, 1.0)
    focus: float = 2.0  # distance that is sharp [m]
    aperture: float = 0.0  # blur of the far background, as a share of the width
    exposure: float = 0.25  # mean brightness after exposure, linear
    contrast: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.0
    blur: float = 0.3  # softness everywhere [px]
    bloom: float = 0.0
    noise: float = 0.01
    quality: float = 95.0  # JPEG


@dataclass
class Scene:
    """Everything that the renderer needs to know."""

    solids: list[Solid] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)  # two
    ambient: Vector = (0.4, 0.4, 0.4)
    sky: Sky = field(default_factory=Sky)
    lens: Lens = field(default_factory=Lens)
    camera: Vector = (0.0, 0.0, 1.5)
    heading: float = 0.0  # 0 looks along +y, positive to the right [rad]
    pitch: float = 0.0  # upwards [rad]
    roll: float = 0.0
    field_of_view: float = 1.0  # horizontal [rad]

    def add(
        self,
        shape: Shape,
        place: Place,
        half: Vector,
        material: Material,
        tilt: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Put up a solid whose centre is at a place."""
        centre = (place.x, place.y, place.z)
        rotation = (place.turn, tilt[0], tilt[1])
        self.solids.append(Solid(shape, centre, half, rotation, material, False))

    def stand(self, shape: Shape, place: Place, half: Vector, material: Material) -> None:
        """Put up a solid that stands on a place."""
        self.add(shape, place.at(0, 0, half[2]), half, material)

    def enclose(self, centre: Vector, half: Vector, turn: float, material: Material) -> None:
        """Put a room around everything."""
        self.solids.append(Solid(Shape.BOX, centre, half, (turn, 0, 0), material, True))

    def bar(self, start: Vector, end: Vector, radius: float, material: Material) -> None:
        """Put up a cylinder from point to point."""
        x, y, z = (b - a for a, b in zip(start, end, strict=True))
        length = max(math.sqrt(x * x + y * y + z * z), 1e-3)
        middle = tuple((a + b) / 2 for a, b in zip(start, end, strict=True))
        rotation = (math.atan2(x, -y), math.acos(max(-1.0, min(1.0, z / length))), 0.0)
        half = (radius, radius, length / 2)
        centre = (middle[0], middle[1], middle[2])
        self.solids.append(Solid(Shape.CYLINDER, centre, half, rotation, material, False))
