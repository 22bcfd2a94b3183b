"""What every decoder hands on: stored pixels, colours still as the file means them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marigold_cli.depth import Floats
from marigold_cli.errors import ImageError, Kind
from marigold_cli.files.strips import split

Pixels = NDArray[np.uint8 | np.uint16 | np.float32]


@dataclass(frozen=True)
class DecodePolicy:
    """What may be decoded, and how small it may come out."""

    max_pixels: int = 300_000_000
    long_edge: int | None = None  # of the processing size [px]; None: full resolution is needed

    def admit(self, height: int, width: int) -> None:
        """Judge a picture by its header, before any pixel takes memory.

        Raises:
            ImageError: "too-large", or "format" for a picture without pixels.
        """
        if height < 1 or width < 1:
            raise ImageError(Kind.FORMAT, f"has no pixels ({width} x {height}); copy it again")
        if height * width > self.max_pixels:
            raise ImageError(
                Kind.TOO_LARGE,
                f"{width} x {height} = {_megapixels(height * width)}, the limit is "
                f"{_megapixels(self.max_pixels)}; raise --max-pixels if you trust this photo",
            )

    def reduction(self, height: int, width: int) -> int:
        """The largest of 1, 2, 4, 8 by which both sides stay twice what processing needs."""
        if not self.long_edge or self.long_edge >= max(height, width):
            return 1
        scale = self.long_edge / max(height, width)
        needed = [(side, max(1, round(side * scale))) for side in (height, width)]
        return next(
            (by for by in (8, 4, 2) if all(-(-side // by) >= 2 * need for side, need in needed)), 1
        )


def _megapixels(pixels: int) -> str:
    """A number of pixels in words: "0.24 MP", "12 MP"."""
    return f"{pixels / 1e6:,.0f} MP" if pixels >= 10_000_000 else f"{pixels / 1e6:.2g} MP"


@dataclass(frozen=True)
class Raster:
    """Decoded pixels in the file's own grid and colours.

    Attributes:
        pixels: uint8 or uint16 over their full range, or float32 in [0, 1]:
            [H, W] grey, [H, W, 3] RGB, or [H, W, 4] CMYK with 0 for no ink. No alpha.
        size: Height and width of the stored file [px]; `pixels` may be smaller.
        orientation: EXIF 1..8, still to be undone.
        profile: ICC profile of the colours; empty: sRGB.
    """

    pixels: Pixels
    size: tuple[int, int]
    orientation: int = 1
    profile: bytes = b""


def over_white(colours: Pixels, alpha: Pixels) -> Pixels:
    """Lay a transparent picture on a white page, as a browser shows it.

    The alternative, keeping the colours under transparent pixels, would show a network what no
    viewer shows: mostly black, or what an editor left behind.

    Args:
        colours: [H, W] or [H, W, 3], over its type's full range.
        alpha: [H, W], same type; its largest value is opaque.
    """
    return _lay(colours, alpha, lambda colour, share: 1 - (1 - colour) * share)


def over_white_premultiplied(colours: Pixels, alpha: Pixels) -> Pixels:
    """`over_white` for colours that are multiplied by alpha already."""
    return _lay(colours, alpha, lambda colour, share: colour + (1 - share))


def without_alpha(samples: Pixels, lay: Callable[[Pixels, Pixels], Pixels] = over_white) -> Pixels:
    """Take the alpha away from samples that may have one, laying them on white.

    Args:
        samples: [H, W] grey, or [H, W, C]: 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        lay: How: `over_white`, or `over_white_premultiplied`.
    """
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples
    colours = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return lay(colours, samples[..., -1])


def _lay(colours: Pixels, alpha: Pixels, mix: Callable[[Floats, Floats], Floats]) -> Pixels:
    """Mix colours with a white page as their share says, unless all are opaque."""
    if alpha.min() == full_scale(alpha.dtype):
        return colours
    shares = alpha if colours.ndim == 2 else alpha[..., None]
    return by_strips(
        colours,
        lambda rows: from_unit(mix(to_unit(colours[rows]), to_unit(shares[rows])), colours.dtype),
    )


def by_strips(like: Pixels, compute: Callable[[slice], NDArray[np.generic]]) -> Pixels:
    """Compute pixels a strip of rows at a time; what is wider than they are is never there whole.

    Args:
        like: Pixels of the result's shape and type, [H, W] or [H, W, C].
        compute: Those of some rows.
    """
    result = np.empty_like(like)
    for rows in split(*like.shape[:2]):
        result[rows] = compute(rows)
    return result


def spread(samples: NDArray[np.uint8 | np.uint16], bits: int) -> Pixels:
    """Spread integers of so many bits over the full range of their type."""
    white = full_scale(samples.dtype)
    if 2**bits - 1 == white:
        return samples
    return by_strips(
        samples,
        lambda rows: samples[rows].astype(np.uint32) * np.uint32(white) // np.uint32(2**bits - 1),
    )


def full_scale(dtype: np.dtype[np.generic]) -> int:
    """The value of white: 255, 65535, or 1 for floats."""
    return 2 ** (8 * dtype.itemsize) - 1 if dtype.kind == "u" else 1


def to_unit(pixels: Pixels) -> NDArray[np.float32]:
    """Bring a type's full range to float32 in [0, 1]."""
    return pixels.astype(np.float32) / np.float32(full_scale(pixels.dtype))


def from_unit(values: NDArray[np.float32], dtype: np.dtype[np.generic]) -> Pixels:
    """Undo `to_unit`, clipped and rounded; NaN becomes 0."""
    clipped = np.fmax(values, np.float32(0))
    np.fmin(clipped, np.float32(1), out=clipped)
    if dtype.kind == "f":
        return clipped
    clipped *= np.float32(full_scale(dtype))
    clipped += np.float32(0.5)
    result: Pixels = clipped.astype(dtype)
    return result
