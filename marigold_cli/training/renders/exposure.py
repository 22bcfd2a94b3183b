"""From the light that a camera receives to the picture that it writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear Rec. 709 primaries
_BURNT = 2.0  # nine tenths of the picture lie below this after exposure; white is at about 7


def expose(light: Floats, key: float = 0.18, balance: float = 0.6) -> Pixels:
    """Develop a picture as a camera on automatic does.

    Args:
        light: Linear Rec. 709, [H, W, 3], at least 0, any unit.
        key: What the geometric mean of the luminance becomes, before the curve.
        balance: How much of the light's colour is taken out, 0 to 1.

    Returns:
        sRGB, uint8 [H, W, 3].
    """
    balanced = light * white_balance(light, balance)
    return encode_srgb(tone_curve(balanced * exposure_of(balanced, key)))


def exposure_of(light: Floats, key: float) -> float:
    """The factor that brings the log-mean luminance to the key without burning the highlights."""
    luminance = light @ _LUMINANCE
    floor = max(float(luminance.mean()) * 1e-3, 1e-9)
    mean = float(np.exp(np.log(np.maximum(luminance, floor)).mean()))
    bright = max(float(np.quantile(luminance, 0.9)), floor)
    return min(key / mean, _BURNT / bright)


def white_balance(light: Floats, strength: float) -> Floats:
    """Gains per channel, [3], that take out a share of the mean colour and keep the luminance."""
    bright = light @ _LUMINANCE
    weight = np.minimum(bright, np.quantile(bright, 0.9))  # a lamp in view shall not decide
    share = weight / np.maximum(bright, 1e-9)
    mean = np.maximum((light * share[..., None]).mean((0, 1)), 1e-9)
    gains = (mean.mean() / mean) ** strength
    kept = (mean @ _LUMINANCE) / (mean * gains @ _LUMINANCE)
    return np.asarray(gains * kept, np.float32)


def tone_curve(light: Floats) -> Floats:
    """Film-like contrast: a soft toe, a long shoulder, in [0, 1] (Narkowicz's fit of ACES)."""
    curve = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    return np.asarray(np.clip(curve, 0, 1), np.float32)


def encode_srgb(light: Floats) -> Pixels:
    """Linear values in [0, 1] as sRGB, uint8 (IEC 61966-2-1)."""
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(curve * 255), np.uint8)
