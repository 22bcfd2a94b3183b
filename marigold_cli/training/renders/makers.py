"""The maker of each kind of scene."""

from __future__ import annotations

from marigold_cli.training.renders.closeups import compose_close_up
from marigold_cli.training.renders.gardens import compose_garden
from marigold_cli.training.renders.interiors import compose_interior
from marigold_cli.training.renders.plan import Kind
from marigold_cli.training.renders.scene import Scene
from marigold_cli.training.renders.squares import compose_square
from marigold_cli.training.renders.stage import Stage
from marigold_cli.training.renders.streets import compose_street


def compose(stage: Stage, kind: Kind) -> Scene:
    """Build a scene of a kind."""
    match kind:
        case Kind.SHELF | Kind.TABLE_TOP | Kind.CLOSE_UP:
            return compose_close_up(stage, kind)
        case Kind.STREET | Kind.ROAD:
            return compose_street(stage, kind)
        case Kind.SQUARE | Kind.COURTYARD:
            return compose_square(stage, kind)
        case Kind.GARDEN:
            return compose_garden(stage)
        case _:
            return compose_interior(stage, kind)
