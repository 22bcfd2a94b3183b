"""What surfaces are made of: infinigen's materials by purpose, and plain ones of our own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from marigold_cli.training.renders import paints
from marigold_cli.training.renders.limits import TookTooLongError, at_most
from marigold_cli.training.renders.taming import roughen, tame

Material = Any  # bpy.types.Material
Maker = Callable[[np.random.Generator], Material]

_ASSETS = "infinigen.assets.materials."
_MATT = ("paving", "facade", "rough-wall", "rough-floor", "earth", "trim")  # no mirrors
_PATIENCE = 4.0  # of processor time for one material [s]


def make(purpose: str, rng: np.random.Generator) -> Material:
    """A material for some purpose; plain paint where a generator fails."""
    makers, weights = zip(*PURPOSES[purpose], strict=True)
    chances = np.array(weights, float) / sum(weights)
    for _ in range(3):
        maker = makers[int(rng.choice(len(makers), p=chances))]
        try:
            with at_most(_PATIENCE):
                material = maker(rng)
                tame(material)
                if purpose in _MATT:
                    roughen(material)
                return material
        except (Exception, TookTooLongError):  # generators fail in many ways
            continue
    return paints.paint(rng)


def _generated(module: str, name: str, **options: Any) -> Maker:
    """The material class of this name."""

    def maker(rng: np.random.Generator) -> Material:
        made = getattr(importlib.import_module(_ASSETS + module), name)()
        return made.generate(**options)

    return maker


def _shaded(module: str, name: str) -> Maker:
    """The shader of this name, of those that also shape the ground."""

    def maker(rng: np.random.Generator) -> Material:
        from infinigen.core import surface

        return surface.shaderfunc_to_material(
            getattr(importlib.import_module(_ASSETS + module), name)
        )

    return maker


_PLASTER = _generated("ceramic", "Plaster", plaster_colored=False)
_COLOURED_PLASTER = _generated("ceramic", "Plaster", plaster_colored=True)
_BRICK = _generated("ceramic", "Brick")
_CONCRETE = _generated("ceramic", "Concrete")
_TILE = _generated("ceramic", "Tile")
_WALL_TILE = _generated("ceramic", "Tile", vertical=True)
_WOOD = _generated("wood", "Wood")
_MARBLE = _generated("ceramic", "Marble")
_RUG = _generated("fabric", "Rug")
_WOOD_FLOORS = [
    (_generated("wood", name), weight)
    for name, weight in (
        ("HardwoodFloor", 3),
        ("CompositeWoodTile", 1),
        ("CrossedWoodTile", 1),
        ("SquareWoodTile", 1),
        ("StaggeredWoodTile", 2),
        ("HexagonWoodTile", 0.5),
    )
]
_EARTH = [
    (_shaded("terrain.dirt", "shader_dirt"), 1.0),
    (_shaded("terrain.soil", "shader_soil"), 1.0),
    (_shaded("terrain.mud", "shader_mud"), 0.6),
    (_shaded("terrain.stone", "shader_stone"), 0.6),
    (_shaded("terrain.cracked_ground", "shader_cracked_ground"), 0.5),
]
_COBBLES = _shaded("terrain.cobble_stone", "shader_cobblestone")

PURPOSES: dict[str, list[tuple[Maker, float]]] = {
    "wall": [
        (paints.paint, 5),
        (_PLASTER, 3),
        (_COLOURED_PLASTER, 0.6),
        (_BRICK, 0.5),
        (_CONCRETE, 0.4),
    ],
    "wet-wall": [(_WALL_TILE, 5), (paints.paint, 2), (_PLASTER, 1)],
    "rough-wall": [(_CONCRETE, 3), (_BRICK, 2), (paints.paint, 1), (_PLASTER, 1)],
    "ceiling": [(paints.paint, 1), (_PLASTER, 2)],
    "floor": [*_WOOD_FLOORS, (_TILE, 3), (_RUG, 1), (_CONCRETE, 0.5)],
    "wet-floor": [(_TILE, 4), (_MARBLE, 1), (_CONCRETE, 0.3)],
    "rough-floor": [(_CONCRETE, 3), (paints.asphalt, 1), (_TILE, 0.5)],
    "facade": [
        (_PLASTER, 3),
        (paints.paint, 3),
        (_COLOURED_PLASTER, 1),
        (_BRICK, 3),
        (_CONCRETE, 1),
    ],
    "trim": [(paints.gloss, 3), (_CONCRETE, 1), (_PLASTER, 1)],
    "door": [(paints.gloss, 2), (_WOOD, 2), (paints.dark, 0.5)],
    "wood": [(_WOOD, 3), (paints.gloss, 1)],
    "paving": [(_COBBLES, 2), (_TILE, 2), (_CONCRETE, 2), (paints.gravel, 1), (_BRICK, 1)],
    "asphalt": [(paints.asphalt, 1)],
    "earth": [*_EARTH, (paints.gravel, 1)],
    "meadow": [(paints.meadow, 1)],
    "curtain": [(_generated("fabric", "FineKnitFabric"), 1), (paints.cloth, 3)],
    "rug": [(_RUG, 2), (_generated("fabric", "CoarseKnitFabric"), 1), (paints.cloth, 1)],
    "top": [(paints.cloth, 1)],
    "skin": [(paints.skin, 1)],
    "hair": [(paints.hair, 1)],
    "pot": [(_generated("ceramic", "VaseCeramic"), 1), (paints.gloss, 2), (paints.clay, 3)],
    "paint": [(paints.coat, 1)],
    "pane": [(paints.pane, 1)],
    "leaf": [(paints.leaf, 1)],
    "bark": [(paints.bark, 1)],
    "roof": [(paints.roof, 1)],
    "metal": [(paints.metal, 2), (_generated("metal", "BrushedMetal"), 1)],
    "dark": [(paints.dark, 1)],
    "box": [(_WOOD, 1), (paints.gloss, 2), (_CONCRETE, 0.5), (paints.metal, 1), (paints.cloth, 1)],
    "lamp": [(lambda rng: paints.plain(paints.hue(0.12, 0.05, 0.8), 0.1), 1)],
    "red": [(lambda rng: paints.plain(paints.hue(0.0, 0.9, 0.3), 0.2), 1)],
}
