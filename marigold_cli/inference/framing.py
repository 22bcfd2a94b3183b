"""How a depth model of one pass wants its pixels, as sizes and numbers. Knows nothing of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from marigold_cli.inference.options import Resample


class Family(StrEnum):
    """Depth models of transformers that are told apart; the names are transformers' model types."""

    DEPTH_ANYTHING = "depth_anything"
    DPT = "dpt"
    ZOEDEPTH = "zoedepth"
    DEPTH_PRO = "depth_pro"


@dataclass(frozen=True)
class Framing:
    """A checkpoint's own rules for the frame that its network sees.

    Attributes:
        size: Height and width aimed at [px].
        keeps_aspect: Whether both sides are scaled alike; the one nearer to its aim meets it.
        multiple: Both sides become multiples of it [px].
        resample: Interpolation to the frame.
        mean: Of red, green and blue in [0, 1], taken off.
        deviation: Of red, green and blue, divided by.
        is_antialiased: Whether pixels are averaged where the frame is smaller than the photo.
        has_border: Whether the photo is first mirrored outwards at its edges, as ZoeDepth needs.
    """

    size: tuple[int, int]
    keeps_aspect: bool
    multiple: int
    resample: Resample
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    is_antialiased: bool = True
    has_border: bool = False

    def frame_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the frame [px] for pixels of (height, width), border included."""
        down, right = self.size[0] / size[0], self.size[1] / size[1]
        if self.keeps_aspect:
            down = right = right if abs(1 - right) < abs(1 - down) else down
        return self._whole(down * size[0]), self._whole(right * size[1])

    def border(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows above and below, columns left and right, that are mirrored outwards [px]."""
        if not self.has_border:
            return 0, 0
        return int(3 * math.sqrt(size[0] / 2)), int(3 * math.sqrt(size[1] / 2))

    def _whole(self, side: float) -> int:
        return max(1, round(side / self.multiple)) * self.multiple
