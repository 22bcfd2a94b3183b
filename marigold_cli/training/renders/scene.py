"""What a maker of scenes gives back: where a camera could be, and what it must see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marigold_cli.training.renders.views import Rules, View


@dataclass(frozen=True)
class Scene:
    """A finished scene.

    Attributes:
        draw: Makes up another view at every call; it may look into a wall.
        rules: What a view must show.
    """

    draw: Callable[[], View]
    rules: Rules
