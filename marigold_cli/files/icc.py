"""Any colours to sRGB: ICC profiles by LittleCMS in 8 bits, 16 bits or float, grey and CMYK."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from marigold_cli.files.raster import Pixels, by_strips, from_unit, full_scale, to_unit

SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue

_SPACES = {3: "rgb", 4: "cmyk"}
_EXACT = 0x100  # cmsFLAGS_NOOPTIMIZE
_SAME = 2  # [1/255]; a profile that moves no colour further than this is sRGB by another name


def to_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Convert stored colours to sRGB.

    LittleCMS interpolates 16-bit colours in a coarse table: measured on photographs that is 0.0007
    off on average and 0.03 at the edge of the gamut, and seven times as fast as exact.

    Args:
        pixels: [H, W] grey, [H, W, 3] RGB or [H, W, 4] CMYK, as in `Raster`.
        profile: ICC profile; one that is empty, broken or of another colour space is ignored.

    Returns:
        [H, W, 3] of the same type.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if profile and not (channels == 3 and _is_srgb(profile)):
        try:
            return _grey(pixels, profile) if channels == 1 else _transform(pixels, profile)
        except imagecodecs.CmsError:
            pass  # as in every viewer, a picture with a broken profile is still a picture
    return _without_profile(pixels)


def gamma_profile(
    gamma: float, primaries: Sequence[float] = SRGB_PRIMARIES, is_grey: bool = False
) -> bytes:
    """Make an ICC profile of colours that are described by a power of light.

    Args:
        gamma: Stored value = light ** gamma, e.g. 0.45455; 1 for linear light.
        primaries: x and y of white, red, green and blue.
        is_grey: Whether the pixels are grey.

    Returns:
        The profile; empty for colours that cannot be.
    """
    places = [(x, y, 1.0) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]
    colours = {} if is_grey else {"whitepoint": places[0], "primaries": sum(places[1:], ())}
    try:
        profile: bytes = imagecodecs.cms_profile(
            "gray" if is_grey else "rgb", gamma=1 / gamma, **colours
        )
    except (imagecodecs.CmsError, ArithmeticError):
        return b""
    return profile


def _grey(pixels: Pixels, profile: bytes) -> Pixels:
    """Look every grey up in a table of all; the coarse one is 0.04 off in the shadows."""
    if pixels.dtype.kind == "f":
        return _transform(pixels, profile, _EXACT)
    every = np.arange(full_scale(pixels.dtype) + 1, dtype=pixels.dtype)[None]
    colours: Pixels = _transform(every, profile, _EXACT)[0][pixels]
    return colours


def _without_profile(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 3:
        return pixels
    return by_strips(pixels[..., :3], lambda rows: _ink(pixels[rows]))


def _ink(inks: Pixels) -> Pixels:
    """CMYK on white paper."""
    paper = 1 - to_unit(inks)
    return from_unit(paper[..., :3] * paper[..., 3:], inks.dtype)


@lru_cache(maxsize=32)
def _is_srgb(profile: bytes) -> bool:
    """Whether a profile leaves a grid of probe colours where they are."""
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    try:
        moved = _transform(probe, profile)
    except imagecodecs.CmsError:
        return True  # broken: nothing to convert with
    return int(np.abs(moved.astype(np.int16) - probe).max()) <= _SAME


def _transform(pixels: Pixels, profile: bytes, flags: int = 0) -> Pixels:
    converted: NDArray[np.uint8 | np.uint16 | np.float32] = imagecodecs.cms_transform(
        np.ascontiguousarray(pixels),
        profile,
        _srgb_profile(),
        colorspace="gray" if pixels.ndim == 2 else _SPACES[pixels.shape[2]],
        outcolorspace="rgb",
        outdtype=pixels.dtype,
        flags=flags,
    )
    if converted.dtype.kind == "f":  # float transforms do not clip colours outside sRGB
        np.clip(converted, 0, 1, out=converted)
    return converted


@lru_cache(maxsize=1)
def _srgb_profile() -> bytes:
    profile: bytes = imagecodecs.cms_profile("srgb")
    return profile
